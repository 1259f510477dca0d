"""From a configuration to a trained run, or to several that share a program: built, tried, begun or continued."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.build import build_game, build_source, describe_parts, local_batch_size
from gan_jax.chosen import chosen
from gan_jax.data import Source, decode, summary
from gan_jax.errors import ConfigError, NonFiniteError
from gan_jax.game import Game, data_rounds
from gan_jax.idle import refuse_idle, refuse_undrawn
from gan_jax.paths import expanded
from gan_jax.training import parallel, process
from gan_jax.training.checkpoints import Checkpoints, read_checkpoint
from gan_jax.training.checks import check_components, check_workdir
from gan_jax.training.drive import CONTAINED, Drive, Member
from gan_jax.training.events import Journal, Result
from gan_jax.training.measure import Instruments, instruments_of
from gan_jax.training.process import agree, stop_requested
from gan_jax.training.progress import Progress, Show, ToldOfSeveral
from gan_jax.training.records import locked
from gan_jax.training.state import Initialize, State, first_examples, init_state, initial_state
from gan_jax.training.step import StepFn, make_step

Program = Any  # a compiled (state, arrays, count) -> (state, metrics)


class Shared(NamedTuple):
    """What a run is trained with, built and tried once; runs of one structure share it."""

    config: ConfigDict  # of one of them
    game: Game
    source: Source
    mesh: Any  # of all devices
    arrays: Mapping[str, jax.Array]  # the source's, placed
    instruments: Instruments | None  # of process 0
    initialize: Initialize
    programs: dict[int, Program]  # {runs a device: program}, filled as they are asked for


def prepared(
    config: ConfigDict, source: Source, say: Callable[[str], None], *, together: bool = False
) -> tuple[Shared, State]:
    """What a run is trained with, and its state at step 0; refuses what cannot work before anything is written."""
    game = build_game(config, source)
    made: Callable[..., State] = partial(init_state, game, ema=config.ema.decay > 0)
    if together:  # compiled as a whole, for all their keys and numbers
        made = jax.jit(made)

    def initialize(key: jax.Array, hyper: Mapping[str, Any]) -> State:
        return made(key, hyper, first_examples(game, source, key))

    state = initial_state(config, game, say, initialize)
    check_components(config, game, source, state)
    instruments = instruments_of(config, game, source, state) if jax.process_index() == 0 else None
    mesh = parallel.device_mesh(jax.devices())
    arrays = parallel.replicate(dict(source.arrays), mesh)
    return Shared(config, game, source, mesh, arrays, instruments, initialize, {}), state


def shared_by(config: ConfigDict, source: Source) -> Shared:
    """What runs of a structure share; ``config`` is of one of them, and the source no streamed one."""
    return prepared(config, source, lambda line: None, together=True)[0]


def states_of(shared: Shared, configs: Sequence[ConfigDict], say: Callable[[str], None]) -> list[State]:
    """The states of runs at step 0, on the host."""
    made = [initial_state(config, shared.game, say, shared.initialize) for config in configs]
    return [parallel.on_leaves(np.array, state) for state in made]


def compile_program(config: ConfigDict, game: Game, source: Source, step: StepFn | None = None) -> tuple[Any, Any]:
    """The training program of a configuration on all devices, compiled at its first call, and its mesh."""
    mesh = parallel.device_mesh(jax.devices())
    local = local_batch_size(config.batch_size, mesh.devices.size, game.group)
    # One device has nobody to average with, and XLA would copy everything to do so.
    axis = parallel.AXIS if mesh.devices.size > 1 else None
    own = make_step(game, local_batch=local, axis_name=axis)
    played = own if step is None else lambda state, batch, last: step(state, batch)
    loop = _loop(config, game, source, played, axis, local)
    return parallel.make_program(loop, mesh, primitive=config.parallel, streamed=source.stream is not None), mesh


def program_of(shared: Shared, width: int) -> Program:
    """The program for ``width`` runs a device, compiled at its first call."""
    if width not in shared.programs:
        size = shared.config.batch_size
        own = make_step(shared.game, local_batch=size)
        loop = _loop(shared.config, shared.game, shared.source, own, None, size)
        shared.programs[width] = parallel.make_program_of_runs(loop, shared.mesh, width)
    return shared.programs[width]


def _loop(config: ConfigDict, game: Game, source: Source, step: StepFn, axis: str | None, local: int) -> Any:
    return parallel.make_loop(
        step,
        source.fetch if source.stream is None else decode,
        rounds=len(data_rounds(game)),
        local_batch=local,
        batch_size=config.batch_size,
        axis_name=axis,
        streamed=source.stream is not None,
    )


def train(
    config: ConfigDict,
    workdir: str | Path,
    *,
    progress: bool = True,
    command: list[str] | None = None,
    step: StepFn | None = None,
) -> Result:
    """Train a configuration in a work directory; continue if the directory holds the run already.

    Args:
      config: from ``load_config`` or ``default_config``.
      workdir: created if missing.
      progress: whether to show progress on stderr.
      command: stored in environment.json; sys.argv if None.
      step: replaces the game's own step: any pure ``step(state, batch) -> (state, metrics)`` over the axis
        ``parallel.AXIS``, with batch leaves [data rounds, local_batch, ...]; it must advance ``state.step`` by 1.

    Returns:
      Result, also written to result.json.

    Raises:
      ConfigError: a field is wrong, or the directory holds a run of another configuration.
      DataError: data is missing or broken.
      WorkdirError: the directory is locked, unreadable, or full.
      NonFiniteError: a loss or gradient became NaN or infinite.
      KeyboardInterrupt, SystemExit(143 or 129): after saving, on SIGINT, SIGTERM and SIGHUP.
    """
    config, workdir = configs.validate(config), expanded("workdir", workdir)
    new = not (workdir / "config.json").exists()
    if new:  # a run that began before this was refused goes on
        refuse_idle([configs.flatten(config)])
    process.keep_programs()
    primary = jax.process_index() == 0
    # Refused before data is read or anything is written.
    playing = chosen(configs.flatten(config), "game")
    local_batch_size(config.batch_size, jax.device_count(), playing.options.get("packing", 1), playing.field("packing"))
    show = Progress(config.steps, enabled=progress and primary)
    shared, state = prepared(config, build_source(config), show.say)
    game, source = shared.game, shared.source
    if new:
        refuse_undrawn([(configs.flatten(config), game)])
    program, mesh = compile_program(config, game, source, step)
    with ExitStack() as stack:
        if primary:
            stack.enter_context(locked(workdir))
            for line in check_workdir(workdir, config, source):
                show.say(line)
        agree(0)  # the others wait, and fail with process 0 if the directory is refused
        stop = stack.enter_context(stop_requested())
        state, checkpoints = _resumed(workdir, config, state, show)
        begun = int(state.step)
        member = Member(config, workdir)
        if checkpoints is not None:
            argv = sys.argv if command is None else command
            member.journal = _journal(stack, member, shared, checkpoints, begun, argv)
        if begun == 0:
            show.say(f"{config.game.name} on {summary(source)}: parameters: {describe_parts(game, state.params)}")
        show.begin(begun)
        stack.callback(show.close)
        stream = parallel.Stream(config, game, source, begun, mesh) if source.stream else None
        placed = parallel.of_one(program, mesh, shared.arrays, stream)
        profile = workdir / "profile" if config.profile and primary else None
        drive = Drive(placed, config, game, [member], checkpoints, config.steps, show, profile=profile)
        drive.play(placed.place(state), begun, stop)
        assert member.result is not None
        if member.result.status == "non_finite":
            kept = checkpoints.kept() if checkpoints else "there is no checkpoint yet"
            raise NonFiniteError(f"{member.result.reason}; {kept}")
        return member.result


def _resumed(workdir: Path, config: ConfigDict, state: State, show: Progress) -> tuple[State, Checkpoints | None]:
    """The state from which a run goes on, on every process; process 0 has its checkpoints, too."""
    primary = jax.process_index() == 0
    checkpoints = Checkpoints(workdir, config.checkpoint_keep) if primary else None
    found = checkpoints.restore_newest(state, show.say) if checkpoints else None
    step = agree(found[0] if found else -1)
    if step < 0:
        return state, checkpoints
    if step > config.steps:
        raise ConfigError(f"steps={config.steps} is fewer than {str(workdir)!r} has done; allowed: at least {step}")
    show.say(f"continuing {workdir} from step {step:,}")
    return found[1] if found else read_checkpoint(workdir, str(step), state), checkpoints


def _journal(
    stack: ExitStack, member: Member, shared: Shared, checkpoints: Checkpoints, step: int, command: Sequence[str]
) -> Journal:
    assert shared.instruments is not None
    journal = Journal(member.workdir, member.config, shared.instruments, checkpoints, step, command)
    stack.callback(journal.close)
    return journal


def train_together(
    shared: Shared, members: Sequence[Member], folder: Path, *, begin: int, until: int, width: int, show: Show,
    command: Sequence[str],
) -> float:  # fmt: skip
    """Train runs from one step to another, ``width`` on each device; seconds of the first call, which compiles.

    They begin at step 0, or at one of which each has a checkpoint, and continue if ``folder`` holds one of all of them
    together. Errors and signals are as of ``train``; a state that is not finite ends a run, and not the others.
    """
    with ExitStack() as stack:
        for own in (folder, *(member.workdir for member in members if not member.done)):
            stack.enter_context(locked(own))
        stop = stack.enter_context(stop_requested())
        checkpoints = Checkpoints(folder, keep=2)
        stack.callback(checkpoints.close)
        state, step = _begun(shared, members, begin, checkpoints, show)
        for member in members:
            if not member.done:
                last = Checkpoints(member.workdir, member.config.checkpoint_keep)
                member.journal = _journal(stack, member, shared, last, step, command)
        show.advance((step - begin) * sum(not member.done for member in members))
        program = parallel.of_many(program_of(shared, width), shared.mesh, shared.arrays, len(members), width)
        told = ToldOfSeveral(show, until)
        drive = Drive(program, shared.config, shared.game, members, checkpoints, until, told, contained=CONTAINED)
        drive.play(program.place(state), step, stop)
        return drive.first_seconds


def _begun(
    shared: Shared, members: Sequence[Member], begin: int, checkpoints: Checkpoints, show: Show
) -> tuple[State, int]:
    """The runs' states side by side, leaves [runs, ...] on the host, and their step."""
    states = states_of(shared, [member.config for member in members], show.say)
    if begin:
        states = [
            state if member.done else read_checkpoint(member.workdir, str(begin), state)
            for state, member in zip(states, members, strict=True)
        ]
    state, step = parallel.side_by_side(states), begin
    found = checkpoints.restore_newest(state, show.say)
    if found is not None:
        step, state = found
        show.say(f"continuing {len(members)} runs from step {step:,}")
        for member, alive, bad in zip(members, state.alive, state.first_bad_step, strict=True):
            # One that failed, and is tried again, has no place any more; it begins anew once the others have ended.
            member.done |= not alive and bad < 0
    done = np.asarray([member.done for member in members])
    return state.replace(alive=np.asarray(state.alive) & ~done), step
