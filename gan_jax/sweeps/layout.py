"""A sweep in its work directory: its folders and records, how its runs stand, and which of them share a program."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.build import build_hyper
from gan_jax.errors import WorkdirError
from gan_jax.status import Status
from gan_jax.stored import read_lines, read_object, write_object
from gan_jax.sweeps.runs import expand, run_name
from gan_jax.sweeps.sweep import Sweep
from gan_jax.training.records import read_config

FILE = "sweep.json"
# Of sweep.json, by whoever reads one.
NEEDED = (
    "question", "metric", "config", "overrides", "commands", "base", "fields", "seeds", "runs",
)  # fmt: skip
# What the time of a step may depend on; groups that agree in it need one measurement only.
_NOT_TIMED = ("loss.", "optimizer.", "ema.", "steps", "log_every", "sample_", "checkpoint_", "evaluation.", "health.")


class Layout(NamedTuple):
    """A sweep laid out as runs, in order."""

    workdir: Path
    wanted: Sweep
    runs: Mapping[str, ConfigDict]  # {name: configuration}
    points: Mapping[str, Mapping[str, Any]]  # {name: {field: value}}, with the seed


class Group(NamedTuple):
    """Runs that share one compiled program, in the order in which they lie in it, from one step to another."""

    name: str
    runs: tuple[str, ...]
    begin: int  # 0, or the end of a rung of successive halving
    until: int
    width: int = 0  # runs in one call of the program, over all devices; 0 until it was chosen
    way: str = ""  # "vmap" or "one by one"; "" until it was chosen
    why: str = ""
    seconds_per_step: Mapping[str, float] = {}  # of one run, by way; {} where nothing was measured
    shape: str = ""  # hash of what the time of a step depends on


def lay_out(wanted: Sweep, base: ConfigDict, workdir: Path) -> Layout:
    """The runs of a sweep over a base configuration; nothing is written."""
    points, configs = zip(*expand(wanted, base), strict=True)
    names = [run_name(config) for config in configs]
    return Layout(workdir, wanted, dict(zip(names, configs, strict=True)), dict(zip(names, points, strict=True)))


def folder_of(workdir: Path, group: str) -> Path:
    """The folder of a group."""
    return workdir / "groups" / group


def run_folder(workdir: Path, run: str) -> Path:
    """The work directory of a run."""
    return workdir / "runs" / run


def read_sweep(workdir: Path) -> dict[str, Any]:
    """sweep.json."""
    found = read_object(workdir / FILE, NEEDED)
    if found is None:
        raise WorkdirError(
            f"{str(workdir)!r} holds no sweep: there is no {FILE}; give the --workdir of a `gan-jax sweep`"
        )
    return found


def read_run_config(workdir: Path, run: str) -> ConfigDict:
    """A run's configuration."""
    config = read_config(run_folder(workdir, run))
    assert config is not None
    return config


def read_groups(workdir: Path) -> list[Group]:
    """The groups that were recorded, in the order of their names."""
    return [read_group(workdir, path.parent.name) for path in sorted((workdir / "groups").glob("*/group.json"))]


def read_group(workdir: Path, name: str) -> Group:
    """One group; a WorkdirError says that it cannot be read."""
    path = folder_of(workdir, name) / "group.json"
    found = read_object(path, ("runs", "begin", "until"))
    if found is None:
        raise WorkdirError(f"{str(workdir)!r} has no group {name!r}")
    try:
        return Group(name, **{**found, "runs": tuple(found["runs"])})
    except TypeError as error:
        raise WorkdirError(f"{path} cannot be read: {error}") from error


def write_group(workdir: Path, group: Group) -> None:
    """Record a group."""
    folder = folder_of(workdir, group.name)
    folder.mkdir(parents=True, exist_ok=True)
    write_object(folder / "group.json", {name: value for name, value in group._asdict().items() if name != "name"})


def read_result(workdir: Path, run: str) -> dict[str, Any] | None:
    """A run's result.json, or None where there is none; a WorkdirError says that it cannot be read."""
    path = run_folder(workdir, run) / "result.json"
    found = read_object(path, ("status", "step"))
    if found is None:
        return None
    try:
        return {**found, "status": Status(found["status"])}
    except ValueError as error:
        raise WorkdirError(f"{path} cannot be read: {error}; allowed: {', '.join(Status)}") from error


def read_metrics(workdir: Path, run: str) -> list[dict[str, Any]]:
    """A run's complete records of metrics.jsonl; errors as ``read_result``."""
    return read_lines(run_folder(workdir, run) / "metrics.jsonl", ("step",))


def status_of(workdir: Path, run: str) -> Status:
    """How a run stands."""
    if result := read_result(workdir, run):
        return result["status"]  # type: ignore[no-any-return]
    return Status.RUNNING if (run_folder(workdir, run) / "metrics.jsonl").exists() else Status.MISSING


def is_done(workdir: Path, run: str, begin: int, until: int) -> bool:
    """Whether a run has reached a step, or has ended for good before it."""
    result = read_result(workdir, run) or {"status": Status.MISSING}
    return result["status"].done or (result["status"] == Status.PAUSED and result["step"] >= until > begin)


def structure_of(config: ConfigDict) -> str:
    """A hash that is equal for runs that may share a program: those that differ in their seed and their ``hyper``."""
    hyper = set(build_hyper(config)) - {"steps"}  # runs in one call have the same length
    varied = hyper if config.data.labelled else {*hyper, "seed"}  # by which the labelled examples are chosen
    fixed = {field: value for field, value in configs.flatten(config).items() if field not in varied}
    for field, value in fixed.items():
        if isinstance(value, dict):  # options of a user's own component, of which floats are in ``hyper``
            fixed[field] = {name: own for name, own in value.items() if f"{field}.{name}" not in hyper}
    return _hash([fixed, sorted(hyper)])


def shape_of(config: ConfigDict) -> str:
    """A hash of what the time of a step depends on."""
    fixed = {field: value for field, value in configs.flatten(config).items() if field != "seed"}
    return _hash({field: value for field, value in fixed.items() if not field.startswith(_NOT_TIMED)})


def plan(workdir: Path, runs: Mapping[str, ConfigDict], begin: int, until: int | None) -> list[Group]:
    """The groups that bring runs from one step to another (None: their last), without those that are done.

    Groups that were recorded come first and keep their runs and order, so that they resume with the same program.
    """
    ends = {run: end_of(config, until) for run, config in runs.items()}
    left = [run for run in runs if not is_done(workdir, run, begin, ends[run])]
    groups = []
    for group in read_groups(workdir):
        same = group.begin == begin and {ends[run] for run in group.runs if run in ends} == {group.until}
        if same and not {*left}.isdisjoint(group.runs):
            groups.append(group)
            left = [run for run in left if run not in group.runs]
    new: dict[str, list[str]] = {}
    for run in left:
        new.setdefault(structure_of(runs[run]), []).append(run)
    for members in new.values():
        end = ends[members[0]]
        groups.append(Group(_hash([members, begin, end])[:8], tuple(members), begin, end))
    return groups


def left_of(workdir: Path, group: Group) -> list[str]:
    """Runs of a group that it has not brought to its end."""
    return [run for run in group.runs if not is_done(workdir, run, group.begin, group.until)]


def end_of(config: ConfigDict, until: int | None) -> int:
    """The step at which a run ends that is trained ``until`` there."""
    return config.steps if until is None else min(until, config.steps)


def chunks(group: Group) -> list[tuple[str, ...]]:
    """A group's runs as they are called: ``width`` at a time."""
    size = group.width or len(group.runs)
    return [group.runs[start : start + size] for start in range(0, len(group.runs), size)]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
