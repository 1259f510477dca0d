"""Losses on the discriminator's cross-entropy: minimax, non-saturating, maximum likelihood."""

import math
from typing import Annotated

import jax
import jax.numpy as jnp

from gan_jax.losses.adversarial import AdversarialLoss, Claims, Divergence, Optimum, PairLoss, check_logits
from gan_jax.losses.divergences import jensen_shannon, kullback_leibler
from gan_jax.options import UNIT

Scalar = float | jax.Array
RealTarget = Annotated[Scalar, UNIT, "the discriminator's target for real examples; 0.9 is one-sided smoothing"]
FakeTarget = Annotated[Scalar, UNIT, "its target for generated examples; leave it at 0"]

# log of the largest finite bfloat16, 88.719, rounded down; of the largest float32 it is 88.723.
LARGEST_EXPONENT = 88.7


def _term(logits: jax.Array, target: Scalar) -> jax.Array:
    """-target log D - (1 - target) log(1 - D) with D = sigmoid(logits)."""
    t = jnp.asarray(target, logits.dtype)
    return t * jax.nn.softplus(-logits) + (1 - t) * jax.nn.softplus(logits)


def cross_entropy(
    real_logits: jax.Array, fake_logits: jax.Array, real_target: Scalar = 1.0, fake_target: Scalar = 0.0
) -> jax.Array:
    """The discriminator's cross-entropy, -log D(x) - log(1 - D(G(z))), per example.

    Args:
      real_logits: float [B], logits of real examples.
      fake_logits: float [B], logits of generated examples.
      real_target: probability in [0, 1] that the discriminator shall give real examples.
      fake_target: probability in [0, 1] that it shall give generated ones.

    Returns:
      float [B], in nats, non-negative. Written with softplus, so it is finite for every finite logit.

    References:
      As for ``minimax``.
    """
    check_logits(real_logits, fake_logits)
    return _term(real_logits, real_target) + _term(fake_logits, fake_target)


def minimax(real_target: RealTarget = 1.0, fake_target: FakeTarget = 0.0) -> AdversarialLoss:
    """The zero-sum game of 2014: the generator minimizes log(1 - D(G(z))), truly, and so saturates.

    The discriminator's optimum is D* = (real_target p_data + fake_target p_g) / (p_data + p_g). With the default
    targets the generator's cost there, the negative of the discriminator's up to a term that it cannot change, is
    -log 4 + 2 JSD(p_data, p_g). A real_target below 1 (one-sided label smoothing) only scales D*. A fake_target above
    0 puts p_g in its numerator: far from the data D* is then fake_target, flat, and it has a peak at a spurious mode of
    the generator, which holds samples there instead of pushing them to the data. Leave it at 0.

    Args:
      real_target: the discriminator's target for real examples, in [0, 1]; 0.9 is usual for smoothing.
      fake_target: its target for generated ones, in [0, 1]; the generator's cost is the negative of that term.

    Returns:
      AdversarialLoss; the generator's values are in (-inf, 0], nats.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, equation 1, theorem 1 and Algorithm 1.
      Salimans et al., Improved Techniques for Training GANs, 2016, arXiv:1606.03498, section 3.4 (other targets).
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        return cross_entropy(real_logits, fake_logits, real_target, fake_target)

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return -_term(fake_logits, fake_target)

    def claims() -> Claims:
        value = _value(real_target, fake_target)
        return Claims(
            formula=(
                f"{_cost('r', real_target)} + {_cost('f', fake_target)}",
                f"-{_cost('f', fake_target)}" if fake_target == 0 else f"-({_cost('f', fake_target)})",
            ),
            optimum=_optimum(real_target, fake_target),
            divergence=Divergence(
                "2 JSD(p, q), exactly: the game is zero-sum and its value is log 4 - 2 JSD(p, q)"
                if (real_target, fake_target) == (1, 0)
                else "the negative of the discriminator's cost: sum of P log(P / (P + Q)) + Q log(Q / (P + Q)), P = "
                f"{real_target:g} p + {fake_target:g} q and Q = {1 - real_target:g} p + {1 - fake_target:g} q",
                value=value,
                slope=lambda p, q: -value(p, q),
            ),
            saturating=True if fake_target == 0 else None,
            zero_sum=True,
            shift_invariant=False,
        )

    return AdversarialLoss(discriminator, generator, generator_reads_real=False, claims=claims, log_odds=True)


def non_saturating(real_target: RealTarget = 1.0, fake_target: FakeTarget = 0.0) -> AdversarialLoss:
    """The generator minimizes -log D(G(z)), whose gradient is strong where the discriminator rejects it.

    The targets are the discriminator's alone; the generator's stays 1. Why fake_target should stay 0: see ``minimax``.

    Args:
      real_target: the discriminator's target for real examples, in [0, 1]; 0.9 is one-sided label smoothing.
      fake_target: its target for generated ones, in [0, 1].

    Returns:
      AdversarialLoss; values in [0, inf), nats.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, section 3.
      Goodfellow, NIPS 2016 Tutorial: Generative Adversarial Networks, 2016, arXiv:1701.00160, sections 3.2.3 and 4.2.
      Arjovsky and Bottou, Principled Methods for Training GANs, 2017, arXiv:1701.04862, theorem 2.5 (the slope).
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        return cross_entropy(real_logits, fake_logits, real_target, fake_target)

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return jax.nn.softplus(-fake_logits)

    def criterion(p: jax.Array, q: jax.Array) -> jax.Array:
        return kullback_leibler(q, p) - kullback_leibler(q, (p + q) / 2) + math.log(2 / real_target)

    def slope(p: jax.Array, q: jax.Array) -> jax.Array:
        return kullback_leibler(q, p) - 2 * jensen_shannon(p, q)

    def claims() -> Claims:
        one_sided = fake_target == 0
        return Claims(
            formula=(f"{_cost('r', real_target)} + {_cost('f', fake_target)}", "log(1 + exp(-f))"),
            optimum=_optimum(real_target, fake_target),
            divergence=Divergence(
                "the slope is that of KL(q || p) - 2 JSD(p, q), which the value of this game is not: it is not zero-sum"
                if one_sided
                else "no closed form is claimed: D* then contains q, and so does the slope of -log D*",
                value=_value(real_target, fake_target),
                criterion=criterion if one_sided else None,
                slope=slope if one_sided else None,
            ),
            saturating=False if one_sided else None,
            zero_sum=False,
            shift_invariant=False,
        )

    return AdversarialLoss(discriminator, generator, generator_reads_real=False, claims=claims, log_odds=True)


def maximum_likelihood() -> AdversarialLoss:
    """The generator minimizes -exp(logit), so that at the optimum it follows the gradient of maximum likelihood.

    The tutorial has a factor 1/2 before every cost of both players. Here as in the other losses there is none, which
    changes no optimum. Value and gradient overflow above a logit of 88.7, loudly: nothing is clipped.

    Returns:
      AdversarialLoss; the generator's values are in (-inf, 0).

    References:
      Goodfellow, NIPS 2016 Tutorial: Generative Adversarial Networks, 2016, arXiv:1701.00160, sections 3.2.4 and 8.3.
      Goodfellow, On Distinguishability Criteria for Estimating Generative Models, 2014, arXiv:1412.6515.
    """

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return -jnp.exp(fake_logits)

    def claims() -> Claims:
        return Claims(
            formula=("log(1 + exp(-r)) + log(1 + exp(f))", "-exp(f)"),
            domain=(-1e4, LARGEST_EXPONENT),
            optimum=_optimum(1.0, 0.0),
            divergence=Divergence(
                "the slope is that of KL(p || q); the cost itself is -1 at every optimum and measures nothing",
                value=_value(1.0, 0.0),
                criterion=lambda p, q: -jnp.sum(p),
                slope=kullback_leibler,
            ),
            saturating=True,
            zero_sum=False,
            shift_invariant=False,
        )

    return AdversarialLoss(cross_entropy, generator, generator_reads_real=False, claims=claims, log_odds=True)


def _optimum(real_target: Scalar, fake_target: Scalar) -> Optimum:
    def logits(p: jax.Array, q: jax.Array) -> jax.Array:
        real, fake = _labelled(p, q, real_target, fake_target)
        return jnp.log(real) - jnp.log(fake)

    if (real_target, fake_target) == (1, 0):
        return Optimum("log(p / q), so D* = p / (p + q)", logits)
    numerator = f"{real_target:g} p" if fake_target == 0 else f"{real_target:g} p + {fake_target:g} q"
    return Optimum(f"the logit of D* = ({numerator}) / (p + q)", logits)


def _value(real_target: Scalar, fake_target: Scalar) -> PairLoss:
    def value(p: jax.Array, q: jax.Array) -> jax.Array:
        if (real_target, fake_target) == (1, 0):
            return math.log(4) - 2 * jensen_shannon(p, q)
        real, fake = _labelled(p, q, real_target, fake_target)
        return -kullback_leibler(real, p + q) - kullback_leibler(fake, p + q)

    return value


def _labelled(p: jax.Array, q: jax.Array, real_target: Scalar, fake_target: Scalar) -> tuple[jax.Array, jax.Array]:
    """The measures of examples that carry the label real, and the label fake."""
    return real_target * p + fake_target * q, (1 - real_target) * p + (1 - fake_target) * q


def _cost(logit: str, target: Scalar) -> str:
    """The formula of ``_term``."""
    terms = {f"log(1 + exp(-{logit}))": target, f"log(1 + exp({logit}))": 1 - target}
    return " + ".join(name if share == 1 else f"{share:g} {name}" for name, share in terms.items() if share != 0)
