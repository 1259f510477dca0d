"""One round of a game as a vector field: what an update rule is given, and what its directions become."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.game import Context, Game
from gan_jax.move import Move
from gan_jax.nn.spectral import power_iteration
from gan_jax.rules import Points, Round

Batch = Mapping[str, jax.Array]


class Moved(NamedTuple):
    """What one player's move came to.

    Attributes:
      written: {"params", "stats", "opt", "memory"}, only what the player owns.
      metrics: {name: scalar}, the same on all devices.
      finite: whether its loss, gradient and direction were.
    """

    written: dict[str, Any]
    metrics: dict[str, jax.Array]
    finite: jax.Array


def play(
    game: Game,
    movers: Sequence[str],
    state: Any,
    batch: Batch,
    contexts: Mapping[str, Context],
    axis_name: str | None,
    last: jax.Array | bool = True,
) -> dict[str, Moved]:
    """All ``movers`` move from the same state by the game's rule.

    Statistics are those of each player's first evaluation: they are written once, and later evaluations see the same
    ones as it did. A mover's own spectral norms make one power iteration before it. ``last``: whether anybody looks at
    this step's metrics; those of ``taken`` are 0 where nobody does.
    """
    names = tuple(sorted(game.players)) if game.rule.joint else tuple(movers)
    points = {name: {n: state.params[n] for n in game.players[name].owns} for name in names}
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


TAKEN = ("update_cosine", "update_norm")


def taken(before: Any, after: Any, gradient: Any, gradient_norm: jax.Array) -> dict[str, jax.Array]:
    """How a player's step compares with its gradient.

    Args:
      before: its parameters before the move.
      after: the same after it.
      gradient: of its objective before the move.
      gradient_norm: its global norm.

    Returns:
      Scalars: "update_norm", the global norm of the step; "update_cosine", the cosine of the angle between the step and
      the steepest descent, in [-1, 1] up to rounding: 1 for plain gradient descent. Momentum, Adam's scaling, decay and
      rules that correct the gradient lower it; below 0 the player moves against its present gradient, as momentum
      does while the game turns. It is 0 where step or gradient is 0.
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
