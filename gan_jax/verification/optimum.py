"""The best discriminator on a few points, found numerically, and what it makes of the generator's cost.

Two distributions on K points are multisets of N points each, so that an expectation over pairs of a real and a
generated example is a plain mean over all N * N pairs. That holds for losses that are sums, for those of pairs, and for
those that take means over the minibatch, and needs nothing but the loss's two functions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import optimize

from gan_jax.losses import AdversarialLoss
from gan_jax.verification.checks import compiled

BOX = 30.0  # beyond it a sigmoid is 0 or 1 to 13 digits; a cost with no minimum stops there


class Pair(NamedTuple):
    """How often each of K points is drawn, of N: by the data, whose distribution is p, and by the generator, q."""

    real: tuple[int, ...]
    fake: tuple[int, ...]

    @property
    def p(self) -> np.ndarray:
        """The data's distribution, float64 [K]."""
        return np.array(self.real, np.float64) / sum(self.real)

    @property
    def q(self) -> np.ndarray:
        """The generator's, float64 [K]."""
        return np.array(self.fake, np.float64) / sum(self.fake)


# All with N = 16 and K = 4, so that one program serves all; ratios p / q distinct and nowhere 1.
PAIRS = (Pair((8, 5, 2, 1), (1, 3, 4, 8)), Pair((1, 6, 2, 7), (4, 2, 5, 5)), Pair((3, 7, 1, 5), (4, 3, 7, 2)))
EQUAL = Pair((2, 3, 5, 6), (2, 3, 5, 6))


class Play(NamedTuple):
    """A loss's expected costs on points, compiled, in float64.

    Attributes:
      discriminator: (real points [N], fake points [N], logits [K]) -> scalar and its gradient.
      generator: (real points, fake points, real logits, fake logits) -> scalar and its gradient in the last.
      per_point: (real points, logits) -> [K], of each point; of no meaning for a batchwise loss.
    """

    discriminator: Callable[..., Any]
    generator: Callable[..., Any]
    per_point: Callable[..., Any]


def play(loss: AdversarialLoss) -> Play:
    """The compiled expected costs of a loss; to be made and used under ``jax.enable_x64``."""

    def everyone(real_points: jax.Array, fake_points: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.repeat(real_points, fake_points.size), jnp.tile(fake_points, real_points.size)

    def discriminator(real_points: jax.Array, fake_points: jax.Array, logits: jax.Array) -> jax.Array:
        real, fake = everyone(real_points, fake_points)
        return jnp.mean(loss.discriminator(logits[real], logits[fake]))

    def generator(
        real_points: jax.Array, fake_points: jax.Array, real_logits: jax.Array, fake_logits: jax.Array
    ) -> jax.Array:
        real, fake = everyone(real_points, fake_points)
        return jnp.mean(loss.generator(real_logits[real], fake_logits[fake]))

    def per_point(real_points: jax.Array, logits: jax.Array) -> jax.Array:
        real, fake = everyone(real_points, jnp.arange(logits.size))
        costs = loss.generator(logits[real], logits[fake])
        return jnp.mean(costs.reshape(real_points.size, logits.size), axis=0)

    return Play(
        compiled(jax.value_and_grad(discriminator, 2)), compiled(jax.value_and_grad(generator, 3)), compiled(per_point)
    )


def points(counts: tuple[int, ...]) -> np.ndarray:
    """The multiset, int [N]."""
    return np.repeat(np.arange(len(counts)), counts)


class Best(NamedTuple):
    """The best discriminator that was found: its logits [K], its expected cost, and the gradient left there."""

    logits: np.ndarray
    cost: float
    gradient: np.ndarray


def best_discriminator(game: Play, pair: Pair, domain: tuple[float, float]) -> Best:
    """Minimize the discriminator's expected cost over logits in the box of +-30 and the domain, deterministically.

    L-BFGS from several starts, then, where a slope is left, Powell's search without derivatives, which ends at corners.
    """
    real, fake = points(pair.real), points(pair.fake)
    low, high = max(domain[0], -BOX), min(domain[1], BOX)
    bounds = [(low, high)] * len(pair.real)

    def cost(logits: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = game.discriminator(real, fake, logits)
        return float(value), np.asarray(slope)

    starts = np.random.default_rng(0).uniform(-1.5, 1.5, (2, len(pair.real)))
    found = []
    for start in (np.zeros(len(pair.real)), *starts):
        inside = np.clip(start, low, high)
        options = {"ftol": 1e-16, "gtol": 1e-11, "maxiter": 500}
        result = optimize.minimize(cost, inside, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        if np.isfinite(result.fun):
            found.append((float(result.fun), result.x))
    if not found:
        raise ArithmeticError("the discriminator's cost was not finite wherever it was tried")
    value, logits = min(found, key=lambda pair: pair[0])
    if _slope_left(logits, cost(logits)[1], low, high) > 1e-6:
        options = {"xtol": 1e-10, "ftol": 1e-15}
        result = optimize.minimize(lambda x: cost(x)[0], logits, method="Powell", bounds=bounds, options=options)
        value, logits = min((value, logits), (float(result.fun), result.x), key=lambda pair: pair[0])
    return Best(logits, value, cost(logits)[1])


def _slope_left(logits: np.ndarray, slope: np.ndarray, low: float, high: float) -> float:
    inward = np.clip(logits - slope, low, high) - logits
    return float(np.max(np.abs(inward)))
