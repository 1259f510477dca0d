"""Adversarial losses: pairs of pure functions on logits, one value per example, nothing reduced.

A loss is ``AdversarialLoss(discriminator, generator)``. Both functions take ``(real_logits, fake_logits)``,
each float [B] and unbounded, and return a loss of shape [B] that its player minimizes. The discriminator's
probability that x is real is D(x) = sigmoid(logit). A game takes the mean over the batch, once, in float32.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from gan_jax.errors import ConfigError

PairLoss = Callable[[jax.Array, jax.Array], jax.Array]


class AdversarialLoss(NamedTuple):
    """What each player minimizes, per example.

    Attributes:
      discriminator: (real_logits [B], fake_logits [B]) -> [B].
      generator: (real_logits [B], fake_logits [B]) -> [B].
      generator_reads_real: whether ``generator`` depends on ``real_logits``. False lets a game give the
        generator's round no real minibatch; such a loss gets ``fake_logits`` in both places.
    """

    discriminator: PairLoss
    generator: PairLoss
    generator_reads_real: bool = True


def cross_entropy(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """The discriminator's cross-entropy, -log D(x) - log(1 - D(G(z))), per example.

    Args:
      real_logits: float [B], logits of real examples.
      fake_logits: float [B], logits of generated examples.

    Returns:
      float [B], in nats, non-negative. Written with softplus, so it is finite for every finite logit.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, equation 1.
    """
    chex.assert_rank([real_logits, fake_logits], 1)
    chex.assert_equal_shape([real_logits, fake_logits])
    return jax.nn.softplus(-real_logits) + jax.nn.softplus(fake_logits)


def minimax() -> AdversarialLoss:
    """The zero-sum game of 2014: the generator minimizes log(1 - D(G(z))), truly, and so saturates.

    The discriminator's optimum is D* = p_data / (p_data + p_g), where the generator's cost, the negative of the
    discriminator's up to a term that it cannot change, is -log 4 + 2 JSD(p_data, p_g).

    Returns:
      AdversarialLoss; the generator's values are in (-inf, 0], nats.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, equation 1 and Algorithm 1.
    """

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return -jax.nn.softplus(fake_logits)  # log(1 - sigmoid(s)) = -softplus(s)

    return AdversarialLoss(cross_entropy, generator, generator_reads_real=False)


def non_saturating() -> AdversarialLoss:
    """The generator minimizes -log D(G(z)), whose gradient is strong where the discriminator rejects it.

    Returns:
      AdversarialLoss; values in [0, inf), nats.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, section 3.
      Goodfellow, NIPS 2016 Tutorial: Generative Adversarial Networks, 2016, arXiv:1701.00160, section 3.2.3.
    """

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return jax.nn.softplus(-fake_logits)

    return AdversarialLoss(cross_entropy, generator, generator_reads_real=False)


def least_squares(
    a: float | jax.Array = 0.0, b: float | jax.Array = 1.0, c: float | jax.Array = 1.0
) -> AdversarialLoss:
    """Least squares on the raw output: the discriminator pulls real to b and fake to a, the generator fake to c.

    The paper's two schemes are (a, b, c) = (-1, 1, 0), which satisfies b - c = 1 and b - a = 2 so that the generator
    minimizes a Pearson chi-squared divergence, and (0, 1, 1), the one of the released code and the default here.
    The factor 1/2 is the paper's.

    Args:
      a: target of generated examples for the discriminator.
      b: target of real examples for the discriminator.
      c: target of generated examples for the generator.

    Returns:
      AdversarialLoss; values in [0, inf). The optimal output is (b p_data + a p_g) / (p_data + p_g).

    References:
      Mao et al., Least Squares Generative Adversarial Networks, 2016, arXiv:1611.04076, equations 2, 8 and 9.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        chex.assert_rank([real_logits, fake_logits], 1)
        chex.assert_equal_shape([real_logits, fake_logits])
        return 0.5 * jnp.square(real_logits - b) + 0.5 * jnp.square(fake_logits - a)

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return 0.5 * jnp.square(fake_logits - c)

    return AdversarialLoss(discriminator, generator, generator_reads_real=False)


# Name -> function from the loss's options (keywords with defaults) to an AdversarialLoss.
LOSSES: Mapping[str, Callable[..., AdversarialLoss]] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "least_squares": least_squares,
}


def get(name: str, **options: float | jax.Array) -> AdversarialLoss:
    """The registered loss ``name`` with its options.

    Args:
      name: a key of ``LOSSES``.
      **options: that loss's own options; floats or scalar arrays (so that a sweep may trace them).

    Returns:
      AdversarialLoss.

    Raises:
      ConfigError: unknown name or option.
    """
    if name not in LOSSES:
        raise ConfigError(f"loss {name!r} is unknown; allowed: {', '.join(sorted(LOSSES))}")
    try:
        return LOSSES[name](**options)
    except TypeError as error:
        raise ConfigError(f"loss {name!r}: {error}") from error
