"""Relativistic losses: the discriminator judges whether a real example is more real than a generated one.

Those that average stand a mean over the minibatch inside a nonlinearity. It is taken over all devices, and the gradient
runs through it.
"""

import math

import jax
import jax.numpy as jnp

from gan_jax.losses.adversarial import AdversarialLoss, Claims, Divergence, Optimum, check_logits
from gan_jax.losses.divergences import jensen_shannon, kullback_leibler, pairs, triangular


def relativistic() -> AdversarialLoss:
    """RSGAN: each player wants its side of every pair to look more real than the other side.

    It is also what the released code of R3GAN trains.

    Returns:
      AdversarialLoss; values in [0, inf), nats.

    References:
      Jolicoeur-Martineau, The Relativistic Discriminator, 2018, arXiv:1807.00734, RSGAN.
    """

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        check_logits(real_logits, fake_logits)
        return jax.nn.softplus(real_logits - fake_logits)

    def criterion(p: jax.Array, q: jax.Array) -> jax.Array:
        return kullback_leibler(p, q) + kullback_leibler(q, p) + _pair_value(p, q)

    def slope(p: jax.Array, q: jax.Array) -> jax.Array:
        # The generator's cost of a pair is the discriminator's plus r - f, and at the optimum f = log(p / q).
        return kullback_leibler(q, p) - jensen_shannon(*pairs(p, q))

    def claims() -> Claims:
        return Claims(
            formula=("log(1 + exp(f - r))", "log(1 + exp(r - f))"),
            optimum=_PAIR_OPTIMUM,
            divergence=Divergence(
                "the slope is that of KL(q || p) - JSD(p x q, q x p), products on pairs; the cost at the optimum is "
                "KL(p || q) + KL(q || p) + log 2 - JSD(p x q, q x p)",
                value=_pair_value,
                criterion=criterion,
                slope=slope,
            ),
            saturating=False,
            zero_sum=False,
            shift_invariant=True,
        )

    return AdversarialLoss(_pair_cost, generator, claims=claims)


def relativistic_pairing() -> AdversarialLoss:
    """The zero-sum value of R3GAN's paper: the generator's cost is the negative of the discriminator's, and saturates.

    The paper's value is E f(D(G(z)) - D(x)) with f(t) = -log(1 + exp(-t)), where D is positive on generated examples;
    here the logit is positive on real ones. The released code trains another generator, the non-saturating one, which
    is ``relativistic``.

    Returns:
      AdversarialLoss; the generator's values are in (-inf, 0], nats.

    References:
      Huang et al., The GAN is dead; long live the GAN! A Modern GAN Baseline, 2024, arXiv:2501.05441, equation 2.
      Sun, Fang and Schwing, Towards a Better Global Loss Landscape of GANs, 2020, arXiv:2011.04926.
    """

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        return -_pair_cost(real_logits, fake_logits)

    def claims() -> Claims:
        return Claims(
            formula=("log(1 + exp(f - r))", "-log(1 + exp(f - r))"),
            optimum=_PAIR_OPTIMUM,
            divergence=Divergence(
                "JSD(p x q, q x p) of the products on pairs, exactly: the value is log 2 minus that",
                value=_pair_value,
                criterion=lambda p, q: -_pair_value(p, q),
                slope=lambda p, q: jensen_shannon(*pairs(p, q)),
            ),
            saturating=True,
            zero_sum=True,
            shift_invariant=True,
        )

    return AdversarialLoss(_pair_cost, generator, claims=claims)


def relativistic_average(axis_name: str | None = None) -> AdversarialLoss:
    """RaSGAN: each example against the mean logit of the other side, both terms for both players.

    Args:
      axis_name: mapped axis that splits the minibatch, or None.

    Returns:
      AdversarialLoss; values in [0, inf), nats; ``batchwise``.

    References:
      Jolicoeur-Martineau, The Relativistic Discriminator, 2018, arXiv:1807.00734, RaSGAN.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        real, fake = _relative(real_logits, fake_logits, axis_name)
        return jax.nn.softplus(-real) + jax.nn.softplus(fake)

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        real, fake = _relative(real_logits, fake_logits, axis_name)
        return jax.nn.softplus(-fake) + jax.nn.softplus(real)

    def claims() -> Claims:
        reason = "no closed form: the conditions couple log(1 + exp(.)) at all points through both means"
        return Claims(
            formula=(
                "log(1 + exp(mean(f) - r)) + log(1 + exp(f - mean(r)))",
                "log(1 + exp(mean(r) - f)) + log(1 + exp(r - mean(f)))",
            ),
            optimum=Optimum(reason),
            divergence=Divergence(reason),
            saturating=False,
            zero_sum=False,
            shift_invariant=True,
        )

    return AdversarialLoss(discriminator, generator, batchwise=True, claims=claims)


def relativistic_average_least_squares(axis_name: str | None = None) -> AdversarialLoss:
    """RaLSGAN: real stays 1 above the mean of fake and fake 1 below the mean of real; the generator, the reverse.

    Args:
      axis_name: mapped axis that splits the minibatch, or None.

    Returns:
      AdversarialLoss; values in [0, inf), without a factor 1/2 as in the paper; ``batchwise``.

    References:
      Jolicoeur-Martineau, The Relativistic Discriminator, 2018, arXiv:1807.00734, RaLSGAN.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        real, fake = _relative(real_logits, fake_logits, axis_name)
        return jnp.square(real - 1) + jnp.square(fake + 1)

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        real, fake = _relative(real_logits, fake_logits, axis_name)
        return jnp.square(fake - 1) + jnp.square(real + 1)

    def optimum(p: jax.Array, q: jax.Array) -> jax.Array:
        return 2 / (1 + 1.5 * triangular(p, q)) * (p - q) / (p + q)

    def value(p: jax.Array, q: jax.Array) -> jax.Array:
        delta = triangular(p, q)
        return (2 - delta) / (1 + 1.5 * delta)

    def criterion(p: jax.Array, q: jax.Array) -> jax.Array:
        # The variances under p and q, and twice the squared distance of the means from their targets.
        delta = triangular(p, q)
        return (4 * delta * (1 - delta / 2) + 2 * (1 + 3.5 * delta) ** 2) / (1 + 1.5 * delta) ** 2

    def claims() -> Claims:
        return Claims(
            formula=("(r - mean(f) - 1)^2 + (f - mean(r) + 1)^2", "(f - mean(r) - 1)^2 + (r - mean(f) + 1)^2"),
            optimum=Optimum("2 / (1 + 3/2 T) * (p - q) / (p + q), with T = sum (p - q)^2 / (p + q)", optimum),
            divergence=Divergence(
                "the discriminator's value is (2 - T) / (1 + 3/2 T), and the generator's cost there is "
                "(4 T (1 - T/2) + 2 (1 + 7/2 T)^2) / (1 + 3/2 T)^2: both functions of T alone",
                value=value,
                criterion=criterion,
            ),
            saturating=False,
            zero_sum=False,
            shift_invariant=True,
        )

    return AdversarialLoss(discriminator, generator, batchwise=True, claims=claims)


def _pair_cost(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    check_logits(real_logits, fake_logits)
    return jax.nn.softplus(fake_logits - real_logits)


def _pair_value(p: jax.Array, q: jax.Array) -> jax.Array:
    return math.log(2) - jensen_shannon(*pairs(p, q))


_PAIR_OPTIMUM = Optimum("log(p / q), up to a shift", lambda p, q: jnp.log(p) - jnp.log(q))


def _relative(real_logits: jax.Array, fake_logits: jax.Array, axis_name: str | None) -> tuple[jax.Array, jax.Array]:
    """Each side minus the mean of the other, over the whole minibatch."""
    check_logits(real_logits, fake_logits)
    means = jnp.mean(real_logits), jnp.mean(fake_logits)
    if axis_name is not None:
        means = jax.lax.pmean(means, axis_name)
    return real_logits - means[1], fake_logits - means[0]
