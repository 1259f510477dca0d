"""Rules that follow the field as an ordinary differential equation, dw/dt = -v(w); the learning rate is the step."""

from typing import Annotated, Any

import jax

from gan_jax.options import PLAYER, at_least
from gan_jax.rules.round import Points, Round, add, movers_part, scaled
from gan_jax.rules.second_order import squared_norm_gradient

Regularization = Annotated[float | jax.Array, at_least(0.0), "weight of ODE-GAN's regularizer; 0 is off"]
Regularized = Annotated[str, PLAYER, "who is regularized"]


def heun(round: Round, *, regularization: Regularization = 0.0, player: Regularized = "discriminator") -> Points:
    """Heun's method, of order 2, and the regularizer of ODE-GAN.

    Formula: (k1 + k2) / 2, k1 = v(w), k2 = v(w - h k1); for ``player`` plus regularization x the gradient, in its own
    parameters, of the squared norms of the others' gradients at w.
    Through the optimizer: it must be SGD without momentum, which multiplies by h.

    Args:
      regularization: lambda of the paper, at least 0.
      player: who is regularized.

    References:
      Qin et al., Training Generative Adversarial Networks by Solving Ordinary Differential Equations, 2020,
        arXiv:2010.15040, Algorithm 1 and section 3.3.
    """
    first = round.start
    second = round.gradients(_ahead(round, first, 1.0))
    return _regularized(round, scaled(add(first, second), 0.5), regularization, player)


def rk4(round: Round, *, regularization: Regularization = 0.0, player: Regularized = "discriminator") -> Points:
    """The classical Runge-Kutta method, of order 4, and the regularizer of ODE-GAN.

    Formula: (k1 + 2 k2 + 2 k3 + k4) / 6, k1 = v(w), k2 = v(w - h k1 / 2), k3 = v(w - h k2 / 2), k4 = v(w - h k3); for
    ``player`` plus regularization x the gradient, in its own parameters, of the squared norms of the others' gradients.
    Through the optimizer: it must be SGD without momentum, which multiplies by h.

    Args:
      regularization: lambda of the paper, at least 0.
      player: who is regularized.

    References:
      As for `heun`.
    """
    first = round.start
    second = round.gradients(_ahead(round, first, 0.5))
    third = round.gradients(_ahead(round, second, 0.5))
    fourth = round.gradients(_ahead(round, third, 1.0))
    middle = add(second, third)
    return _regularized(round, scaled(add(add(first, fourth), middle, 2.0), 1.0 / 6.0), regularization, player)


def _ahead(round: Round, gradients: Points, part: float) -> dict[str, Any]:
    """Where all players would be after ``part`` of a step along ``gradients``."""
    return {
        name: round.update(name, scaled(gradients[name], part), params, round.opt[name])[0]
        for name, params in round.points.items()
    }


def _regularized(round: Round, direction: Points, weight: float | jax.Array, player: str) -> Points:
    own = dict(movers_part(round, direction))
    if player in own and not (isinstance(weight, float) and weight == 0.0):
        own[player] = add(own[player], squared_norm_gradient(round, player), weight)
    return own
