"""Rules that use the Jacobian of the vector field, by products with vectors only."""

from typing import Annotated

import jax
import jax.numpy as jnp

from gan_jax.options import at_least
from gan_jax.rules.round import Points, Round, add, dot, movers_part, scaled


def consensus(
    round: Round,
    *,
    weight: Annotated[
        float | jax.Array, at_least(0.0), "factor on the gradient of half the field's squared norm"
    ] = 1.0,
) -> Points:
    """Every player also descends half the squared norm of the whole field, and so seeks where all gradients vanish.

    Formula: v + weight J^T v, since J^T v is the gradient of |v|^2 / 2. v is the field of all players.
    Through the optimizer: yes, the sum is.

    Args:
      weight: gamma of the paper, at least 0.

    References:
      Mescheder et al., The Numerics of GANs, 2017, arXiv:1705.10461, equation 10 and Algorithm 2.
    """
    return movers_part(round, add(round.start, _pull_back(round, round.start), weight))


def symplectic(
    round: Round,
    *,
    weight: Annotated[float | jax.Array, at_least(0.0), "factor on the adjustment"] = 1.0,
    align: Annotated[bool, "choose the sign of the adjustment"] = True,
) -> Points:
    """Symplectic gradient adjustment: adds what turns the rotation of the field towards its stable points.

    Formula: v + lambda A^T v, A = (J - J^T) / 2 the antisymmetric part of the Jacobian. With ``align`` the sign of
    lambda is that of <v, grad H> <A^T v, grad H> / n + 1/10, H = |v|^2 / 2 and n the number of parameters, so that the
    adjustment points to stable and away from unstable fixed points; without, lambda = weight.
    Through the optimizer: yes, the sum is.

    Args:
      weight: lambda, at least 0.
      align: whether to choose the sign.

    References:
      Balduzzi et al., The Mechanics of n-Player Differentiable Games, 2018, arXiv:1802.05642, Algorithm 1 and
        section 3.5.
    """
    field = round.start
    transposed = _pull_back(round, field)  # J^T v, which is grad H
    forward = round.average(jax.jvp(lambda points: _local_gradients(round, points), (round.points,), (field,))[1])
    adjustment = scaled(add(transposed, forward, -1.0), 0.5)  # A^T v = (J^T v - J v) / 2
    sign = jnp.float32(1.0)
    if align:
        size = sum(leaf.size for leaf in jax.tree.leaves(field))
        product = dot(field, transposed) * dot(adjustment, transposed)
        sign = jnp.where(product / size + 0.1 >= 0, 1.0, -1.0).astype(jnp.float32)
    return movers_part(round, add(field, adjustment, jnp.asarray(weight, jnp.float32) * sign))


def squared_norm_gradient(round: Round, player: str) -> Points:
    """For ``player`` alone: the gradient, in its parameters, of the squared norms of all others' gradients."""
    others = {
        name: jax.tree.map(jnp.zeros_like, gradient) if name == player else gradient
        for name, gradient in round.start.items()
    }
    return scaled(_pull_back(round, others)[player], 2.0)


def _local_gradients(round: Round, points: Points) -> Points:
    return {
        name: jax.grad(lambda own, name=name: round.loss(name, {**points, name: own}))(params)  # type: ignore[misc]
        for name, params in points.items()
    }


def _pull_back(round: Round, vector: Points) -> Points:
    """J^T vector: the mean over the devices comes last, since the vector is already the same on all."""
    _, transpose = jax.vjp(lambda points: _local_gradients(round, points), round.points)
    return round.average(transpose(vector)[0])
