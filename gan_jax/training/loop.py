"""The loop: builds a run from its configuration, calls the compiled program, and has the results written."""

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.build import build_game, build_hyper, build_source, describe_parts, local_batch_size
from gan_jax.data import Source, decode, summary
from gan_jax.errors import ConfigError, NonFiniteError
from gan_jax.game import STREAMS, Game, data_rounds
from gan_jax.idle import refuse_idle
from gan_jax.paths import expanded
from gan_jax.training import parallel, process
from gan_jax.training.checkpoints import Checkpoints, state_like
from gan_jax.training.continuing import check_workdir
from gan_jax.training.drive import Drive, Member
from gan_jax.training.evaluator import TRAIN, material_of, measure, settings_of
from gan_jax.training.events import Output, Result
from gan_jax.training.process import agree, stop_requested
from gan_jax.training.progress import Progress
from gan_jax.training.records import locked
from gan_jax.training.sampling import make_sampler
from gan_jax.training.start import check_components, initial_state
from gan_jax.training.step import State, StepFn, make_step
from gan_jax.training.watch import check_reference

STREAM_BYTES_PER_CALL = 64 * 2**20


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
    if not (workdir / "config.json").exists():  # a run that began before this was refused goes on
        refuse_idle([configs.flatten(config)])
    process.keep_programs()
    primary = jax.process_index() == 0
    # Refused before data is read or anything is written.
    local_batch_size(config.batch_size, jax.device_count(), config.game.gan.packing)
    source = build_source(config)
    game = build_game(config, source)
    show = Progress(config.steps, enabled=progress and primary)
    state = initial_state(config, game, build_hyper(config), show.say)
    check_components(config, game, source, state)
    if primary:
        check_reference(config, game, source)
    material = material_of(config, game, settings_of(config)) if primary and config.evaluation.every else None
    if material:  # one evaluation before anything is written: what cannot work shall not end a run after hours
        measure(config, game, make_sampler(game, source), state, settings_of(config), material, by=TRAIN, chosen="step")
    program, mesh = compile_program(config, game, source, step)
    with ExitStack() as stack:
        if primary:
            stack.enter_context(locked(workdir))
            for line in check_workdir(workdir, config, source):
                show.say(line)
        agree(0)  # the others wait, and fail with process 0 if the directory is refused
        stop = stack.enter_context(stop_requested())
        state, checkpoints = _resume(workdir, config, state, show)
        begun = int(state.step)
        member = Member(config, workdir)
        if checkpoints is not None:
            argv = sys.argv if command is None else command
            member.output = Output(workdir, config, game, source, checkpoints, begun, argv, material)
            stack.callback(member.output.close)
        if begun == 0:
            show.say(f"{config.game.name} on {summary(source)}: parameters: {describe_parts(game, state.params)}")
        show.begin(begun)
        stack.callback(show.close)
        stream = _Stream(config, game, source, begun, mesh) if source.stream else None
        given = {"take": stream.take, "most": stream.chunk} if stream else {}
        placed = parallel.of_one(program, mesh, dict(source.arrays), **given)
        profile = workdir / "profile" if config.profile and primary else None
        drive = Drive(placed, config, game, [member], member.output, config.steps, show, profile=profile)
        drive.play(placed.place(state), begun, stop)
        assert member.result is not None
        if member.result.status == "non_finite":
            raise NonFiniteError(f"{member.result.reason}; {member.output.kept()}")
        return member.result


def compile_program(config: ConfigDict, game: Game, source: Source, step: StepFn | None = None) -> tuple[Any, Any]:
    """The training program of a configuration on all devices, compiled at its first call, and its mesh."""
    mesh = parallel.device_mesh(jax.devices())
    local = local_batch_size(config.batch_size, mesh.devices.size, game.group)
    streamed = source.stream is not None
    # One device has nobody to average with, and XLA would copy everything to do so.
    axis = parallel.AXIS if mesh.devices.size > 1 else None
    own = make_step(game, local_batch=local, axis_name=axis)
    loop = parallel.make_loop(
        own if step is None else lambda state, batch, last: step(state, batch),
        decode if streamed else source.fetch,
        rounds=len(data_rounds(game)),
        local_batch=local,
        batch_size=config.batch_size,
        axis_name=axis,
        streamed=streamed,
    )
    return parallel.make_program(loop, mesh, primitive=config.parallel, streamed=streamed), mesh


def _resume(workdir: Path, config: ConfigDict, state: State, show: Progress) -> tuple[State, Checkpoints | None]:
    primary = jax.process_index() == 0
    checkpoints = Checkpoints(workdir, config.checkpoint_keep) if primary else None
    found = checkpoints.restore_newest(show.say) if checkpoints else None
    step = agree(found[0] if found else -1)
    if step < 0:
        return state, checkpoints
    leaves = found[1] if found else Checkpoints(workdir, read_only=True).restore(step)
    if step > config.steps:
        raise ConfigError(f"steps={config.steps} is fewer than {str(workdir)!r} has done; allowed: at least {step}")
    show.say(f"continuing {workdir} from step {step:,}")
    return state_like(state, leaves), checkpoints


class _Stream:
    """Chunks of streamed minibatches, placed on the devices."""

    def __init__(self, config: ConfigDict, game: Game, source: Source, step: int, mesh: Any) -> None:
        self.rounds, self.mesh = len(data_rounds(game)), mesh
        size = sum(math.prod(one.shape) for one in source.features.values()) * config.batch_size * self.rounds
        self.chunk = max(1, min(32, STREAM_BYTES_PER_CALL // size))
        share = config.batch_size // jax.process_count()
        mine = slice(jax.process_index() * share, (jax.process_index() + 1) * share)
        key = jax.random.fold_in(jax.random.key(config.seed), STREAMS["data"])
        assert source.stream is not None
        self._batches: Iterator[Mapping[str, np.ndarray]] = iter(
            source.stream(key, step * self.rounds * config.batch_size, config.batch_size, mine)
        )

    def take(self, length: int) -> dict[str, jax.Array]:
        """The next ``length`` steps' minibatches, padded with zeros to ``chunk`` steps: one program serves all."""
        batches = [next(self._batches) for _ in range(length * self.rounds)]
        whole = {}
        for name in batches[0]:
            stacked = np.stack([batch[name] for batch in batches]).reshape(length, self.rounds, *batches[0][name].shape)
            whole[name] = np.concatenate([stacked, np.zeros((self.chunk - length, *stacked.shape[1:]), stacked.dtype)])
        return parallel.shard_stream(whole, self.mesh)
