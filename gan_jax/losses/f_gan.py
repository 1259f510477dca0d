"""Variational lower bounds of f-divergences, as zero-sum games.

With u = p / q and T = g(v) at logit v, the discriminator maximizes E_p g(v) - E_q f*(g(v)), whose largest value is the
f-divergence of f. Each member below holds g and f*(g(.)), the latter simplified by hand so that no output activation is
inverted in floating point.
"""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.errors import ConfigError
from gan_jax.losses import divergences
from gan_jax.losses.adversarial import AdversarialLoss, Claims, Divergence, Optimum, PairLoss, check_logits
from gan_jax.options import one_of

UNBOUNDED = 1e4


class Member(NamedTuple):
    """One f-divergence.

    Attributes:
      activation: v -> g(v), increasing, onto the domain of f*.
      conjugate: v -> f*(g(v)).
      optimum: u = p / q -> the logit where g(v) = f'(u).
      divergence: (p, q) -> scalar.
      formula: g(v), f*(g(v)), the optimum and the divergence, in symbols.
      domain: logits at which neither overflows, nor their sum.
      saturating: whether the slope of f*(g(v)) at the optimum goes to 0 with u.
    """

    activation: Callable[[jax.Array], jax.Array]
    conjugate: Callable[[jax.Array], jax.Array]
    optimum: Callable[[jax.Array], jax.Array]
    divergence: PairLoss
    formula: tuple[str, str, str, str]
    domain: tuple[float, float] = (-UNBOUNDED, UNBOUNDED)
    saturating: bool = True


MEMBERS: Mapping[str, Member] = {
    "kl": Member(
        lambda v: v,
        lambda v: jnp.exp(v - 1),
        lambda u: 1 + jnp.log(u),
        divergences.kullback_leibler,
        ("{v}", "exp({v} - 1)", "1 + log(p / q)", "KL(p || q)"),
        (-UNBOUNDED, 89.7),
    ),
    "reverse_kl": Member(
        lambda v: -jnp.exp(-v),
        lambda v: v - 1,  # -1 - log(exp(-v))
        jnp.log,
        lambda p, q: divergences.kullback_leibler(q, p),
        ("-exp(-{v})", "({v} - 1)", "log(p / q)", "KL(q || p)"),
        (-88.7, UNBOUNDED),
        saturating=False,
    ),
    "pearson": Member(
        lambda v: v,
        lambda v: jnp.square(v) / 4 + v,
        lambda u: 2 * (u - 1),
        divergences.pearson,
        ("{v}", "({v}^2 / 4 + {v})", "2 (p / q - 1)", "chi2_Pearson = sum (p - q)^2 / q"),
    ),
    "squared_hellinger": Member(
        lambda v: 1 - jnp.exp(-v),
        lambda v: jnp.exp(v) - 1,  # t / (1 - t) with t = 1 - exp(-v); the gradient of expm1 is 0 below -17 in float32
        lambda u: jnp.log(u) / 2,
        divergences.squared_hellinger,
        ("(1 - exp(-{v}))", "(exp({v}) - 1)", "log(p / q) / 2", "sum (sqrt p - sqrt q)^2"),
        (-88.0, 88.0),  # at 88.7 the sum of both terms overflows
    ),
    "jensen_shannon": Member(
        lambda v: jnp.asarray(math.log(2), v.dtype) - jax.nn.softplus(-v),
        lambda v: jax.nn.softplus(v) - jnp.asarray(math.log(2), v.dtype),  # -log(2 - 2 sigmoid(v))
        jnp.log,
        lambda p, q: 2 * divergences.jensen_shannon(p, q),
        ("(log 2 - log(1 + exp(-{v})))", "(log(1 + exp({v})) - log 2)", "log(p / q)", "2 JSD(p, q)"),
    ),
    "gan": Member(
        lambda v: -jax.nn.softplus(-v),
        jax.nn.softplus,  # -log(1 - sigmoid(v))
        jnp.log,
        lambda p, q: 2 * divergences.jensen_shannon(p, q) - math.log(4),
        ("-log(1 + exp(-{v}))", "log(1 + exp({v}))", "log(p / q)", "2 JSD(p, q) - log 4"),
    ),
}


def f_gan(divergence: Annotated[str, one_of(MEMBERS), "which f-divergence"] = "kl") -> AdversarialLoss:
    """The zero-sum game of an f-divergence: discriminator -g(r) + f*(g(f)), generator -f*(g(f)).

    ``gan`` is ``minimax`` written in these terms, and ``jensen_shannon`` is both up to constants in the values; they
    are here so that the family is whole. Below a logit of -2, the smallest that its optimum can have, f*(g(.)) of
    ``pearson`` falls, and the generator is pushed away from the data. Nothing is clipped: ``kl`` overflows above 89.7,
    ``reverse_kl`` below -88.7, ``squared_hellinger`` beyond 88.

    Args:
      divergence: kl, reverse_kl, pearson, squared_hellinger, jensen_shannon or gan.

    Returns:
      AdversarialLoss.

    Raises:
      ConfigError: another divergence.

    References:
      Nowozin, Cseke and Tomioka, f-GAN, 2016, arXiv:1606.00709, equation 6, tables 2 and 6.
    """
    if divergence not in MEMBERS:
        raise ConfigError(f"divergence={divergence!r} is unknown; allowed: {', '.join(MEMBERS)}")
    member = MEMBERS[divergence]

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        check_logits(real_logits, fake_logits)
        return member.conjugate(fake_logits) - member.activation(real_logits)

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return -member.conjugate(fake_logits)

    def claims() -> Claims:
        activation, conjugate, optimum, name = member.formula
        return Claims(
            formula=(f"{_minus(activation.format(v='r'))} + {conjugate.format(v='f')}", f"-{conjugate.format(v='f')}"),
            domain=member.domain,
            optimum=Optimum(optimum, lambda p, q: member.optimum(p / q)),
            divergence=Divergence(
                f"{name}, exactly: the value is its negative",
                value=lambda p, q: -member.divergence(p, q),
                slope=member.divergence,
            ),
            saturating=member.saturating,
            zero_sum=True,
            shift_invariant=False,
        )

    return AdversarialLoss(discriminator, generator, generator_reads_real=False, claims=claims)


def _minus(formula: str) -> str:
    return formula[1:] if formula.startswith("-") else f"-{formula}"
