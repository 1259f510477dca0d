"""Unrolled optimization: one player foresees how the others will answer."""

from typing import Annotated, Any

import jax

from gan_jax.options import PLAYER, at_least
from gan_jax.rules.round import Points, Round, movers_part


def unrolled(
    round: Round,
    *,
    steps: Annotated[int, at_least(1), "steps of the opponents that are foreseen"] = 5,
    player: Annotated[str, PLAYER, "who foresees"] = "generator",
) -> Points:
    """``player`` minimizes its loss against opponents that first make ``steps`` of their own, differentiated through.

    Formula: grad_w L(w, w_k(w)), w_0 the opponents' parameters, w_{i+1} what their optimizers make of w_i. The
    opponents themselves move by their plain gradients, from where they were.
    Through the optimizer: yes; the inner steps also, on copies of its state that are dropped.

    Args:
      steps: inner steps, at least 1. Cost grows with them.
      player: who foresees.

    References:
      Metz et al., Unrolled Generative Adversarial Networks, 2016, arXiv:1611.02163, equations 5 to 9.
    """
    directions = dict(movers_part(round, round.start))
    if player not in round.movers:
        return directions
    opponents = [name for name in round.points if name != player]

    def foreseen(own: Any) -> jax.Array:
        def inner(carry: Any, _: None) -> Any:
            points, opt = carry
            moved, states = {}, {}
            gradients = round.gradients({**points, player: own})
            for name in opponents:
                moved[name], states[name] = round.update(name, gradients[name], points[name], opt[name])
            return (moved, states), None

        start = {name: round.points[name] for name in opponents}, {name: round.opt[name] for name in opponents}
        (points, _), _ = jax.lax.scan(inner, start, None, length=steps)
        return round.loss(player, {**points, player: own})

    directions[player] = round.average(jax.grad(foreseen)(round.points[player]))
    return directions
