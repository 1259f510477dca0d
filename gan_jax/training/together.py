"""Trains runs that share a program together; each has its own records, samples, health and work directory."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.errors import MetricError
from gan_jax.game import data_rounds
from gan_jax.training import parallel
from gan_jax.training.calls import due, next_length, not_finite, to_next_event
from gan_jax.training.checkpoints import Checkpoints, leaves_of, read_checkpoint, state_like
from gan_jax.training.events import Output, first_not_finite, spoiled_by
from gan_jax.training.parallel import one_of, padded, side_by_side, unpadded
from gan_jax.training.process import leave, stop_requested
from gan_jax.training.records import locked
from gan_jax.training.shared import Shared, program_of, states_of
from gan_jax.training.step import State


class Show(Protocol):
    """What a person sees of runs."""

    def advance(self, steps: int) -> None:
        """So many more steps are done, over all runs."""

    def ended(self, status: str) -> None:
        """A run ended."""

    def say(self, line: str) -> None:
        """Print a line."""


class Member:
    """A run among others; its output is None once it has ended.

    Args:
      config: of the run.
      workdir: of the run.
      done: whether it had ended before. It then only keeps its place, so that the program stays the same.
    """

    def __init__(self, config: ConfigDict, workdir: Path, done: bool = False) -> None:
        self.config, self.workdir, self.done = config, workdir, done
        self.output: Output | None = None
        self.metrics: dict[str, float] = {}

    def end(self, status: str, step: int, state: State, reason: str = "", *, save: bool = True) -> None:
        """Write its last checkpoint and result."""
        assert self.output is not None
        output, self.output = self.output, None
        if save and step not in output.checkpoints.steps():
            output.checkpoints.save(step, leaves_of(state))
        output.finish(status, step, state, self.metrics, reason)
        output.close()


def train_together(
    shared: Shared, members: Sequence[Member], folder: Path, *, begin: int, until: int, width: int, show: Show,
    command: list[str],
) -> float:  # fmt: skip
    """Train runs from one step to another; continue if ``folder`` holds a checkpoint of them.

    Args:
      shared: what they have in common.
      members: the runs, at most devices x width.
      folder: for checkpoints of all of them together, which are removed at the end.
      begin: the step they begin at: 0, or one of which each has a checkpoint.
      until: the step they end at.
      width: runs on each device.
      show: for a person.
      command: for environment.json.

    Returns:
      Seconds of the first call, which compiles; 0 where there was none.

    Raises:
      WorkdirError: a directory is locked, unreadable or full.
      KeyboardInterrupt, SystemExit(143 or 129): after saving, on SIGINT, SIGTERM and SIGHUP.
    """
    with ExitStack() as stack:
        for own in (folder, *(member.workdir for member in members if not member.done)):
            stack.enter_context(locked(own))
        stop = stack.enter_context(stop_requested())
        checkpoints = Checkpoints(folder, keep=2)
        stack.callback(checkpoints.close)
        state, step = _begin(shared, members, begin, checkpoints, show)
        for member in members:
            if not member.done:
                kept = Checkpoints(member.workdir, member.config.checkpoint_keep)
                member.output = Output(
                    member.workdir, member.config, shared.game, shared.source, kept, step, command, shared.material,
                    shared.sampler, shared.statistics,
                )  # fmt: skip
                stack.callback(_close, member)
        show.advance((step - begin) * sum(not member.done for member in members))
        devices = shared.mesh.devices.size
        placed = parallel.split_runs(padded(state, devices, width), shared.mesh)
        return _Play(shared, members, checkpoints, until, width, show).play(placed, step, stop)


def _close(member: Member) -> None:
    if member.output is not None:
        member.output.close()


def _begin(
    shared: Shared, members: Sequence[Member], begin: int, checkpoints: Checkpoints, show: Show
) -> tuple[State, int]:
    """The runs' states side by side, leaves [runs, ...] on the host, and their step."""
    states = states_of(shared, [member.config for member in members], show.say)
    if begin:
        states = [
            state if member.done else state_like(state, read_checkpoint(member.workdir, str(begin))[1])
            for state, member in zip(states, members, strict=True)
        ]
    state, step = side_by_side(states), begin
    found = checkpoints.restore_newest(show.say)
    if found is not None:
        step, state = found[0], state_like(state, found[1])
        show.say(f"continuing {len(members)} runs from step {step:,}")
        for member, alive, bad in zip(members, state.alive, state.first_bad_step, strict=True):
            # One that failed, and is tried again, has no place any more; it begins anew once the others have ended.
            member.done |= not alive and bad < 0
    done = np.asarray([member.done for member in members])
    return state.replace(alive=np.asarray(state.alive) & ~done), step


class _Play:
    """One training of runs together."""

    def __init__(
        self, shared: Shared, members: Sequence[Member], checkpoints: Checkpoints, until: int, width: int, show: Show
    ) -> None:
        self.shared, self.members, self.checkpoints = shared, members, checkpoints
        self.until, self.width, self.show = until, width, show
        self.config = shared.config
        self.images_per_step = len(data_rounds(shared.game)) * self.config.batch_size

    def play(self, state: State, step: int, stop: Callable[[], int | None]) -> float:
        """Call the program until the end."""
        program, config, mesh = program_of(self.shared, self.width), self.config, self.shared.mesh
        limit, first = 1, 0.0
        rate, rate_from = 0.0, (time.perf_counter(), step)
        while step < self.until and self._running():
            length = min(to_next_event(step, config, self.until), limit, config.steps_per_call or limit)
            began = time.perf_counter()
            state, measured = program(state, self.shared.arrays, parallel.replicate(np.int32(length), mesh))
            fetched = jax.tree.map(np.asarray, (measured, state.alive, state.first_bad_step))  # waits
            seconds = time.perf_counter() - began
            step += length
            if first:
                rate = (step - rate_from[1]) * self.images_per_step / (time.perf_counter() - rate_from[0])
            else:
                first, rate_from = seconds, (time.perf_counter(), step)
            limit = next_length(length, seconds, config)
            self.show.advance(length * len(self._running()))
            state = self._events(state, step, length, rate, fetched, stop)
            if due(step, config.log_every):
                rate_from = (time.perf_counter(), step)
        self.checkpoints.wait()
        status = "finished" if self.until == config.steps else "paused"
        host = unpadded(state, len(self.members))
        for index, member in self._running():
            member.end(status, step, one_of(host, index))
            self.show.ended(status)
        return first

    def _running(self) -> list[tuple[int, Member]]:
        return [(index, member) for index, member in enumerate(self.members) if member.output is not None]

    def _events(
        self, state: State, step: int, length: int, rate: float, fetched: Any, stop: Callable[[], int | None]
    ) -> State:
        """What is recorded, drawn, measured and saved after ``step``; the state, without the runs that ended."""
        config, last, signal = self.config, step == self.until, stop()
        measured, alive, bad = fetched
        dead = []
        for index, member in self._running():
            at = divmod(index, self.width)
            member.metrics = {name: float(value[at]) for name, value in measured.items()}
            if not alive[at]:
                dead.append((index, int(bad[at])))
        saving = last or bool(signal) or due(step, config.checkpoint_every)
        happens = (config.log_every, config.sample_every, config.evaluation.every)
        if not (dead or saving or any(due(step, every) for every in happens)):
            return state
        host = unpadded(state, len(self.members))
        for index, when in dead:
            member = self.members[index]
            reason = not_finite(self.shared.game, when, step - length, member.metrics)
            self._leave(member, one_of(host, index), when - 1, "non_finite", reason, save=False)
        ended = [
            index
            for index, member in self._running()
            if self._events_of(member, one_of(host, index), step, rate, last, saving)
        ]
        if ended:
            state = state.replace(alive=self._without(state, ended))
        if saving:
            for _, member in self._running():
                member.output.recorder.flush()  # type: ignore[union-attr]
            self.checkpoints.save(step, leaves_of(unpadded(state, len(self.members))))
        if signal and not last:
            self.checkpoints.wait()
            leave(signal)
        return state

    def _events_of(self, member: Member, state: State, step: int, rate: float, last: bool, saving: bool) -> bool:
        """The same for one run; whether it ends here, before the others."""
        config, output = member.config, member.output
        assert output is not None
        if last or due(step, config.log_every):
            output.record(step, step * self.images_per_step, rate, member.metrics, state)
        if last or due(step, config.sample_every):
            output.sample(step, state)
        if config.evaluation.every and (last or due(step, config.evaluation.every)):
            try:
                output.evaluate(step, state)
            except MetricError as error:
                return self._leave(member, state, step, "failed", str(error))
        spoiled = first_not_finite(leaves_of(state)) if saving else None
        if spoiled:
            return self._leave(
                member, state, step, "non_finite", spoiled_by(self.shared.game, spoiled, step), save=False
            )
        found = output.watch.hopeless if config.health.stop and not last else None
        if found:
            return self._leave(member, state, step, "stopped", f"{found.name}: {found.evidence}")
        return False

    def _leave(self, member: Member, state: State, step: int, status: str, reason: str, *, save: bool = True) -> bool:
        self.show.say(f"{member.workdir.name} {status} at step {step:,}: {reason}")
        member.end(status, step, state, reason, save=save)
        self.show.ended(status)
        self.show.advance(self.until - step)
        return True

    def _without(self, state: State, ended: Sequence[int]) -> jax.Array:
        """Which runs go on, placed as the program wants it."""
        alive = np.array(state.alive)
        for index in ended:
            alive[divmod(index, self.width)] = False
        return parallel.split_runs(alive, self.shared.mesh)
