"""What runs of one structure share: the game, resident data, compiled programs; and their states side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.build import build_game, build_hyper
from gan_jax.data import Source
from gan_jax.game import Game, data_rounds
from gan_jax.training import parallel
from gan_jax.training.evaluator import TRAIN, Material, material_of, measure, settings_of
from gan_jax.training.sampling import Sampler, make_sampler
from gan_jax.training.start import check_components, initial_state
from gan_jax.training.step import State, init_state, make_step
from gan_jax.training.watch import Statistics, check_reference, make_statistics

Program = Any  # a compiled (state, arrays, count) -> (state, metrics)


class Shared(NamedTuple):
    """What runs of one structure have in common.

    Attributes:
      config: of one of them.
      game: of all.
      source: resident or sampled; a streamed one belongs to a run alone.
      arrays: the source's, placed.
      mesh: devices, each of which carries runs.
      programs: {width: program}, filled as they are asked for.
      initialize: compiled (key, hyper) -> state at step 0.
      sampler, statistics, material: as ``Output`` takes them.
    """

    config: ConfigDict
    game: Game
    source: Source
    arrays: Mapping[str, jax.Array]
    mesh: Any
    programs: dict[int, Program]
    initialize: Callable[..., State]
    sampler: Sampler
    statistics: Statistics | None
    material: Material | None


def shared_by(config: ConfigDict, source: Source, say: Callable[[str], None]) -> Shared:
    """Build what runs of a structure share, and try one evaluation of theirs before any begins.

    Args:
      config: of one of them.
      source: of all; a streamed one is a run's own.
      say: prints a line.

    Raises:
      ConfigError, DataError, MetricError: as ``train``.
    """
    game = build_game(config, source)
    ema = config.ema.decay > 0
    initialize = jax.jit(lambda key, hyper: init_state(game, key, hyper, ema=ema))
    try:
        state = initialize(jax.random.key(config.seed), _float32(build_hyper(config)))
    except Exception:  # says in words what is wrong with a network
        initial_state(config, game, build_hyper(config), say)
        raise
    check_components(config, game, source, state)
    check_reference(config, game, source)
    material = material_of(config, game, settings_of(config)) if config.evaluation.every else None
    sampler = make_sampler(game, source)
    if material:  # what cannot work shall not end runs after hours
        measure(config, game, sampler, state, settings_of(config), material, by=TRAIN, chosen="step")
    mesh = parallel.device_mesh(jax.devices())
    arrays = parallel.replicate(dict(source.arrays), mesh)
    num = config.health.samples
    statistics = make_statistics(game, source, num) if num else None
    return Shared(config, game, source, arrays, mesh, {}, initialize, sampler, statistics, material)


def program_of(shared: Shared, width: int) -> Program:
    """The program for ``width`` runs a device, compiled at its first call."""
    if width not in shared.programs:
        size = shared.config.batch_size
        loop = parallel.make_loop(
            make_step(shared.game, local_batch=size),
            shared.source.fetch,
            rounds=len(data_rounds(shared.game)),
            local_batch=size,
            batch_size=size,
            axis_name=None,
        )
        shared.programs[width] = parallel.make_program_of_runs(loop, shared.mesh, width)
    return shared.programs[width]


def states_of(shared: Shared, configs: Sequence[ConfigDict], say: Callable[[str], None]) -> list[State]:
    """The states of runs at step 0, on the host."""
    if shared.config.init_from:
        made = [initial_state(config, shared.game, build_hyper(config), say) for config in configs]
    else:
        made = [shared.initialize(jax.random.key(c.seed), _float32(build_hyper(c))) for c in configs]
    return [_on_leaves(np.array, state) for state in made]


def side_by_side(states: Sequence[State]) -> State:
    """Host states of runs as one with leaves [runs, ...]."""
    return _on_leaves(lambda *leaves: np.stack(leaves), *states)


def padded(state: State, devices: int, width: int) -> State:
    """A host state with leaves [runs, ...] as [devices, width, ...]; missing runs are dead copies of the last."""
    runs = len(state.alive)
    missing = devices * width - runs

    def pad(x: np.ndarray) -> np.ndarray:
        return np.concatenate([x, np.repeat(x[-1:], missing, axis=0)]).reshape(devices, width, *x.shape[1:])

    alive = np.concatenate([state.alive, np.zeros(missing, np.bool_)]).reshape(devices, width)
    return _on_leaves(pad, state).replace(alive=alive)


def unpadded(state: State, runs: int) -> State:
    """Host copies of the leaves [devices, width, ...] of a placed state, as [runs, ...].

    Real copies: on CPUs an array may be a view of a buffer that the next call is going to reuse.
    """
    return _on_leaves(lambda x: np.array(x).reshape(-1, *x.shape[2:])[:runs], state)


def one_of(state: State, index: int) -> State:
    """One run of a host state with leaves [runs, ...]."""
    return jax.tree.map(lambda leaf: leaf[index], state)


def _on_leaves(function: Callable[..., np.ndarray], *trees: Any) -> Any:
    """``function`` of the leaves as host arrays; of typed keys, of their data."""

    def apply(*leaves: Any) -> Any:
        if jax.dtypes.issubdtype(leaves[0].dtype, jax.dtypes.prng_key):
            data = function(*(np.asarray(jax.random.key_data(leaf)) for leaf in leaves))
            return jax.random.wrap_key_data(jnp.asarray(data), impl=jax.random.key_impl(leaves[0]))
        return function(*map(np.asarray, leaves))

    return jax.tree.map(apply, *trees)


def _float32(hyper: Mapping[str, float]) -> dict[str, np.float32]:
    return {name: np.float32(value) for name, value in hyper.items()}
