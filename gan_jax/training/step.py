"""State, and the one generic update that plays any game: moves make a round, rounds make a step. All pure."""

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from gan_jax.game import SHARED_PLAYER, STREAMS, Context, Game, Metrics, data_rounds
from gan_jax.threefry import fast
from gan_jax.training.field import Batch, play

StepFn = Callable[..., tuple["State", Metrics]]  # (state, batch, last=True)


class State(flax.struct.PyTreeNode):
    """Everything that changes in a run, and nothing else.

    Attributes:
      step: int32, steps done.
      key: typed key of the run; never changes in a run, differs between runs that share a program.
      params: {network: parameters}.
      stats: {network: other collections, such as batch_stats}.
      opt: {player: optimizer state}.
      ema: {network: averaged parameters}, {} where averaging is off.
      hyper: {configuration field: float32 scalar}, numbers that a sweep may vary within one program; constant in a
        run. "steps", the length of the run, is always there.
      memory: {player: what it carries between its moves}.
      alive: bool, False once a loss or gradient was not finite; the state is then frozen as it was before that move.
      first_bad_step: int32, the step (counted from 1) of that move, -1 while alive.
    """

    step: jax.Array
    key: jax.Array
    params: dict[str, Any]
    stats: dict[str, Any]
    opt: dict[str, Any]
    ema: dict[str, Any]
    hyper: dict[str, jax.Array]
    memory: dict[str, Any]
    alive: jax.Array
    first_bad_step: jax.Array


def init_state(game: Game, key: jax.Array, hyper: Mapping[str, float], *, ema: bool = False) -> State:
    """The state before the first step.

    Args:
      game: the game.
      key: typed key of the run; networks take theirs from it by their index in sorted order.
      hyper: the numbers, "steps" among them.
      ema: whether parameters of the networks that some player owns are averaged.

    Returns:
      State on the default device.
    """

    # Compiled as a whole: one by one, the operations of an initialization take seconds to compile; so does the usual
    # key's random generator, several times as long as that of a fast one.
    @partial(jax.jit, static_argnums=0)
    def variables_of(name: str, key: jax.Array, *inputs: jax.Array) -> dict[str, Any]:
        own = jax.random.fold_in(jax.random.fold_in(fast(key), STREAMS["init"]), sorted(game.networks).index(name))
        return dict(game.networks[name].init({"params": own}, *inputs))

    @jax.jit
    def opt_of(params: dict[str, Any]) -> dict[str, Any]:
        owned = {name: {network: params[network] for network in player.owns} for name, player in game.players.items()}
        return {name: player.optimizer.init(owned[name]) for name, player in game.players.items()}

    params, stats = {}, {}
    for name in sorted(game.networks):
        inputs = [jnp.zeros((2, *spec.shape), spec.dtype) for spec in game.inputs[name]]
        with jax.numpy_dtype_promotion("standard"):
            variables = variables_of(name, key, *inputs)
        params[name] = variables.pop("params", {})
        stats[name] = variables
    return State(
        step=jnp.int32(0),
        key=key,
        params=params,
        stats=stats,
        opt=opt_of(params),
        ema={n: jax.tree.map(jnp.copy, p) for n, p in params.items() if ema and n not in game.frozen},
        hyper={name: jnp.float32(value) for name, value in hyper.items()},
        memory={
            name: player.memory({n: params[n] for n in player.owns}) if callable(player.memory) else player.memory
            for name, player in game.players.items()
        },
        alive=jnp.bool_(True),
        first_bad_step=jnp.int32(-1),
    )


def play_round(
    game: Game, movers: tuple[str, ...], state: State, batch: Batch, key: jax.Array, example_index: jax.Array,
    axis_name: str | None, last: jax.Array | bool = True,
) -> tuple[State, Metrics]:  # fmt: skip
    """All ``movers`` move from the same state; each writes what it owns, unless some move was not finite."""
    names = sorted(game.players)
    contexts = {
        name: Context(
            key=jax.random.fold_in(key, index),
            shared_key=jax.random.fold_in(key, SHARED_PLAYER),
            step=state.step,
            total_steps=state.hyper["steps"],
            example_index=example_index,
            axis_name=axis_name,
            hyper=state.hyper,
            memory=state.memory[name],
        )
        for index, name in enumerate(names)
    }
    moves = play(game, movers, state, batch, contexts, axis_name, last)
    ok = state.alive
    merged: dict[str, dict[str, Any]] = {"params": {}, "stats": {}, "opt": {}, "memory": {}}
    metrics: dict[str, jax.Array] = {}
    for name, moved in moves.items():
        ok &= moved.finite
        metrics.update({f"{name}/{key}": value for key, value in moved.metrics.items()})
        for part, entries in moved.written.items():
            merged[part].update(entries)
    parts = {}
    for part, entries in merged.items():
        old = getattr(state, part)
        kept = {name: _where(ok, value, old[name]) for name, value in entries.items()}
        parts[part] = {**old, **kept}
    bad = jnp.where(state.alive & ~ok, state.step + 1, state.first_bad_step)
    return state.replace(**parts, alive=ok, first_bad_step=bad), metrics


def make_step(game: Game, *, local_batch: int, axis_name: str | None = None) -> StepFn:
    """The step of a game: ``step(state, batch, last=True) -> (state, metrics)``, pure.

    Args:
      game: the game.
      local_batch: examples per device and round.
      axis_name: mapped axis that splits the minibatch, or None.

    Returns:
      A function of the state, a batch with leaves [data rounds, local_batch, ...], and whether anybody looks at the
      metrics. These are of each player's last move in the step, named "player/metric"; the ones that cost most, on how
      its parameters moved, are 0 in a step at which nobody looks.
    """
    with_data = data_rounds(game)

    def step(state: State, batch: Batch, last: jax.Array | bool = True) -> tuple[State, Metrics]:
        device = 0 if axis_name is None else jax.lax.axis_index(axis_name)
        example_index = device * local_batch + jnp.arange(local_batch, dtype=jnp.int32)
        step_key = jax.random.fold_in(jax.random.fold_in(fast(state.key), STREAMS["train"]), state.step)
        begun = state
        metrics: dict[str, jax.Array] = {}

        for movers, group in itertools.groupby(range(len(game.schedule)), key=lambda r: game.schedule[r]):
            rounds = list(group)
            first = with_data.index(rounds[0]) if rounds[0] in with_data else None
            own = {} if first is None else {k: v[first : first + len(rounds)] for k, v in batch.items()}

            def one(
                state: State, item: tuple[jax.Array, Batch], movers: tuple[str, ...] = movers
            ) -> tuple[State, Metrics]:
                key = jax.random.fold_in(step_key, item[0])
                return play_round(game, movers, state, item[1], key, example_index, axis_name, last)

            if len(rounds) == 1:
                state, measured = one(state, (jnp.int32(rounds[0]), {k: v[0] for k, v in own.items()}))
            else:  # one compiled body for all repeats: unrolled rounds cost compile time
                state, measured = _repeat(one, state, (jnp.asarray(rounds, jnp.int32), own))
            metrics.update(measured)
        return _average(state.replace(step=jnp.where(state.alive, begun.step + 1, begun.step))), metrics

    return step


def _repeat(one: Callable[..., tuple[State, Metrics]], state: State, items: Any) -> tuple[State, Metrics]:
    def body(carry: tuple[State, Metrics], item: Any) -> tuple[tuple[State, Metrics], None]:
        state, last = carry
        after, measured = one(state, item)
        return (after, _where(state.alive, measured, last)), None  # keep those of the move that was not finite

    shapes = jax.eval_shape(one, state, jax.tree.map(lambda v: v[0], items))[1]
    start = jax.tree.map(lambda spec: jnp.zeros(spec.shape, spec.dtype), shapes)
    return jax.lax.scan(body, (state, start), items)[0]


def _average(state: State) -> State:
    if not state.ema:
        return state
    decay = state.hyper["ema.decay"]

    def average(old: jax.Array, new: jax.Array) -> jax.Array:
        d = decay.astype(old.dtype)
        return jnp.where(state.alive, d * old + (1.0 - d) * new, old)

    return state.replace(ema={name: jax.tree.map(average, old, state.params[name]) for name, old in state.ema.items()})


def _where(condition: jax.Array, new: Any, old: Any) -> Any:
    def choose(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(condition, a, b)

    return jax.tree.map(choose, new, old)
