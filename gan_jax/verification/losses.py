"""The battery of an adversarial loss: shipped or a user's own, the same properties."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

import jax

from gan_jax.losses import AdversarialLoss, Claims
from gan_jax.registry import describe
from gan_jax.verification import losses_alone, losses_at_optimum
from gan_jax.verification.checks import Check, guarded
from gan_jax.verification.optimum import EQUAL, PAIRS, best_discriminator, play

# In the order in which they are checked; "shape and dtype" comes before all.
PROPERTIES = (*losses_alone.PROPERTIES, "shards", *losses_at_optimum.PROPERTIES)


def verify_loss(
    loss: AdversarialLoss, factory: Callable[..., AdversarialLoss] | None = None, only: Collection[str] = PROPERTIES
) -> list[Check]:
    """Check what any adversarial loss shall satisfy, and what this one claims; what it does not claim is only told.

    ``factory`` is ``axis_name`` -> the same loss with means over that axis, without which a ``batchwise`` loss is not
    checked on shards; ``only`` are the properties to check, besides shapes and whether the claims can be read.
    """
    first, claims = losses_alone.shape_and_dtype(loss), Claims()
    if not first.passed:
        return [first]
    checks = [first]
    try:
        claims = loss.claims()
    except Exception as error:
        checks.append(Check("claims", False, describe(error)))
    for name, measure in losses_alone.PROPERTIES.items():
        if name in only:
            checks.append(guarded(name, partial(measure, loss, claims)))
    if loss.batchwise and "shards" in only:
        checks.append(guarded("shards", partial(losses_alone.shards, loss, factory)))
    asked = [name for name in losses_at_optimum.PROPERTIES if name in only]
    if asked:
        with jax.enable_x64(True):
            checks += _at_optimum(loss, claims, asked)
    return checks


def _at_optimum(loss: AdversarialLoss, claims: Claims, asked: Sequence[str]) -> list[Check]:
    game = play(loss)
    try:
        bests = [best_discriminator(game, pair, claims.domain) for pair in (*PAIRS, EQUAL)]
    except Exception as error:
        return [Check("ranking", False, f"no best discriminator was found: {describe(error)}")]
    measures = losses_at_optimum.PROPERTIES
    return [guarded(name, partial(measures[name], loss, claims, game, bests)) for name in asked]
