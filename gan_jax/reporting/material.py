"""What a report is made of: the records of a sweep, read once."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas

from gan_jax.evaluation import records as evaluations
from gan_jax.paths import expanded
from gan_jax.reporting.wording import short_names, words_of
from gan_jax.status import Status
from gan_jax.stored import read_object
from gan_jax.sweeps.layout import read_metrics, read_result, read_sweep, run_folder
from gan_jax.sweeps.table import HEAD, load, settings_of


def read(workdir: str | Path) -> "Material":
    """The records of a sweep.

    Args:
      workdir: of a sweep, which may be unfinished.

    Raises:
      WorkdirError: there is no sweep, or a record cannot be read.
    """
    workdir = expanded("workdir", workdir)
    sweep = read_sweep(workdir)
    frame = load(workdir)
    short = short_names(sweep["fields"])
    settings = []
    for number, (point, own) in enumerate(settings_of(frame.drop_duplicates("run"), sweep["fields"])):
        runs = dict(zip(own["seed"].astype(int), own["run"], strict=True))
        settings.append(Setting(number, point, words_of(point, short), dict(sorted(runs.items()))))
    return Material(workdir, sweep, frame, tuple(settings), short)


class Setting(NamedTuple):
    """A point of the grid.

    Attributes:
      number: from 0, in the order of the sweep.
      point: {field that varies: value}.
      words: what it is called, field by field.
      runs: {seed: name of its run}.
    """

    number: int
    point: Mapping[str, Any]
    words: tuple[str, ...]
    runs: dict[int, str]

    @property
    def label(self) -> str:
        """What it is called."""
        return ", ".join(self.words)


class Run(NamedTuple):
    """How a run stands.

    Attributes:
      name: of its folder.
      status: as in the table of results.
      step: how far it came.
      steps: how far it was to come.
      seconds: spent.
      reason: why it ended early, or "".
      health: findings, as in result.json.
      group: of runs that share a program.
    """

    name: str
    status: Status
    step: int
    steps: int
    seconds: float
    reason: str
    health: tuple[Mapping[str, Any], ...]
    group: str


class Material:
    """Records of a sweep.

    Attributes:
      workdir: of the sweep.
      sweep: sweep.json.
      frame: ``gan_jax.sweeps.load``.
      settings: points of the grid in the order of the sweep.
      short: {field that varies: its short name}.
      metric: the value by which settings are ranked, or "".
    """

    def __init__(
        self,
        workdir: Path,
        sweep: Mapping[str, Any],
        frame: pandas.DataFrame,
        settings: tuple[Setting, ...],
        short: Mapping[str, str],
    ) -> None:
        self.workdir, self.sweep, self.frame, self.settings, self.short = workdir, sweep, frame, settings, short
        self.metric: str = sweep["metric"]

    @cached_property
    def runs(self) -> dict[str, Run]:
        """Every run of the sweep by its name, also those that have not begun."""
        rows = self.frame.drop_duplicates("run", keep="last").set_index("run")
        made = {}
        for name in self.sweep["runs"]:
            row = rows.loc[name]
            result = read_result(self.workdir, name) or {}
            done = int(result.get("step", row["step"] or 0))
            made[name] = Run(
                name, Status(row["status"]), done, int(row["steps"]), float(row["seconds"]),
                str(row["reason"]), tuple(result.get("health", ())), str(row["group"]),
            )  # fmt: skip
        return made

    @cached_property
    def final(self) -> pandas.DataFrame:
        """The rows of the table that statistics are made of: those of each run's last evaluated step."""
        return self.frame[self.frame["last"].astype(bool)]

    def final_of(self, metric: str) -> pandas.DataFrame:
        """``final`` without the other metrics, which take time to carry along."""
        wanted = (*HEAD, *self.sweep["fields"], "seed", metric, f"{metric}:protocol")
        return self.final[[name for name in wanted if name in self.final.columns]]

    @cached_property
    def seeds(self) -> list[int]:
        """Seeds of all settings."""
        return sorted({seed for setting in self.settings for seed in setting.runs})

    @cached_property
    def metrics(self) -> list[str]:
        """Values that some evaluation measured, the one that ranks first."""
        found = [name for name in self.frame.columns if f"{name}:protocol" in self.frame.columns]
        return sorted(found, key=lambda name: name != self.metric)

    @cached_property
    def training(self) -> dict[str, list[dict[str, Any]]]:
        """{run: records of metrics.jsonl}."""
        return {name: read_metrics(self.workdir, name) for name in self.sweep["runs"]}

    @cached_property
    def evaluations(self) -> dict[str, list[evaluations.Record]]:
        """{run: records of evaluation.jsonl}."""
        return {name: evaluations.read(run_folder(self.workdir, name)) for name in self.sweep["runs"]}

    def json_of(self, run: str, file: str) -> Any:
        """A JSON file of a run, or None."""
        return read_object(run_folder(self.workdir, run) / file)
