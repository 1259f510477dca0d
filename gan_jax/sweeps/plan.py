"""Which runs share a program, and which groups of them are still to be trained."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.build import build_hyper
from gan_jax.sweeps.records import DONE, Group, read_groups, read_result

# What the time of a step may depend on; groups that agree in it need one measurement only.
_NOT_TIMED = ("loss.", "optimizer.", "ema.", "steps", "log_every", "sample_", "checkpoint_", "evaluation.", "health.")


def structure_of(config: ConfigDict) -> str:
    """A hash that is equal for runs that may share a program: those that differ in their seed and their ``hyper``."""
    hyper = set(build_hyper(config)) - {"steps"}  # runs in one call have the same length
    fixed = {field: value for field, value in configs.flatten(config).items() if field not in hyper and field != "seed"}
    for field, value in fixed.items():
        if isinstance(value, dict):  # options of a user's own component, of which floats are in ``hyper``
            fixed[field] = {name: own for name, own in value.items() if f"{field}.{name}" not in hyper}
    return _hash([fixed, sorted(hyper)])


def shape_of(config: ConfigDict) -> str:
    """A hash of what the time of a step depends on."""
    fixed = {field: value for field, value in configs.flatten(config).items() if field != "seed"}
    return _hash({field: value for field, value in fixed.items() if not field.startswith(_NOT_TIMED)})


def plan(workdir: Path, runs: Mapping[str, ConfigDict], begin: int, until: int | None) -> list[Group]:
    """The groups that bring runs from one step to another, without those that are done.

    Groups that were recorded keep their runs and order, so that they resume with the same program.

    Args:
      workdir: of the sweep.
      runs: the runs that shall be there, in order.
      begin: the step they begin at.
      until: the step they end at; None, or a step beyond a run's last, is its last.

    Returns:
      Recorded groups with something left to do, then new ones.
    """
    left = [run for run in runs if not is_done(workdir, run, begin, end_of(runs[run], until))]
    recorded = [group for group in read_groups(workdir) if group.begin == begin]
    groups: list[Group] = []
    taken: set[str] = set()
    for group in recorded:
        ends = {end_of(runs[run], until) for run in group.runs if run in runs}
        own = [run for run in group.runs if run in left and run not in taken]
        if own and ends == {group.until}:
            groups.append(group)
            taken.update(group.runs)
    new: dict[str, list[str]] = {}
    for run in left:
        if run not in taken:
            new.setdefault(structure_of(runs[run]), []).append(run)
    for members in new.values():
        end = end_of(runs[members[0]], until)
        groups.append(Group(_hash([members, begin, end])[:8], tuple(members), begin, end))
    return groups


def end_of(config: ConfigDict, until: int | None) -> int:
    """The step at which a run ends that is trained ``until`` there."""
    return config.steps if until is None else min(until, config.steps)


def is_done(workdir: Path, run: str, begin: int, until: int) -> bool:
    """Whether a run has reached a step, or has ended for good before it."""
    result = read_result(workdir, run)
    if result is None:
        return False
    return result["status"] in DONE or (result["status"] == "paused" and result["step"] >= until > begin)


def chunks(group: Group) -> list[tuple[str, ...]]:
    """A group's runs as they are called: ``width`` at a time."""
    size = group.width or len(group.runs)
    return [group.runs[start : start + size] for start in range(0, len(group.runs), size)]


def measured_before(groups: Sequence[Group], shape: str) -> Group | None:
    """A group whose step takes the same time, and whose way was measured."""
    return next((group for group in groups if group.shape == shape and group.seconds_per_step), None)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
