"""Successive halving that waits for nobody: a setting goes on as soon as it is among the best of those at its rung.

Which settings go on depends on the order in which groups end, so two such sweeps may differ.

References:
  Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020, arXiv:1810.05934, Algorithm 2 (ASHA).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax.sweeps import halving
from gan_jax.sweeps.plan import plan
from gan_jax.sweeps.records import Group, read_groups, read_result, write_group
from gan_jax.sweeps.space import Sweep
from gan_jax.training.progress import Show


class Ladder:
    """The rungs of a sweep, and who stands where.

    Args:
      workdir: of the sweep.
      wanted: the sweep, with ``halving``.
      runs: all of them.
      points: their settings and seeds.
      show: for a person.
    """

    def __init__(
        self, workdir: Path, wanted: Sweep, runs: Mapping[str, ConfigDict], points: Mapping[str, dict[str, Any]],
        show: Show,
    ) -> None:  # fmt: skip
        self.workdir, self.wanted, self.runs, self.points, self.show = workdir, wanted, runs, points, show
        self.ends = halving.rungs(wanted, runs)
        self.steps = [step for step in self.ends if step is not None]
        self.pending = 0

    def first(self) -> list[Group]:
        """The groups to begin with: what is missing of the first rung, and of every climb that had begun."""
        groups = self._planned(0, self.runs)
        for begin in self.steps:
            groups += self._planned(begin, {run: self.runs[run] for run in self._climbed(begin) if run in self.runs})
        self.pending = len(groups)
        return groups or self._next()

    def more(self, group: Group) -> Sequence[Group]:
        """The groups that may begin once another one ended."""
        del group  # who stands where is read from the records
        self.pending -= 1
        return self._next()

    def _next(self) -> list[Group]:
        groups: list[Group] = []
        for step in reversed(self.steps):
            groups += self._promoted(step)
        for step in self.steps:  # nobody is left who could change the order: the rest of a rung ends
            if self.pending or groups:
                break
            halving.select(self.workdir, self.wanted, self.runs, self.points, step, self.show)
            groups = self._planned(step, self._waiting(step))
        self.pending += len(groups)
        return groups

    def _promoted(self, step: int) -> list[Group]:
        """Groups of the settings among the best of those that have reached a rung, without those that went on."""
        assert self.wanted.halving is not None
        there = {run: config for run, config in self.runs.items() if halving.reached(self.workdir, run, step)}
        settings: dict[str, list[str]] = {}
        for run in self.runs:
            settings.setdefault(halving.setting_of(self.points[run]), []).append(run)
        whole = [run for own in settings.values() if all(run in there for run in own) for run in own]
        metric = halving.metric_of(self.wanted)
        ranked = halving.ranking(self.workdir, {run: self.runs[run] for run in whole}, self.points, metric, step)
        best = ranked[: len(ranked) // self.wanted.halving.factor]
        waiting = self._waiting(step)
        return self._planned(step, {run: self.runs[run] for own, _ in best for run in own if run in waiting})

    def _waiting(self, step: int) -> dict[str, ConfigDict]:
        """Runs that stand at a rung and have not been sent on."""
        climbed = self._climbed(step)
        found = {}
        for run, config in self.runs.items():
            result = read_result(self.workdir, run)
            paused = result is not None and result["status"] == "paused" and result["step"] == step
            if paused and run not in climbed:
                found[run] = config
        return found

    def _climbed(self, step: int) -> set[str]:
        """Runs that were sent on from a rung."""
        return {run for group in read_groups(self.workdir) if group.begin == step for run in group.runs}

    def _planned(self, begin: int, runs: Mapping[str, ConfigDict]) -> list[Group]:
        until = self.ends[0] if begin == 0 else self.ends[self.steps.index(begin) + 1]
        groups = plan(self.workdir, runs, begin, until) if runs else []
        for group in groups:
            write_group(self.workdir, group)
        return groups
