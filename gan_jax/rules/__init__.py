"""Update rules by name: how the gradients of a game's players become their steps."""

import math
from collections.abc import Mapping

from gan_jax.rules.first_order import extragradient, gradient, optimistic, optimistic_optimizer
from gan_jax.rules.round import Points, Round, Rule
from gan_jax.rules.runge_kutta import heun, rk4
from gan_jax.rules.second_order import consensus, symplectic
from gan_jax.rules.unrolled import unrolled

__all__ = ["RULES", "Points", "Round", "Rule"]


def _exponential(z: complex, order: int) -> complex:
    """The Taylor polynomial of exp."""
    return sum((z**k / math.factorial(k) for k in range(order + 1)), start=0j)


RULES: Mapping[str, Rule] = {
    "gradient": Rule(gradient, joint=False, factor=lambda value, h: 1 - h * value),
    "optimistic": Rule(optimistic, joint=False, wrap=optimistic_optimizer),
    "extragradient": Rule(extragradient, factor=lambda value, h: 1 - h * value + (h * value) ** 2),
    "consensus": Rule(consensus, factor=lambda value, h, weight: 1 - h * (value + weight * abs(value) ** 2)),
    "symplectic": Rule(symplectic, factor=lambda value, h, weight: 1 - h * value * (1 - 1j * weight * value.imag)),
    "unrolled": Rule(unrolled),
    "heun": Rule(heun, plain=True, factor=lambda value, h: _exponential(-h * value, 2)),
    "rk4": Rule(rk4, plain=True, factor=lambda value, h: _exponential(-h * value, 4)),
}
