"""Penalties of the critic's gradient with respect to its input. The critic must not mix examples.

The norm of that gradient is over all axes of an example: an image has one norm, not one per row or channel. Where an
example's gradient is exactly zero (a dead ReLU network, or weights that start at zero) the norm has no derivative; it
is given the derivative 0, a subgradient, since NaN would end the run.
"""

from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp

from gan_jax.options import at_least
from gan_jax.penalties.batch import mean, number, squares, stretch, widen

Critic = Callable[[jax.Array], jax.Array]


def input_gradient(critic: Critic, x: jax.Array) -> jax.Array:
    """The derivative of each example's logit with respect to that example: [B, *shape], in the dtype of x.

    It is the gradient of the sum of the logits, so it is right only for a critic that does not mix examples.
    """
    return jax.grad(lambda x: jnp.sum(widen(critic(x))))(jax.lax.stop_gradient(x))


def input_gradient_norm(critic: Critic, x: jax.Array) -> jax.Array:
    """The Euclidean norm of each example's input gradient, over all its axes: [B], float32 or better."""
    total = squares(input_gradient(critic, x))
    # sqrt has an infinite derivative at 0, and infinity times zero is NaN. The inner where keeps sqrt away from 0, the
    # outer one puts the 0 back: other values are untouched, as they would not be by sqrt(total + epsilon).
    positive = total > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, total, 1.0)), 0.0)


def interpolates(real: jax.Array, fake: jax.Array, keys: jax.Array) -> jax.Array:
    """A point uniform on the line between each real example and a generated one, [B, *shape] in the dtype of `real`."""
    start, end = widen(fake), widen(real)
    share = jax.vmap(lambda key: jax.random.uniform(key, (), jnp.float32))(keys).astype(start.dtype)
    # In this form the point is exact where the two ends agree.
    return (start + stretch(share, start) * (end - start)).astype(real.dtype)


def distance_to_target(norm: jax.Array, *, target: float = 1.0) -> jax.Array:
    """(norm - target)^2."""
    return jnp.square(norm - number(target, norm))


def excess(norm: jax.Array, *, target: float = 1.0) -> jax.Array:
    """max(0, norm - target)^2."""
    return jnp.square(jax.nn.relu(norm - number(target, norm)))


def distance_to_one(norm: jax.Array, *, scale: float = 0.5) -> jax.Array:
    """(norm - 1)^2; DRAGAN's `scale` says where the gradient is taken, not what it should be."""
    del scale
    return jnp.square(norm - 1.0)


def half_square(norm: jax.Array) -> jax.Array:
    """norm^2 / 2."""
    return 0.5 * jnp.square(norm)


def wgan_gp(
    critic: Critic,
    real: jax.Array,
    fake: jax.Array,
    keys: jax.Array,
    *,
    target: Annotated[float, at_least(0.0), "slope asked for"] = 1.0,
) -> jax.Array:
    """Pulls the critic's slope between real and generated examples to `target`.

    Formula: (||grad critic(x_hat)|| - target)^2, x_hat = u real + (1 - u) fake, u ~ U[0, 1), one u per example.

    The paper's formula and its released code's, two-sided and without factor 1/2; the paper's weight is 10.

    Args:
      target: slope asked for, at least 0; 0 makes the penalty zero-centred.

    Returns:
      [B] float32, in [0, inf).

    References:
      Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville: Improved Training of Wasserstein GANs, 2017, arXiv 1704.00028,
      equation 3.
    """
    return distance_to_target(input_gradient_norm(critic, interpolates(real, fake, keys)), target=target)


def lipschitz(
    critic: Critic,
    real: jax.Array,
    fake: jax.Array,
    keys: jax.Array,
    *,
    target: Annotated[float, at_least(0.0), "largest slope that costs nothing"] = 1.0,
) -> jax.Array:
    """Punishes only slopes above `target`, as a Lipschitz constraint does.

    Formula: max(0, ||grad critic(x_hat)|| - target)^2, x_hat = u real + (1 - u) fake, u ~ U[0, 1).

    The paper's formula, with the interpolates of WGAN-GP (the paper compares two samplings); no factor 1/2.

    Args:
      target: largest slope that costs nothing, 1 in the paper.

    Returns:
      [B] float32, in [0, inf).

    References:
      Petzka, Fischer, Lukovnikov: On the regularization of Wasserstein GANs, 2017, arXiv 1709.08894, equation 8.
    """
    return excess(input_gradient_norm(critic, interpolates(real, fake, keys)), target=target)


def dragan(
    critic: Critic,
    real: jax.Array,
    keys: jax.Array,
    axis_name: str | None = None,
    *,
    scale: Annotated[float, at_least(0.0), "size of the perturbation, in standard deviations of the data"] = 0.5,
) -> jax.Array:
    """Pulls the critic's slope to 1 around the real examples.

    Formula: (||grad critic(x + scale std(x) u)|| - 1)^2, u ~ U[0, 1) for each number of x.

    The perturbation is the released code's and the one of Lucic et al. 2018: uniform, on one side, std(x) one number
    over the whole minibatch of all devices. The paper's formula has normal noise, and its code goes on to draw a point
    between x and the perturbed x; this does not. The paper's weight is 10.

    Args:
      scale: of the perturbation, in standard deviations of the data, at least 0.

    Returns:
      [B] float32, in [0, inf).

    References:
      Kodali, Abernethy, Hays, Kira: On Convergence and Stability of GANs, 2017, arXiv 1705.07215, section 2.3.
      Lucic, Kurach, Michalski, Gelly, Bousquet: Are GANs Created Equal?, 2018, arXiv 1711.10337, table 1.
    """
    x = jax.lax.stop_gradient(widen(real))
    std = jnp.sqrt(mean(jnp.square(x - mean(x, axis_name)), axis_name))
    draws = jax.vmap(lambda key: jax.random.uniform(key, x.shape[1:], jnp.float32))(keys).astype(x.dtype)
    near = (x + number(scale, x) * std * draws).astype(real.dtype)
    return distance_to_one(input_gradient_norm(critic, near))


def r1(critic: Critic, real: jax.Array) -> jax.Array:
    """Flattens the critic at the real examples, where it should be flat once the generator is right.

    Formula: 1/2 ||grad critic(real)||^2

    The paper's convention: with weight gamma this is its gamma/2 (gamma = 10 for images). The released code multiplies
    the squared norm by its parameter without the 1/2, so its 10 is a weight of 20 here.

    Returns:
      [B] float32, in [0, inf).

    References:
      Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge?, 2018, arXiv 1801.04406,
      equation 9.
    """
    return 0.5 * squares(input_gradient(critic, real))


def r2(critic: Critic, fake: jax.Array) -> jax.Array:
    """Flattens the critic at the generated examples.

    Formula: 1/2 ||grad critic(fake)||^2

    The paper's convention, as for `r1`. The examples are constants here, even for a player that made them.

    Returns:
      [B] float32, in [0, inf).

    References:
      Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge?, 2018, arXiv 1801.04406,
      equation 10.
    """
    return 0.5 * squares(input_gradient(critic, fake))
