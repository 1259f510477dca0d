"""Successive halving: of the settings that were trained up to a rung, the best are trained on.

Whole settings go on or end, with all their seeds: choosing among the seeds of a setting would favour lucky ones.
"""

import math
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

from gan_jax.errors import ConfigError
from gan_jax.evaluation import records as evaluations
from gan_jax.metrics.table import better_of, values_of
from gan_jax.scalars import same
from gan_jax.status import Status
from gan_jax.stored import write_object
from gan_jax.sweeps.layout import Group, Layout, plan, read_groups, read_result, run_folder, write_group
from gan_jax.training.progress import Show


class Ladder:
    """The rungs of a sweep, which without halving are none, and who stands where.

    Asynchronously a setting goes on as soon as it is among the best of those at its rung: nobody waits, but which ones
    go on depends on the order in which groups end.

    References:
      Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020, arXiv:1810.05934, Algorithm 2 (ASHA).
    """

    def __init__(self, layout: Layout, show: Show, asynchronous: bool = False) -> None:
        self.layout, self.show, self.asynchronous = layout, show, asynchronous
        self.steps = rungs(layout)
        self.pending = 0

    def first(self) -> list[Group]:
        """The groups to begin with: what is missing of the first rung, and of every climb that had begun."""
        groups = self._planned(0, self.layout.runs)
        for begin in self.steps:
            groups += self._planned(begin, climbed(self.layout.workdir, begin))
        self.pending = len(groups)
        return groups or self._next()

    def more(self) -> Sequence[Group]:
        """The groups that may begin once another one ended."""
        self.pending -= 1
        return self._next()

    def _next(self) -> list[Group]:
        from_the_top = reversed(self.steps) if self.asynchronous else ()
        groups = [group for step in from_the_top for group in self._promoted(step)]
        for step in self.steps:  # nobody is left who could change the order: the rest of a rung ends
            if self.pending or groups:
                break
            if _waiting(self.layout, step):
                select(self.layout, step, self.show)
                groups = self._planned(step, _waiting(self.layout, step))
        self.pending += len(groups)
        return groups

    def _promoted(self, step: int) -> list[Group]:
        """Groups of the settings among the best of those that have reached a rung, without those that went on."""
        assert self.layout.wanted.halving is not None
        there = _reached(self.layout, step)
        whole = [run for own in _settings(self.layout, self.layout.runs) if there.issuperset(own) for run in own]
        ranked = ranking(self.layout, whole, step)
        best = {run for own, _ in ranked[: len(ranked) // self.layout.wanted.halving.factor] for run in own}
        return self._planned(step, best.intersection(_waiting(self.layout, step)))

    def _planned(self, begin: int, runs: Container[str]) -> list[Group]:
        chosen = {run: config for run, config in self.layout.runs.items() if run in runs}
        until = next((step for step in self.steps if step > begin), None)
        groups = plan(self.layout.workdir, chosen, begin, until) if chosen else []
        for group in groups:
            write_group(self.layout.workdir, group)
        if groups and not (self.asynchronous and begin):
            self.show.say(f"{len(groups)} groups of runs, each with a program of its own")
        return groups


def check(layout: Layout) -> None:
    """Refuse a sweep with halving whose runs do not measure at its rungs what they are chosen by."""
    name = layout.wanted.chooses_by
    for config in layout.runs.values() if layout.wanted.halving else ():
        measured = {value for metric in config.evaluation.metrics for value in values_of(metric)}
        if name not in measured or not config.evaluation.every:
            raise ConfigError(
                f"halving.metric={name!r} is not measured; allowed: a value of evaluation.metrics="
                f"{config.evaluation.metrics!r}, with evaluation.every above 0"
            )


def rungs(layout: Layout) -> list[int]:
    """Steps at which settings are chosen, ascending; below the end of the longest run."""
    steps = []
    if halving := layout.wanted.halving:
        step, last = halving.first, max(config.steps for config in layout.runs.values())
        while step < last:
            steps.append(step)
            step *= halving.factor
    return steps


def scores(layout: Layout, runs: Iterable[str], step: int) -> dict[str, float]:
    """Each run's value at a step; infinitely bad where it has none, or none that is a number."""
    metric, found = layout.wanted.chooses_by, {}
    worst = -math.inf if better_of(metric) == "higher" else math.inf
    for run in runs:
        values = [
            float(record["value"])
            for record in evaluations.read(run_folder(layout.workdir, run))
            if record["step"] == step and record["metric"] == metric and record["by"] == "train"
        ]
        found[run] = values[-1] if values and not math.isnan(values[-1]) else worst
    return found


def ranking(layout: Layout, runs: Iterable[str], step: int) -> list[tuple[list[str], float]]:
    """Settings of runs that have all reached a rung, the best first: (runs, mean value over seeds).

    A setting with a run that ended before the rung has that run's infinitely bad value in its mean.
    """
    settings = _settings(layout, runs)
    value = scores(layout, [run for own in settings for run in own], step)
    means = [(own, sum(value[run] for run in own) / len(own)) for own in settings]
    higher = better_of(layout.wanted.chooses_by) == "higher"
    return sorted(means, key=lambda item: -item[1] if higher else item[1])


def select(layout: Layout, step: int, show: Show) -> None:
    """End the settings that are not among the best at a rung. Those that went on before stay, whoever comes later."""
    assert layout.wanted.halving is not None
    metric, there = layout.wanted.chooses_by, _reached(layout, step)
    ranked = ranking(layout, [run for run in layout.runs if run in there], step)
    keep = max(1, math.ceil(len(ranked) / layout.wanted.halving.factor))
    waiting = _waiting(layout, step)
    for place, (own, mean) in enumerate(ranked[keep:], keep + 1):
        reason = f"{metric} {mean:.4g} at step {step:,}, place {place} of {len(ranked)} settings; {keep} went on"
        for run in (run for run in own if run in waiting):
            ended = {**waiting[run], "status": Status.ELIMINATED, "reason": reason}
            write_object(run_folder(layout.workdir, run) / "result.json", ended)
            show.ended(Status.ELIMINATED)
            show.advance(layout.runs[run].steps - step)
    show.say(f"step {step:,}: {min(keep, len(ranked))} of {len(ranked)} settings go on, by {metric}")


def climbed(workdir: Path, step: int) -> set[str]:
    """Runs that were sent on from a rung."""
    return {run for group in read_groups(workdir) if group.begin == step for run in group.runs}


def _settings(layout: Layout, runs: Iterable[str]) -> list[list[str]]:
    """The runs of each setting, which differ in nothing but the seed."""
    found: dict[object, list[str]] = {}
    for run in runs:
        point = layout.points[run]
        found.setdefault(same({field: point[field] for field in point if field != "seed"}), []).append(run)
    return [*found.values()]


def _reached(layout: Layout, step: int) -> set[str]:
    """Runs that have been at a rung, or ended before it without being eliminated at an earlier one."""
    found = set()
    for run in layout.runs:
        result = read_result(layout.workdir, run)
        if result and (result["step"] >= step or (result["status"].done and result["status"] != Status.ELIMINATED)):
            found.add(run)
    return found


def _waiting(layout: Layout, step: int) -> dict[str, dict[str, Any]]:
    """The runs that stand at a rung and have not been sent on, with their results."""
    sent = climbed(layout.workdir, step)
    found = {run: read_result(layout.workdir, run) for run in layout.runs if run not in sent}
    return {run: own for run, own in found.items() if own and (own["status"], own["step"]) == (Status.PAUSED, step)}
