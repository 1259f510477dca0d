"""What a discriminator's cost means: where it is when it knows nothing, and where when it has won."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

FARTHEST = 32.0  # logits are tried from -FARTHEST to FARTHEST, in steps that every usual target is a multiple of
STEP = 0.25
UNBOUNDED = 1e-3  # a cost that still falls by more than this share when the farthest logits are doubled has no least


def loss_scale(discriminator: Callable[[jax.Array, jax.Array], jax.Array], log_odds: bool = False) -> "LossScale":
    """Find the scale of any adversarial loss by trying logits; nothing is taken from what the loss claims.

    At the equilibrium no logit depends on its example: the cost there is the least over equal logits. The discriminator
    has won where the cost is the least of all. The Wasserstein loss has no least cost, nor have some of f-GAN: None.
    The arguments are fields of ``losses.AdversarialLoss``.
    """
    cost = jax.jit(jax.vmap(lambda real, fake: discriminator(real[None], fake[None])[0]))
    tried = np.arange(-FARTHEST, FARTHEST + STEP, STEP, dtype=np.float32)
    real, fake = (x.reshape(-1) for x in np.meshgrid(tried, tried, indexing="ij"))
    near, far = (
        np.asarray(cost(jnp.asarray(scale * real), jnp.asarray(scale * fake)), np.float64)
        for scale in (np.float32(1), np.float32(2))
    )
    equilibrium, least, farther = float(near[real == fake].min()), float(near.min()), float(far.min())
    span = equilibrium - least
    if not (np.isfinite(span) and span > 0 and least - farther < UNBOUNDED * span):
        return LossScale(None, None, log_odds)
    return LossScale(equilibrium, least, log_odds)


class LossScale(NamedTuple):
    """Two marks on the scale of a discriminator's cost.

    Attributes:
      equilibrium: the cost of the best discriminator that cannot tell real from generated; None if not known.
      won: the least cost that there is; None if there is none, or it is not known.
      log_odds: whether logits are those of a probability.
    """

    equilibrium: float | None = None
    won: float | None = None
    log_odds: bool = False

    def remaining(self, cost: float) -> float | None:
        """What the discriminator has left of its cost: 1 at the equilibrium, 0 where it has won; None: not known."""
        if self.equilibrium is None or self.won is None:
            return None
        return (cost - self.won) / (self.equilibrium - self.won)
