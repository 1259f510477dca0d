"""What an update rule is, and what it may use: the vector field of a game at one round."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import optax

# {player: pytree over the networks that it owns}: parameters, gradients, directions.
Points = Mapping[str, Any]
Optimizer: TypeAlias = optax.GradientTransformationExtraArgs


class Round(NamedTuple):
    """One round of a game, seen as a vector field: each player's gradient of its own loss in its own parameters.

    Every evaluation sees the same minibatch, the same keys and the same statistics; means are over all devices.

    Attributes:
      movers: players whose directions are asked for; the others' parameters stay.
      points: where the round starts, for all players.
      start: gradients there, for all players if the rule is joint, else for the movers.
      gradients: points -> gradients of all players.
      loss: (player, points) -> that player's loss on this device's part of the minibatch; differentiable, and its
        gradients need ``average``.
      average: mean of a pytree over the devices.
      update: (player, gradient, parameters, optimizer state) -> (parameters, optimizer state): one step by the player's
        own optimizer, with the numbers of this step.
      opt: {player: optimizer state} at the start.
      hyper: numbers by configuration field.
    """

    movers: tuple[str, ...]
    points: Points
    start: Points
    gradients: Callable[[Points], Points]
    loss: Callable[[str, Points], jax.Array]
    average: Callable[[Any], Any]
    update: Callable[[str, Any, Any, Any], tuple[Any, Any]]
    opt: Mapping[str, Any]
    hyper: Mapping[str, jax.Array]


class Rule(NamedTuple):
    """How the players' gradients become what their optimizers are given.

    Attributes:
      direction: (round, **options) -> {mover: direction}, which the mover's optimizer takes in place of its gradient.
      joint: whether it evaluates other players than the movers; every round then takes a minibatch.
      plain: whether it integrates the field itself, so that the optimizer must be SGD without momentum.
      wrap: (optimizer, number) -> optimizer, where ``number(hyper, option)`` is the value of an option; or None.
      factor: (eigenvalue, h, **options) -> the complex number by which a simultaneous step of size h multiplies w where
        the field is v(w) = eigenvalue w with a normal Jacobian; a claim that ``gan-jax verify`` checks, or None.
    """

    direction: Callable[..., Points]
    joint: bool = True
    plain: bool = False
    wrap: Callable[[Optimizer, Callable[[Mapping[str, Any], str], Any]], Optimizer] | None = None
    factor: Callable[..., complex] | None = None


def add(a: Any, b: Any, scale: float | jax.Array = 1.0) -> Any:
    """A + scale b, leaf by leaf."""
    return jax.tree.map(lambda x, y: x + jax.numpy.asarray(scale, x.dtype) * y, a, b)


def scaled(a: Any, scale: float | jax.Array) -> Any:
    """Scale a, leaf by leaf."""
    return jax.tree.map(lambda x: jax.numpy.asarray(scale, x.dtype) * x, a)


def dot(a: Any, b: Any) -> jax.Array:
    """The inner product of two pytrees, float32 or better."""
    products = jax.tree.map(lambda x, y: jax.numpy.sum(x * y), a, b)
    return sum(jax.tree.leaves(products), start=jax.numpy.float32(0.0))


def movers_part(round: Round, points: Points) -> Points:
    """The components of those who move."""
    return {name: points[name] for name in round.movers}
