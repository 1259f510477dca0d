"""What a game may ask of a configuration. A section that it never asked for has no effect, and is refused."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import flax.linen as nn
import jax
import optax

from gan_jax.data import Feature
from gan_jax.game import Context, Schedule, Term
from gan_jax.losses import AdversarialLoss


@dataclasses.dataclass(frozen=True)
class Number:
    """A float option of a game. While a game is built only whether it is 0 is known; that is structure.

    Attributes:
      field: of the configuration.
      value: as configured.
    """

    field: str
    value: float

    def __bool__(self) -> bool:
        return self.value != 0.0


class Loss(NamedTuple):
    """The configured adversarial loss.

    Attributes:
      at: context -> AdversarialLoss, since its numbers may be traced, and one that takes a mean over the minibatch
        needs the name of the mapped axis.
      configured: the same with its numbers as configured.
    """

    at: Callable[[Context], AdversarialLoss]
    configured: AdversarialLoss


class Latents(NamedTuple):
    """The configured latent variables.

    Attributes:
      dim: how many.
      draw: (typed keys [B], index int32 [B] of each example in the minibatch, its size) -> float32 [B, dim].
    """

    dim: int
    draw: Callable[[jax.Array, jax.Array, int], jax.Array]


class Setup(Protocol):
    """A game is a function ``build(setup, **options) -> Game``; this is what it is handed, and its options.

    An option whose default is a float arrives as a ``Number``: the game's moves read it by ``move.number``, so that a
    sweep may vary it without recompiling.

    Attributes:
      features: of the data, by name: shape, range and classes of each.
      batch_size: examples in a global minibatch.
    """

    features: Mapping[str, Feature]
    batch_size: int

    def feature(self, name: str) -> Feature:
        """A feature of the data; refuses the configuration where the data have none of that name."""

    def network(self, role: str, of: str = "image", label: str = "", embedding: int = 0, **supplied: Any) -> nn.Module:
        """The network of a role, for examples like the feature ``of``.

        ``supplied`` replaces ``shape`` and options. With ``label``, a feature that is a class, the network takes that
        label as a further input: itself, if it has the argument ``num_classes``, else beside its first one, one-hot or
        as a learned vector of ``embedding`` numbers.
        """

    def optimizer(self, role: str) -> optax.GradientTransformation:
        """The optimizer of a role; its numbers are read from ``hyper``."""

    def schedule(self, *players: str) -> Schedule:
        """Rounds of players, one after another; the first moves schedule.discriminator_steps times.

        Without ``players`` they are "discriminator" and "generator".
        """

    def loss(self) -> Loss:
        """The adversarial loss."""

    def terms(self, role: str, of: str = "image") -> tuple[Term, ...]:
        """The penalties of a role, for examples like the feature ``of``; a game's own role has a user's alone."""

    def latents(self) -> Latents:
        """The latent variables."""

    def noise(self) -> Callable[[Context], jax.Array] | None:
        """Context -> standard deviation of the noise on the discriminator's inputs; None where there is none."""
