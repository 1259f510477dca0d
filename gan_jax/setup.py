"""What a game may ask of a configuration. A section that it never asked for has no effect, and is refused."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import flax.linen as nn
import jax
import optax

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
      reads_real: whether the generator's part depends on the logits of real examples.
    """

    at: Callable[[Context], AdversarialLoss]
    reads_real: bool


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
      shape: of one real example, (H, W, C) or (D,).
      num_classes: classes of the labelled data, or None.
      batch_size: examples in a global minibatch.
    """

    shape: tuple[int, ...]
    num_classes: int | None
    batch_size: int

    def network(self, role: str, **supplied: Any) -> nn.Module:
        """The network of a role, "generator" or "discriminator"; ``supplied`` replaces ``shape`` and other options."""

    def optimizer(self, role: str) -> optax.GradientTransformation:
        """The optimizer of a role; its numbers are read from ``hyper``."""

    def schedule(self) -> Schedule:
        """Rounds of the players "discriminator" and "generator"."""

    def loss(self) -> Loss:
        """The adversarial loss."""

    def terms(self, player: str) -> tuple[Term, ...]:
        """The penalties of a player, "discriminator" or "generator"."""

    def latents(self) -> Latents:
        """The latent variables."""

    def noise(self) -> Callable[[Context], jax.Array] | None:
        """Context -> standard deviation of the noise on the discriminator's inputs; None where there is none."""

    def running_statistics(self) -> bool:
        """Whether samples are normalized by running statistics; else by those of the sampled batch."""
