"""The one host loop: calls the compiled program of one or several runs, and has happen what is due between calls."""

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax.errors import MetricError
from gan_jax.game import Game, data_rounds
from gan_jax.training.checkpoints import Checkpoints, first_not_finite, params_sha256
from gan_jax.training.events import Journal, Result
from gan_jax.training.parallel import Program
from gan_jax.training.process import agree, leave
from gan_jax.training.progress import Told
from gan_jax.training.state import State

# How long the host leaves the program alone when steps_per_call is 0. Each call takes its memory anew from the system,
# which costs some percent of a step of a DCGAN on CPUs; a signal is heard at the end of a call.
SECONDS_PER_CALL = 1.5
STEPS_PER_CALL_OF_MANY = 50  # the same for several processes, which cannot each go by their own clock


class Member:
    """A run in the loop; one that was ``done`` before only keeps its place, so that the program stays the same."""

    def __init__(self, config: ConfigDict, workdir: Path, done: bool = False) -> None:
        self.config, self.workdir, self.done = config, workdir, done
        self.journal: Journal | None = None  # of process 0
        self.metrics: dict[str, float] = {}
        self.result: Result | None = None

    def end(self, status: str, step: int, state: State, reason: str = "", *, save: bool = True) -> None:
        """Write its last checkpoint, where there is none of this step, and its result."""
        self.done = True
        if self.journal is None:
            self.result = Result(status, step, params_sha256(state.params), metrics=self.metrics, reason=reason)
            return
        if save:
            self.journal.checkpoints.save(step, state)
        self.result = self.journal.finish(status, step, state, self.metrics, reason)


class Drive:
    """One training of runs in one program, from where they are to a step.

    The members lie in the program in this order. ``config`` is of one of them: what the loop reads is the same for all.
    ``kept`` is where the state of the program is kept, in process 0; ``contained`` are errors that end one run and not
    the others; ``profile`` is a folder for a trace of the second call.
    """

    def __init__(
        self, program: Program, config: ConfigDict, game: Game, members: Sequence[Member], kept: Checkpoints | None,
        until: int, show: Told, *, contained: tuple[type[Exception], ...] = (), profile: Path | None = None,
    ) -> None:  # fmt: skip
        self.program, self.config, self.game, self.members = program, config, game, members
        self.kept, self.until, self.show, self.contained, self.profile = kept, until, show, contained, profile
        self.images_per_step = len(data_rounds(game)) * config.batch_size
        self.first_seconds = 0.0  # of the first call, which compiles
        self._clock = (0.0, 0)  # since when, and since which step, images are counted
        self._rate = 0.0

    def play(self, state: State, step: int, stop: Callable[[], int | None]) -> None:
        """Call the program until the end, or until all runs have ended before it."""
        limit, config = 1, self.config
        for call in itertools.count():
            if step >= self.until or not self._running():
                break
            most = (limit, config.steps_per_call or limit, self.program.most or limit)
            length = min(to_next_event(step, config, self.until), *most)
            with jax.profiler.trace(str(self.profile)) if call == 1 and self.profile else nullcontext():
                began = time.perf_counter()
                state, fetched = self.program.call(state, length)
            now = time.perf_counter()
            step += length
            if call:
                self._rate = (step - self._clock[1]) * self.images_per_step / (now - self._clock[0])
            else:  # no rate counts the call that compiles
                self.first_seconds, self._clock = now - began, (now, step)
                self.show.started(step)
            limit = next_length(length, now - began, config)
            state = self._events(state, step, length, fetched, stop())
        self._wait()
        states = self.program.each(state) if self._running() else []
        for index in self._running():
            self._end(index, "finished" if self.until == config.steps else "paused", step, states[index])
        agree(0)  # nobody leaves while process 0 writes

    def _wait(self) -> None:
        if self.kept:
            self.kept.wait()

    def _running(self) -> list[int]:
        return [index for index, member in enumerate(self.members) if not member.done]

    def _due(self, step: int, every: int) -> bool:
        return step == self.until or (every > 0 and step % every == 0)

    def _events(self, state: State, step: int, length: int, fetched: Any, signal: int | None) -> State:
        """What is recorded, drawn, measured and saved after a call; the state, without the runs that ended."""
        measured, alive, bad = fetched
        running, config = self._running(), self.config
        for index in running:
            self.members[index].metrics = {name: float(values[index]) for name, values in measured.items()}
        self.show.update(step, length * len(running), self._rate, self.members[running[0]].metrics)
        saving = bool(signal) or self._due(step, config.checkpoint_every)
        periods = (config.log_every, config.sample_every, config.evaluation.every)
        if not saving and all(alive[index] for index in running) and not any(self._due(step, p) for p in periods):
            return state
        states = self.program.each(state)
        for index in running:
            if not alive[index]:
                why = not_finite(self.game, int(bad[index]), step - length, self.members[index].metrics)
                self._end(index, "non_finite", int(bad[index]) - 1, states[index], why, save=False)
            else:
                self._events_of(index, states[index], step, saving)
        if left := self._running():
            ended = [index for index in running if index not in left]
            state = self.program.without(state, ended) if ended else state
            if saving and self.kept:
                for index in left:
                    if journal := self.members[index].journal:
                        journal.flush()
                self.kept.save(step, self.program.saved(state))
        if signal and step != self.until:
            self._wait()
            for index in self._running():
                self._end(index, "interrupted", step, states[index], save=False)
            leave(signal)
        return state

    def _events_of(self, index: int, state: State, step: int, saving: bool) -> None:
        """The same of one run, which may end here, before the others."""
        member, config, journal = self.members[index], self.members[index].config, self.members[index].journal
        hopeless, stop = None, False
        if self._due(step, config.log_every):
            if journal:
                new = journal.record(step, step * self.images_per_step, self._rate, member.metrics, state)
                self.show.found(step, new, [finding.name for finding in journal.watch.findings])
                hopeless = journal.watch.hopeless
            self.show.record(step, self._rate, member.metrics)
            self._clock = (time.perf_counter(), step)
            stop = config.health.stop and step != self.until and bool(agree(hopeless is not None))
        if journal and self._due(step, config.sample_every):
            journal.sample(step, state)
        if config.evaluation.every and self._due(step, config.evaluation.every):
            try:
                if journal:
                    self.show.evaluated(step, journal.evaluate(step, state))
            except self.contained as error:
                return self._end(index, "failed", step, state, str(error))
            self._clock = (time.perf_counter(), step)
        if (saving or stop) and (spoiled := first_not_finite(state)):
            return self._end(index, "non_finite", step, state, spoiled_by(self.game, *spoiled, step), save=False)
        if stop:
            reason = f"{hopeless.name}: {hopeless.evidence}" if hopeless else ""
            return self._end(index, "stopped", step, state, reason)
        return None

    def _end(self, index: int, status: str, step: int, state: State, reason: str = "", *, save: bool = True) -> None:
        member = self.members[index]
        member.end(status, step, state, reason, save=save)
        self.show.run_ended(member.workdir.name, status, step, reason)


CONTAINED = (MetricError,)  # of runs together


def to_next_event(step: int, config: ConfigDict, until: int) -> int:
    """Steps from ``step`` to the next record, sample grid, checkpoint or evaluation, or to the end."""
    own = (config.log_every, config.sample_every, config.checkpoint_every, config.evaluation.every)
    return min([until - step, *(p - step % p for p in own if p)])


def next_length(length: int, seconds: float, config: ConfigDict) -> int:
    """Most steps of the next call, after one of ``length`` steps that took ``seconds``."""
    if config.steps_per_call:
        return config.steps_per_call
    if jax.process_count() > 1:
        return STEPS_PER_CALL_OF_MANY
    return max(1, min(10 * length, int(SECONDS_PER_CALL * length / seconds)))


def not_finite(game: Game, bad: int, before: int, metrics: Mapping[str, float]) -> str:
    """What became NaN or infinite at step ``bad``, counted from 1, in the call after step ``before``, in words."""
    order = [name for movers in game.schedule for name in movers]
    wrong = [name for name, value in metrics.items() if not math.isfinite(value)] or [f"{order[0]}/objective"]
    # Who moved first may have spoiled the others; its loss says more than what follows from it.
    first = min(
        wrong,
        key=lambda n: (
            order.index(n.split("/")[0]) if n.split("/")[0] in order else len(order),
            not n.endswith("/loss"),
        ),
    )
    return (
        f"{first} is {metrics.get(first, 'not finite')} at step {bad}, in the call of steps {before + 1} to "
        f"{max(bad, before + 1)}; {_advice(first.split('/')[0])}"
    )


def spoiled_by(game: Game, network: str, leaf: str, step: int) -> str:
    """What to say of a network's leaf that is not finite after ``step``."""
    owner = next((p for p, player in game.players.items() if network in player.owns), network)
    return f"{leaf} of player {owner} is not finite after step {step}; {_advice(owner)}"


def _advice(player: str) -> str:
    return f"a lower optimizer.{player}.learning_rate or optimizer.{player}.clip may help"
