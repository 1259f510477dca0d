"""What an adversarial loss is, and what it may claim about itself so that a machine can check it."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax

PairLoss = Callable[[jax.Array, jax.Array], jax.Array]


def check_logits(real_logits: jax.Array, fake_logits: jax.Array) -> None:
    """Refuse what is not two arrays [B, ...] of one shape, with an AssertionError: broadcasting would hide it."""
    chex.assert_equal_shape([real_logits, fake_logits])
    if real_logits.ndim == 0:
        raise AssertionError("logits have no axis of examples")


class Optimum(NamedTuple):
    """The discriminator that is best against a fixed generator.

    Attributes:
      text: the formula, in words and symbols, with p for the data's density and q for the generator's.
      function: (p [K], q [K]) -> logits [K], or None where there is no interior optimum in closed form; ``text`` then
        gives the reason. Where the loss is invariant to a shift of all logits, any shift of the optimum will do.
    """

    text: str
    function: Callable[[jax.Array, jax.Array], jax.Array] | None = None


class Divergence(NamedTuple):
    """What the generator minimizes while the discriminator stays optimal.

    Attributes:
      text: the divergence, in words and symbols, and what it is: the value of the game, or only the generator's slope.
      value: (p [K], q [K]) -> scalar, the discriminator's expected cost at its optimum; or None.
      criterion: (p, q) -> scalar, the generator's expected cost at that optimum, real logits from p and fake from q;
        or None.
      symmetric: (p, q) -> scalar, that cost plus the same with the roles exchanged, real logits from q and fake from
        p; or None. Some papers add to the generator's cost its own term applied to the data's points, which the
        generator's parameters cannot change and no implementation computes; their closed forms are of this sum.
      slope: (p, q) -> scalar, whose derivative with respect to q is, up to a constant, the generator's cost of a point
        while the discriminator stays as it is; or None.
    """

    text: str
    value: Callable[[jax.Array, jax.Array], jax.Array] | None = None
    criterion: Callable[[jax.Array, jax.Array], jax.Array] | None = None
    symmetric: Callable[[jax.Array, jax.Array], jax.Array] | None = None
    slope: Callable[[jax.Array, jax.Array], jax.Array] | None = None


class Claims(NamedTuple):
    """What a loss says about itself. ``gan-jax verify`` checks what is claimed; None claims nothing.

    Attributes:
      formula: (discriminator's cost, generator's cost) in symbols: r and f are the logits of a real and a generated
        example.
      domain: (lowest, highest) logit between which value and gradient are finite in float32 and bfloat16.
      optimum: the best discriminator.
      divergence: what the generator minimizes at that optimum.
      saturating: whether the generator's slope vanishes where the discriminator rejects its samples: at the best
        discriminator, as p / q goes to 0.
      zero_sum: whether the generator's cost is the negative of the discriminator's, up to what it cannot change.
      shift_invariant: whether adding one number to all logits changes neither the discriminator's cost nor any slope.
    """

    formula: tuple[str, str] = ("", "")
    domain: tuple[float, float] = (-1e4, 1e4)
    optimum: Optimum | None = None
    divergence: Divergence | None = None
    saturating: bool | None = None
    zero_sum: bool | None = None
    shift_invariant: bool | None = None


class AdversarialLoss(NamedTuple):
    """What each player minimizes, per example.

    Attributes:
      discriminator: (real_logits [B], fake_logits [B]) -> [B].
      generator: (real_logits [B], fake_logits [B]) -> [B].
      generator_reads_real: whether ``generator`` depends on ``real_logits``. False lets a game give the
        generator's round no real minibatch; such a loss gets ``fake_logits`` in both places.
      batchwise: whether an example's loss depends on the other examples, as where a mean over the minibatch stands
        inside a nonlinearity. Such a loss takes the mean over all devices: its factory has an argument ``axis_name``.
      claims: () -> Claims; called only to verify and to document, with concrete options.
      log_odds: whether a logit is that of a probability, D(x) = sigmoid(logit), as where the discriminator minimizes a
        cross-entropy. Games then record probabilities and an estimate of the Jensen-Shannon divergence.
    """

    discriminator: PairLoss
    generator: PairLoss
    generator_reads_real: bool = True
    batchwise: bool = False
    claims: Callable[[], Claims] = Claims
    log_odds: bool = False
