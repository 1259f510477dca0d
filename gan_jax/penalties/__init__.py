"""Penalties by name: terms that a player adds to its adversarial loss, one value per example.

A penalty is a pure function of what it names among ``SUPPLIED``, where that is described, and of its options, keywords
with defaults. Where a discriminator gives a map of logits an example, [B, h, w], so may a penalty; gradients are those
of their sum.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from gan_jax.penalties import consistency, feature_matching, gradient, lecam, parameters

# What a game can hand to a penalty, by the name of its argument.
SUPPLIED: Mapping[str, str] = {
    "critic": "function x [B, *shape] -> logits [B] of the discriminator as it stands, statistics frozen",
    "real": "real examples [B, *shape]",
    "fake": "generated examples [B, *shape]",
    "real_logits": "logits of the real examples [B]",
    "fake_logits": "logits of the generated examples [B]",
    "features": "function x [B, *shape] -> the discriminator's last hidden layer [B, F]",
    "generate": "function z [B, latent_dim] -> examples [B, *shape] of the generator as it stands",
    "latent": "latent variables [B, latent_dim] of the generated examples",
    "keys": "typed keys [B], one per example, this penalty's own",
    "params": "parameters of the player's network",
    "memory": "what ``follow`` returned after the player's previous move, at first ``start(params)``",
    "axis_name": "mapped axis that splits the minibatch, or None",
}


class Penalty(NamedTuple):
    """A term of one player's objective.

    Attributes:
      function: of what it names in ``SUPPLIED`` and of options with defaults -> [B], or a scalar where it is a function
        of parameters alone or of means over the minibatch. Minimized, times its weight.
      player: "discriminator" or "generator".
      start: params -> the memory before the first move; None: it has none.
      follow: of what it names in ``SUPPLIED`` and the same options -> the memory for the next move, equal on all
        devices.
      per_example: whether it differentiates the critic with respect to each example alone, which has no meaning for
        a critic that mixes examples (batch norm, minibatch discrimination).
      images_only: whether it needs images [B, H, W, C].
      of_norm: for a penalty of the critic's gradient alone: norm of that gradient -> value; else None.
    """

    function: Callable[..., jax.Array]
    player: str
    start: Callable[[Any], Any] | None = None
    follow: Callable[..., Any] | None = None
    per_example: bool = False
    images_only: bool = False
    of_norm: Callable[..., jax.Array] | None = None


# A penalty that names ``axis_name`` is one of the whole minibatch: an example's value may depend on the others.
PENALTIES: Mapping[str, Penalty] = {
    "wgan_gp": Penalty(gradient.wgan_gp, "discriminator", per_example=True, of_norm=gradient.distance_to_target),
    "lipschitz": Penalty(gradient.lipschitz, "discriminator", per_example=True, of_norm=gradient.excess),
    "dragan": Penalty(gradient.dragan, "discriminator", per_example=True, of_norm=gradient.distance_to_one),
    "r1": Penalty(gradient.r1, "discriminator", per_example=True, of_norm=gradient.half_square),
    "r2": Penalty(gradient.r2, "discriminator", per_example=True, of_norm=gradient.half_square),
    "lecam": Penalty(lecam.lecam, "discriminator", start=lecam.start, follow=lecam.follow),
    "bcr": Penalty(consistency.bcr, "discriminator", images_only=True),
    "zcr": Penalty(consistency.zcr, "discriminator"),
    "zcr_generator": Penalty(consistency.zcr_generator, "generator"),
    "orthogonal": Penalty(parameters.orthogonal, "discriminator"),
    "orthogonal_generator": Penalty(parameters.orthogonal, "generator"),
    "historical_averaging": Penalty(
        parameters.historical_averaging, "discriminator", start=parameters.start, follow=parameters.follow
    ),
    "historical_averaging_generator": Penalty(
        parameters.historical_averaging, "generator", start=parameters.start, follow=parameters.follow
    ),
    "feature_matching": Penalty(feature_matching.feature_matching, "generator"),
}

# Of a penalty's random numbers. Part of a run's identity: never renumber; others take the CRC-32 of their name.
STREAMS: Mapping[str, int] = {
    "wgan_gp": 0, "lipschitz": 1, "dragan": 2, "r1": 3, "r2": 4, "lecam": 5, "bcr": 6, "zcr": 7, "zcr_generator": 8,
    "orthogonal": 9, "orthogonal_generator": 10, "historical_averaging": 11, "historical_averaging_generator": 12,
    "feature_matching": 13, "own": 2**31 - 1,
}  # fmt: skip
