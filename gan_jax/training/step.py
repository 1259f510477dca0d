"""The one generic update that plays any game: moves make a round, rounds make a step. All pure.

A round is seen as a vector field: an update rule is given each player's gradient, and its directions become steps.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.game import SHARED_PLAYER, STREAMS, Context, Game, Metrics, data_rounds
from gan_jax.move import Move
from gan_jax.nn.spectral import power_iteration
from gan_jax.rules import Points, Round
from gan_jax.threefry import fast
from gan_jax.training.state import State

Batch = Mapping[str, jax.Array]
StepFn = Callable[..., tuple[State, Metrics]]  # (state, batch, last=True)
TAKEN = ("update_cosine", "update_norm")


class Moved(NamedTuple):
    """What one player's move came to."""

    written: dict[str, Any]  # {"params", "stats", "opt", "memory"}, only what the player owns
    metrics: dict[str, jax.Array]  # the same on all devices
    finite: jax.Array  # whether its loss, gradient and direction were


def play(
    game: Game,
    movers: Sequence[str],
    state: Any,
    batch: Batch,
    contexts: Mapping[str, Context],
    axis_name: str | None,
    last: jax.Array | bool = True,
) -> dict[str, Moved]:
    """All ``movers`` move from the same state by the game's rule; ``last``: whether anybody looks at the metrics."""
    names = tuple(sorted(game.players)) if game.rule.joint else tuple(movers)
    points = {name: {n: state.params[n] for n in game.players[name].owns} for name in names}
    # One power iteration for a mover's own spectral norms; all evaluations of a player see the same statistics, and
    # those that its first one made are written.
    stats = {name: {**state.stats, **(_refreshed(game, name, state) if name in movers else {})} for name in names}
    extra = {"hyper": state.hyper, "step": state.step, "total_steps": state.hyper["steps"]}

    def average(tree: Any) -> Any:
        return tree if axis_name is None else jax.lax.pmean(tree, axis_name)

    def evaluate(name: str, points: Points) -> tuple[jax.Array, Any]:
        params = dict(state.params)
        for owned in points.values():
            params.update(owned)
        with jax.named_scope(name):
            move = Move(game.networks, params, stats[name], batch, contexts[name], game.numbers)
            value, metrics = game.players[name].loss(move)
            return value, (*move.written(), metrics)

    def gradients(at: Points) -> Points:
        local = {name: jax.grad(lambda own, name=name: evaluate(name, {**at, name: own})[0])(at[name]) for name in at}
        return average(local)

    def update(name: str, direction: Any, params: Any, opt: Any) -> tuple[Any, Any]:
        with jax.numpy_dtype_promotion("standard"):  # optax mixes Python and array numbers
            optimizer = optax.with_extra_args_support(game.players[name].optimizer)
            updates, opt = optimizer.update(direction, opt, params, **extra)
            return optax.apply_updates(params, updates), opt

    start, losses, auxes = {}, {}, {}
    for name in names:
        (losses[name], auxes[name]), start[name] = jax.value_and_grad(
            lambda own, name=name: evaluate(name, {**points, name: own}), has_aux=True
        )(points[name])
    start = average(start)
    directions = game.rule.direction(
        Round(
            movers=tuple(movers),
            points=points,
            start=start,
            gradients=jax.jit(gradients),  # traced once for all stages of a rule
            loss=lambda name, at: evaluate(name, at)[0],
            average=average,
            update=update,
            opt={name: state.opt[name] for name in names},
            hyper=state.hyper,
        )
    )
    moved = {}
    for name in movers:
        after, memory, own_metrics = auxes[name]
        metrics = average({"loss": losses[name], **own_metrics})
        metrics["gradient_norm"] = optax.global_norm(start[name])
        finite = jnp.isfinite(average(losses[name])) & jnp.isfinite(metrics["gradient_norm"])  # penalties included
        if directions[name] is not start[name]:
            metrics["direction_norm"] = optax.global_norm(directions[name])
            finite &= jnp.isfinite(metrics["direction_norm"])
        step = partial(update, name, directions[name], points[name], state.opt[name])
        metrics |= _measured(last, points[name], step, start[name], metrics["gradient_norm"])
        params, opt = step()
        own = {n: {**stats[name][n], **after.get(n, {})} for n in game.players[name].owns}
        written = {"params": params, "stats": own, "opt": {name: opt}, "memory": {name: memory}}
        moved[name] = Moved(written, metrics, finite)
    return moved


def _measured(
    last: jax.Array | bool, before: Any, step: Callable[[], Any], gradient: Any, norm: jax.Array
) -> dict[str, jax.Array]:
    """``taken`` where somebody looks, else zeros."""
    # The step is computed again inside: as an operand of the cond it would be copied at every step.
    return jax.lax.cond(
        last,
        lambda: taken(before, step()[0], gradient, norm),
        lambda: dict.fromkeys(TAKEN, jnp.zeros_like(norm)),
    )


def taken(before: Any, after: Any, gradient: Any, gradient_norm: jax.Array) -> dict[str, jax.Array]:
    """The norm of a player's step, and the cosine of its angle with the steepest descent; 0 where either is 0.

    Up to rounding the cosine is 1 for plain gradient descent. Momentum, Adam's scaling, decay and rules that correct
    the gradient lower it; below 0 the player moves against its gradient, as momentum does while the game turns.
    """
    step = jax.tree.map(jnp.subtract, after, before)
    norm = jnp.sqrt(optax.tree.vdot(step, step))  # products are faster than optax.global_norm's sums on a CPU
    along = -optax.tree.vdot(step, gradient)
    moves = (norm > 0) & (gradient_norm > 0)
    cosine = along / jnp.where(moves, gradient_norm, 1.0) / jnp.where(moves, norm, 1.0)
    return {"update_norm": norm, "update_cosine": jnp.where(moves, cosine, 0.0)}


def _refreshed(game: Game, name: str, state: Any) -> dict[str, Any]:
    """Statistics of a player's own networks after one power iteration of their spectral norms."""
    return {
        n: {**state.stats[n], "spectral": power_iteration(state.params[n], state.stats[n]["spectral"])}
        for n in game.players[name].owns
        if "spectral" in state.stats[n]
    }


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

    The batch has leaves [data rounds, local_batch, ...]; ``axis_name`` is the mapped axis that splits it, if any. The
    metrics are of each player's last move in the step, named "player/metric"; those of how its parameters moved, which
    cost most, are 0 in a step at which nobody looks.
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
