"""Adversarial losses: pairs of pure functions on logits, one value per example, nothing reduced.

A loss is ``AdversarialLoss(discriminator, generator)``. Both functions take ``(real_logits, fake_logits)``,
each float [B] and unbounded, or [B, ...] with several logits an example, and return a loss of that shape, which its
player minimizes. The discriminator's probability that x is real is D(x) = sigmoid(logit). A game takes the mean over
the batch, once, in float32.

One family a file. ``AdversarialLoss.claims`` says what a loss is in closed form, and ``gan-jax verify`` checks it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gan_jax.errors import ConfigError
from gan_jax.losses.adversarial import AdversarialLoss, Claims, Divergence, Optimum
from gan_jax.losses.cross_entropy import cross_entropy, maximum_likelihood, minimax, non_saturating
from gan_jax.losses.f_gan import MEMBERS, f_gan
from gan_jax.losses.hinge import hinge
from gan_jax.losses.least_squares import least_squares
from gan_jax.losses.relativistic import (
    relativistic,
    relativistic_average,
    relativistic_average_least_squares,
    relativistic_pairing,
)
from gan_jax.losses.wasserstein import wasserstein

__all__ = ["LOSSES", "VARIANTS", "AdversarialLoss", "Claims", "Divergence", "Optimum", "cross_entropy", "get"]

# Name -> function from the loss's options (keywords with defaults) to an AdversarialLoss. One that needs a mean over
# the whole minibatch has the keyword ``axis_name``, which is supplied and no option.
LOSSES: Mapping[str, Callable[..., AdversarialLoss]] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "maximum_likelihood": maximum_likelihood,
    "least_squares": least_squares,
    "hinge": hinge,
    "wasserstein": wasserstein,
    "relativistic": relativistic,
    "relativistic_pairing": relativistic_pairing,
    "relativistic_average": relativistic_average,
    "relativistic_average_least_squares": relativistic_average_least_squares,
    "f_gan": f_gan,
}

# Name -> the option sets under which the loss is verified and documented.
VARIANTS: Mapping[str, tuple[dict[str, Any], ...]] = {
    **{name: ({},) for name in LOSSES},
    "minimax": ({}, {"real_target": 0.9}),
    "non_saturating": ({}, {"real_target": 0.9}),
    "least_squares": ({"a": 0.0, "b": 1.0, "c": 1.0}, {"a": -1.0, "b": 1.0, "c": 0.0}),
    "f_gan": tuple({"divergence": name} for name in MEMBERS),
}


def get(name: str, **options: Any) -> AdversarialLoss:
    """The registered loss ``name`` with its options.

    Args:
      name: a key of ``LOSSES``.
      **options: that loss's own options; numbers may be scalar arrays (so that a sweep may trace them).

    Returns:
      AdversarialLoss.

    Raises:
      ConfigError: unknown name or option, or an option's value that is not possible.
    """
    if name not in LOSSES:
        raise ConfigError(f"loss {name!r} is unknown; allowed: {', '.join(sorted(LOSSES))}")
    try:
        return LOSSES[name](**options)
    except TypeError as error:
        raise ConfigError(f"loss {name!r}: {error}") from error
