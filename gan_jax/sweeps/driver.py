"""Runs a sweep: lays it out, has its groups trained by an executor, and writes its results."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.build import build_game, build_source
from gan_jax.errors import ConfigError
from gan_jax.evaluation.records import versions
from gan_jax.paths import expanded
from gan_jax.stored import read_object
from gan_jax.sweeps import halving
from gan_jax.sweeps.asynchronous import Ladder
from gan_jax.sweeps.hosts import train_over_hosts
from gan_jax.sweeps.plan import plan, structure_of
from gan_jax.sweeps.progress import SweepProgress
from gan_jax.sweeps.records import DONE, FILE, NEEDED, Group, run_folder, status_of, write_group
from gan_jax.sweeps.results import write_results
from gan_jax.sweeps.space import NOT_TRAINED, Resources, Sweep, expand, run_name
from gan_jax.training.records import PACKAGES, locked, write_text
from gan_jax.training.start import read_config
from gan_jax.training.together import Show

WRITTEN = (
    "results.csv",
    "results.parquet",
    "summary.json",
    "report.html",
)  # beside the runs, their groups and sweep.json


class Job(NamedTuple):
    """What an executor is asked to do.

    Attributes:
      workdir: of the sweep.
      groups: to train; their folders are written.
      width: most runs on a device; 0 measures.
      command: for environment.json of the runs.
      resources: of each group.
      show: for a person.
      more: groups that may begin now that one is done.
    """

    workdir: Path
    groups: Sequence[Group]
    width: int
    command: Sequence[str]
    resources: Resources
    show: Show
    more: Callable[[Group], Sequence[Group]] = lambda group: ()


Executor = Callable[[Job], None]


def sweep(
    wanted: Sweep, base: ConfigDict, workdir: str | Path, execute: Executor, *, width: int = 0,
    command: Sequence[str] = (), about: Mapping[str, Any] | None = None, progress: bool = True,
    retry_failed: bool = False, over_hosts: bool = False, asynchronous: bool = False,
) -> dict[str, int]:  # fmt: skip
    """Train what is missing of a sweep.

    Args:
      wanted: the sweep.
      base: the configuration that its points change.
      workdir: created if missing; what is done there already stays.
      execute: trains groups.
      width: most runs on a device; 0 measures, 1 trains them one after another.
      command: the command line, for the records.
      about: "config", "sweep" and "overrides" as given on it.
      progress: whether to show progress on stderr.
      retry_failed: whether runs that failed by an exception are tried again.
      asynchronous: whether successive halving sends settings on before all have reached their rung.
      over_hosts: whether this is one of several processes of ``jax.distributed``, which train each run together.

    Returns:
      {status: runs} over the runs of this sweep.

    Raises:
      ConfigError: a point of the sweep is not possible, or the directory holds files of no sweep; nothing was written.
      WorkdirError: the directory is locked, unreadable or full.
      KeyboardInterrupt, SystemExit(143 or 129): after saving, on SIGINT, SIGTERM and SIGHUP; the command continues.
    """
    workdir = expanded("workdir", workdir)
    laid_out = expand(wanted, base)
    runs = {run_name(config): config for _, config in laid_out}
    points = {run_name(config): point for point, config in laid_out}
    if wanted.halving:
        halving.check(wanted, runs)
        if over_hosts:
            raise ConfigError(f"halving={wanted.halving} with several processes; allowed: halving=None, or one process")
    for structure in {structure_of(config): config for config in runs.values()}.values():
        source = build_source(structure)  # data that is missing ends the sweep before anything is written
        build_game(structure, source)  # and so does a field without effect
        if wanted.halving and source.stream is not None:
            raise ConfigError(
                f"halving={wanted.halving} with data.name={structure.data.name!r}, which is streamed: such a run is "
                "trained to its end at once; allowed: halving=None, or data that fits in memory"
            )
    if over_hosts and jax.process_index() > 0:
        train_over_hosts(workdir, runs, command, SweepProgress(0, 0, {}, enabled=False))
        return {}
    with locked(workdir):
        _check_no_files(workdir)
        _write_layout(workdir, wanted, base, runs, list(command), dict(about or {}))
        if retry_failed:
            _forget_failed(workdir, runs)
        before = Counter(status_of(workdir, run) for run in runs)
        show = SweepProgress(
            sum(config.steps for run, config in runs.items() if status_of(workdir, run) not in DONE),
            len(runs), {status: n for status, n in before.items() if status in DONE}, enabled=progress,
        )  # fmt: skip
        try:
            if over_hosts:
                train_over_hosts(workdir, runs, command, show)
            elif wanted.halving and asynchronous:
                ladder = Ladder(workdir, wanted, runs, points, show)
                job = Job(workdir, ladder.first(), width, list(command), wanted.resources, show, ladder.more)
                execute(job)
            else:
                _rungs(wanted, workdir, runs, points, execute, width, list(command), show)
        finally:
            show.close()
            write_results(workdir)
    return dict(Counter(status_of(workdir, run) for run in runs))


def _rungs(
    wanted: Sweep, workdir: Path, runs: Mapping[str, ConfigDict], points: Mapping[str, dict[str, Any]],
    execute: Executor, width: int, command: list[str], show: SweepProgress,
) -> None:  # fmt: skip
    begin = 0
    for until in halving.rungs(wanted, runs):
        groups = plan(workdir, runs, begin, until)
        for group in groups:
            write_group(workdir, group)
        show.say(f"{len(groups)} groups of runs, each with a program of its own" if groups else "nothing is left to do")
        if groups:
            execute(Job(workdir, groups, width, command, wanted.resources, show))
        if until is not None:
            halving.select(workdir, wanted, runs, points, until, show)
            begin = until


def _check_no_files(workdir: Path) -> None:
    """Refuse to write over what lies in a directory that holds no sweep."""
    found = [name for name in (*WRITTEN, "runs", "groups") if (workdir / name).exists()]
    if found and not (workdir / FILE).exists():
        raise ConfigError(
            f"work directory {str(workdir)!r} has no {FILE} and so holds no sweep, but {', '.join(found)}, which the "
            "sweep would overwrite; allowed: another --workdir, or these moved away"
        )


def _write_layout(
    workdir: Path, wanted: Sweep, base: ConfigDict, runs: Mapping[str, ConfigDict], command: list[str],
    about: dict[str, Any],
) -> None:  # fmt: skip
    """sweep.json, with what earlier starts had laid out, and each run's configuration."""
    earlier = read_object(workdir / FILE, NEEDED) or {"runs": {}, "commands": []}
    for run, config in runs.items():
        if status_of(workdir, run) not in DONE:
            folder = run_folder(workdir, run)
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / "config.json", configs.to_json(config))
    flat = {run: configs.flatten(config) for run, config in runs.items()}
    for run in earlier["runs"]:
        if run not in runs and run_folder(workdir, run).exists():  # one that a user deleted is forgotten
            flat[run] = configs.flatten(_stored(workdir, run))
    order = [*(run for run in earlier["runs"] if run in flat and run not in runs), *runs]
    named = {field: None for run in earlier["runs"].values() for field in run} | dict.fromkeys(wanted.space.fields)
    others = sorted(field for field in flat[order[0]] if field not in named)  # such as another base than before
    fields = [field for field in (*named, *others) if field != "seed" and _varies(field, [flat[run] for run in order])]
    text = {
        "question": wanted.question,
        "metric": wanted.metric,
        **{"config": "", "sweep": "", "overrides": [], **about},
        "commands": [*(one for one in earlier["commands"] if one != command), command],
        "base": base.to_dict(),
        "fields": fields,
        "seeds": sorted({flat[run]["seed"] for run in order}),
        "runs": {run: {field: flat[run][field] for field in (*fields, "seed")} for run in order},
        "halving": dataclasses.asdict(wanted.halving) if wanted.halving else None,
        "versions": versions(PACKAGES),
    }
    write_text(workdir / FILE, json.dumps(text, indent=2) + "\n")


def _varies(field: str, flat: Sequence[Mapping[str, Any]]) -> bool:
    return not field.startswith(NOT_TRAINED) and any(one[field] != flat[0][field] for one in flat)


def _stored(workdir: Path, run: str) -> ConfigDict:
    config = read_config(run_folder(workdir, run))
    assert config is not None
    return config


def _forget_failed(workdir: Path, runs: Mapping[str, ConfigDict]) -> None:
    for run in runs:
        if status_of(workdir, run) == "failed":
            (run_folder(workdir, run) / "result.json").unlink()
