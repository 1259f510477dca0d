"""The battery of an adversarial loss: shipped or a user's own, the same properties."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import jax

from gan_jax.losses import AdversarialLoss, Claims
from gan_jax.registry import describe
from gan_jax.verification import losses_alone, losses_at_optimum
from gan_jax.verification.checks import Check
from gan_jax.verification.optimum import EQUAL, PAIRS, best_discriminator, play

# In the order in which they are checked; "shape and dtype" comes before all.
PROPERTIES = (*losses_alone.PROPERTIES, "shards", *losses_at_optimum.PROPERTIES)


def verify_loss(
    loss: AdversarialLoss, factory: Callable[..., AdversarialLoss] | None = None, only: Collection[str] = PROPERTIES
) -> list[Check]:
    """Check a loss against the properties that any adversarial loss has, and against what it claims.

    Args:
      loss: the loss, with concrete options. What it does not claim is measured and told, not judged.
      factory: ``axis_name`` -> the same loss whose means run over that mapped axis; for a ``batchwise`` loss only, and
        without it the agreement of shards is not checked.
      only: the properties to check, of ``PROPERTIES``; its shapes and that its claims can be read always are.

    Returns:
      One ``Check`` a property. A loss that raises, returns another shape or NaN fails the property where that shows;
      nothing is raised.
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
            checks.append(_guarded(name, partial(measure, loss, claims)))
    if loss.batchwise and "shards" in only:
        checks.append(_guarded("shards", partial(losses_alone.shards, loss, factory)))
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
    return [_guarded(name, partial(measures[name], loss, claims, game, bests)) for name in asked]


def _guarded(name: str, measure: Callable[[], Any]) -> Check:
    try:
        passed, evidence = measure()
    except Exception as error:
        return Check(name, False, describe(error))
    return Check(name, passed if passed is None else bool(passed), evidence)
