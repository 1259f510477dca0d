"""Least squares on the discriminator's raw output."""

from typing import Annotated

import jax
import jax.numpy as jnp

from gan_jax.losses.adversarial import AdversarialLoss, Claims, Divergence, Optimum, check_logits
from gan_jax.losses.divergences import triangular
from gan_jax.options import FINITE

Scalar = float | jax.Array


def least_squares(
    a: Annotated[Scalar, FINITE, "the discriminator's target for generated examples"] = 0.0,
    b: Annotated[Scalar, FINITE, "its target for real examples"] = 1.0,
    c: Annotated[Scalar, FINITE, "the generator's target for its own"] = 1.0,
) -> AdversarialLoss:
    """Least squares on the raw output: the discriminator pulls real to b and fake to a, the generator fake to c.

    The paper's two schemes are (a, b, c) = (-1, 1, 0), which satisfies b - c = 1 and b - a = 2, and (0, 1, 1), the one
    of the released code and the default here. The factor 1/2 is the paper's. Under the first the paper's criterion is a
    Pearson chi-squared divergence. That criterion holds a term of the real examples, which the generator's parameters
    cannot change and no implementation computes; and the generator follows its cost with the discriminator fixed,
    whose slope is another function of q (claimed below), with curvature 0 at q = p.

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
        check_logits(real_logits, fake_logits)
        return _half_square(real_logits, b) + _half_square(fake_logits, a)

    def generator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        del real_logits
        return _half_square(fake_logits, c)

    def optimum(p: jax.Array, q: jax.Array) -> jax.Array:
        return (b * p + a * q) / (p + q)

    def value(p: jax.Array, q: jax.Array) -> jax.Array:
        return (b - a) ** 2 * (2 - triangular(p, q)) / 8

    def symmetric(p: jax.Array, q: jax.Array) -> jax.Array:
        return (b + a - 2 * c) ** 2 / 4 + (b - a) ** 2 * triangular(p, q) / 8

    def slope(p: jax.Array, q: jax.Array) -> jax.Array:
        # The integral over q of the generator's cost, ((b - c) p + (a - c) q)^2 / (2 (p + q)^2), at fixed p.
        both = p + q
        terms = (a - c) ** 2 * q + 2 * (b - a) * (a - c) * p * jnp.log(both) - (b - a) ** 2 * p**2 / both
        return jnp.sum(terms) / 2

    def claims() -> Claims:
        chi = b - c == 1 and b - a == 2
        return Claims(
            formula=(f"({_square('r', b)} + {_square('f', a)}) / 2", f"{_square('f', c)} / 2"),
            optimum=Optimum(f"(b p + a q) / (p + q), b = {b:g} and a = {a:g}", optimum),
            divergence=Divergence(
                "with the data's term that the paper adds, half of chi2_Pearson(p + q || 2 q) = sum (p - q)^2/(p + q); "
                "the slope, discriminator fixed, is not that of this divergence"
                if chi
                else "none with a name, as b - c = 1 and b - a = 2 do not both hold",
                value=value,
                symmetric=symmetric,
                slope=slope,
            ),
            saturating=False,
            zero_sum=False,
            shift_invariant=False,
        )

    return AdversarialLoss(discriminator, generator, generator_reads_real=False, claims=claims)


def _half_square(logits: jax.Array, target: Scalar) -> jax.Array:
    return jnp.square(logits - jnp.asarray(target, logits.dtype)) / 2


def _square(logit: str, target: Scalar) -> str:
    if target == 0:
        return f"{logit}^2"
    return f"({logit} {'-' if target > 0 else '+'} {abs(target):g})^2"
