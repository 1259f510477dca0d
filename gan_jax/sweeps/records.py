"""What a sweep keeps in its work directory beside the runs: sweep.json, and a folder for each group."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.errors import WorkdirError
from gan_jax.stored import read_lines, read_object
from gan_jax.training.records import write_text

FILE = "sweep.json"
# Of sweep.json, by whoever reads one.
NEEDED = (
    "question", "metric", "config", "overrides", "commands", "base", "fields", "seeds", "runs",
)  # fmt: skip
DONE = ("finished", "non_finite", "stopped", "eliminated", "failed")  # statuses of a run that a sweep leaves alone


class Group(NamedTuple):
    """Runs that share one compiled program, from one step to another.

    Attributes:
      name: of its folder.
      runs: names of the runs, in the order in which they lie in the program.
      begin: step at which they begin; 0, or the end of a rung of successive halving.
      until: step at which they end.
      width: runs in one call of the program, over all devices; 0 until it was chosen.
      way: "vmap" or "one by one"; "" until it was chosen.
      why: what was measured, in words.
      seconds_per_step: of one run, by way; {} where nothing was measured.
      shape: hash of what the time of a step depends on.
    """

    name: str
    runs: tuple[str, ...]
    begin: int
    until: int
    width: int = 0
    way: str = ""
    why: str = ""
    seconds_per_step: Mapping[str, float] = {}
    shape: str = ""


def folder_of(workdir: Path, group: str) -> Path:
    """The folder of a group."""
    return workdir / "groups" / group


def run_folder(workdir: Path, run: str) -> Path:
    """The work directory of a run."""
    return workdir / "runs" / run


def read_sweep(workdir: Path) -> dict[str, Any]:
    """sweep.json.

    Raises:
      WorkdirError: there is none, or it cannot be read.
    """
    found = read_object(workdir / FILE, NEEDED)
    if found is None:
        raise WorkdirError(
            f"{str(workdir)!r} holds no sweep: there is no {FILE}; give the --workdir of a `gan-jax sweep`"
        )
    return found


def read_groups(workdir: Path) -> list[Group]:
    """The groups that were recorded, in the order of their names."""
    return [read_group(workdir, path.parent.name) for path in sorted((workdir / "groups").glob("*/group.json"))]


def read_group(workdir: Path, name: str) -> Group:
    """One group.

    Raises:
      WorkdirError: it cannot be read.
    """
    path = folder_of(workdir, name) / "group.json"
    found = read_object(path, ("runs", "begin", "until"))
    if found is None:
        raise WorkdirError(f"{str(workdir)!r} has no group {name!r}")
    try:
        return Group(name, **{**found, "runs": tuple(found["runs"])})
    except TypeError as error:
        raise WorkdirError(f"{path} cannot be read: {error}") from error


def write_group(workdir: Path, group: Group) -> None:
    """Record a group, whole or not at all."""
    folder = folder_of(workdir, group.name)
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in group._asdict().items() if name != "name"}
    write_text(folder / "group.json", json.dumps(own, indent=2) + "\n")


def read_result(workdir: Path, run: str) -> dict[str, Any] | None:
    """A run's result.json, or None where there is none.

    Raises:
      WorkdirError: it cannot be read.
    """
    return read_object(run_folder(workdir, run) / "result.json", ("status", "step"))


def read_metrics(workdir: Path, run: str) -> list[dict[str, Any]]:
    """A run's complete records of metrics.jsonl; errors as ``read_result``."""
    return read_lines(run_folder(workdir, run) / "metrics.jsonl", ("step",))


def status_of(workdir: Path, run: str) -> str:
    """How far a run is: its result's status, "running" where it has records without one, or "missing"."""
    folder = run_folder(workdir, run)
    result = read_result(workdir, run)
    if result is not None:
        return str(result["status"])
    return "running" if (folder / "metrics.jsonl").exists() else "missing"
