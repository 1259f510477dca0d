"""The records of a sweep, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas

from gan_jax.evaluation import records as evaluations
from gan_jax.paths import expanded
from gan_jax.sweeps.aggregate import summarize
from gan_jax.sweeps.layout import read_sweep, run_folder
from gan_jax.sweeps.table import HEAD, load, settings_of

CONFIDENCE = 0.95


def read(workdir: str | Path) -> "Material":
    """The records of a sweep, which may be unfinished."""
    workdir = expanded("workdir", workdir)
    sweep = read_sweep(workdir)
    frame = load(workdir)
    found = settings_of(frame.drop_duplicates("run"), sweep["fields"])
    runs = [dict(sorted(zip(own["seed"].astype(int), own["run"], strict=True))) for _, own in found]
    return Material(workdir, sweep, frame, [point for point, _ in found], runs)


@dataclass(frozen=True)
class Material:
    """Records of a sweep; a setting is called by its position in ``points``."""

    workdir: Path
    sweep: Mapping[str, Any]  # sweep.json
    frame: pandas.DataFrame  # of ``gan_jax.sweeps.load``
    points: list[dict[str, Any]]  # of each setting, {field that varies: value}
    runs: list[dict[int, str]]  # of each setting, {seed: name of its run}
    _tables: dict[tuple[str, str | None], pandas.DataFrame] = field(default_factory=dict)

    @cached_property
    def metrics(self) -> list[str]:
        """Values that some evaluation measured, the one that ranks first."""
        found = [name for name in self.frame.columns if f"{name}:protocol" in self.frame.columns]
        return sorted(found, key=lambda name: name != self.sweep["metric"])

    @cached_property
    def final(self) -> pandas.DataFrame:
        """The rows of the table that statistics are made of: those of each run's last evaluated step."""
        return self.frame[self.frame["last"].astype(bool)]

    def final_of(self, metric: str) -> pandas.DataFrame:
        """``final`` without the other metrics, which take time to carry along."""
        wanted = (*HEAD, *self.sweep["fields"], "seed", metric, f"{metric}:protocol")
        return self.final[[name for name in wanted if name in self.final.columns]]

    def protocols_of(self, metric: str) -> list[str]:
        """Hashes of the protocols by which runs were measured last, in order of appearance."""
        stamps = f"{metric}:protocol"
        if stamps not in self.frame.columns:
            return []
        return list(dict.fromkeys(self.final[self.final[metric].notna()][stamps]))

    def table(self, metric: str, protocol: str | None = None) -> pandas.DataFrame:
        """``gan_jax.sweeps.summarize``, a row for each setting; None: by the protocol that most runs have."""
        if (metric, protocol) not in self._tables:
            made = summarize(self.final_of(metric), metric, protocol=protocol, confidence=CONFIDENCE)
            self._tables[metric, protocol] = self._tables[metric, made.attrs["protocol"]] = made
        return self._tables[metric, protocol]

    @cached_property
    def evaluations(self) -> dict[str, list[evaluations.Record]]:
        """{run: records of evaluation.jsonl}."""
        return {name: evaluations.read(run_folder(self.workdir, name)) for name in self.sweep["runs"]}
