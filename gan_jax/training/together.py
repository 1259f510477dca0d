"""Trains runs that share a program together; each has its own records, samples, health and work directory."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from gan_jax.training import parallel
from gan_jax.training.checkpoints import Checkpoints, read_checkpoint, state_like
from gan_jax.training.drive import CONTAINED, Drive, Member
from gan_jax.training.events import Output
from gan_jax.training.parallel import side_by_side
from gan_jax.training.process import stop_requested
from gan_jax.training.progress import Show, Told
from gan_jax.training.records import locked
from gan_jax.training.shared import Shared, program_of, states_of
from gan_jax.training.step import State


class _Told(Told):
    """Tells the sweep's ``show`` of several runs."""

    def __init__(self, show: Show, until: int) -> None:
        self.show, self.until = show, until

    def update(self, step: int, done: int, images_per_second: float, metrics: Mapping[str, float]) -> None:
        self.show.advance(done)

    def run_ended(self, name: str, status: str, step: int, reason: str) -> None:
        if status == "interrupted":
            return
        if reason:
            self.show.say(f"{name} {status} at step {step:,}: {reason}")
        self.show.ended(status)
        if step < self.until:
            self.show.advance(self.until - step)


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
                stack.callback(member.output.close)
        show.advance((step - begin) * sum(not member.done for member in members))
        program = parallel.of_many(program_of(shared, width), shared.mesh, shared.arrays, len(members), width)
        told = _Told(show, until)
        drive = Drive(program, shared.config, shared.game, members, checkpoints, until, told, contained=CONTAINED)
        drive.play(program.place(state), step, stop)
        return drive.first_seconds


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
