"""The two-player game: a generator against a discriminator, with any adversarial loss and any penalties.

References:
  Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, Algorithm 1.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.data import Feature
from gan_jax.game import Game, LossFn, Metrics, Output, Player
from gan_jax.games import moves
from gan_jax.games.moves import Parts
from gan_jax.losses import cross_entropy
from gan_jax.move import Move
from gan_jax.options import at_least
from gan_jax.setup import Setup

Valued = tuple[jax.Array, dict[str, jax.Array]]  # a loss and its metrics


def build(
    setup: Setup,
    packing: Annotated[int, at_least(1), "examples that the discriminator judges at once; 1 is the usual game"] = 1,
) -> Game:
    """A generator and a discriminator, one player each, fresh latent variables for each player.

    Args:
      setup: networks "generator" ([B, latent_dim] -> [B, *shape]) and "discriminator" ([B, *shape] -> [B] logits, or
        [B, ...], a map of them), their optimizers, a loss, penalties and a schedule. Real and generated examples go
        through a discriminator in one pass if it has an attribute ``independent`` that is True, in two if not.
      packing: how many examples the discriminator judges at once, joined along the last axis; it then returns one
        logit for each pack. 1 is the usual game. It divides each device's part of the minibatch.

    Returns:
      Game with the players "discriminator" and "generator".

    References:
      Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2017,
        arXiv:1712.04086, section 3.
    """
    *size, channels = setup.feature("image").shape
    packed = (*size, channels * packing)
    networks = {
        "discriminator": setup.network("discriminator", shape=packed),
        "generator": setup.network("generator"),
    }
    return assembled(setup, moves.parts_of(setup, packing), networks, packed)


def assembled(
    setup: Setup, parts: Parts, networks: Mapping[str, nn.Module], packed: tuple[int, ...],
    losses: Mapping[str, LossFn] | None = None, reads_real: bool = False,
) -> Game:  # fmt: skip
    """The game of a generator and a discriminator.

    Args:
      setup: of the game.
      parts: from ``moves.parts_of``.
      networks: "generator" and "discriminator".
      packed: shape of what the discriminator judges.
      losses: of the two players; None: those below.
      reads_real: whether the generator's of these reads real examples, whatever the adversarial loss does.
    """
    shape, reads_real = setup.feature("image").shape, reads_real or moves.generator_reads_real(parts)
    own = losses or {
        "discriminator": partial(discriminator_loss, parts=parts),
        "generator": partial(generator_loss, parts=parts, reads_real=reads_real),
    }
    reads_data = {"discriminator": True, "generator": reads_real or bool(parts.given and not parts.classes)}
    inputs = {
        "generator": ((parts.latents.dim,), parts.given),
        "discriminator": (packed, parts.given if parts.shown else ()),
    }
    judges_single = inputs["discriminator"] == (shape, ())
    packs = {"generator": 1, "discriminator": parts.packing}
    return Game(
        networks=networks,
        inputs={
            name: (jax.ShapeDtypeStruct(shape, jnp.float32), *(_shaped(setup.feature(f), packs[name]) for f in given))
            for name, (shape, given) in inputs.items()
        },
        players={
            name: Player(
                (name,), loss, setup.optimizer(name), reads_data=reads_data[name], memory=moves.memory_of(parts, name)
            )
            for name, loss in own.items()
        },
        schedule=setup.schedule(),
        outputs={"image": Output(partial(moves.drawn, parts=parts), reads=parts.given)},
        starts=moves.starts(networks["discriminator"]),
        group=parts.packing,
        loss=parts.loss.configured,
        log_odds=partial(single_logits, parts=parts) if judges_single and parts.loss.configured.log_odds else None,
    )


def discriminator_loss(move: Move, parts: Parts) -> tuple[jax.Array, Metrics]:
    """What the discriminator minimizes."""
    given = moves.conditions(move, parts)
    fake = moves.seen(move, parts, moves.generated(move, parts, *given), "fake_noise")
    real = moves.seen(move, parts, move.batch["image"], "real_noise")
    real_logits, fake_logits = moves.judged(move, parts, real, fake, *given)
    loss, metrics = discriminators(move, parts, real_logits, fake_logits)
    logits = {"real_logits": real_logits, "fake_logits": fake_logits}
    made = moves.supply(move, parts, "discriminator", given, real=real, fake=fake, **logits)
    return moves.objective(move, parts, "discriminator", loss, metrics, made)


def discriminators(move: Move, parts: Parts, real_logits: jax.Array, fake_logits: jax.Array) -> Valued:
    """The discriminator's adversarial loss, the mean over the minibatch, and what logits say."""
    adversarial = parts.loss.at(move.context)
    loss = jnp.mean(adversarial.discriminator(real_logits, fake_logits))
    metrics = {"loss": loss, "real_logits": jnp.mean(real_logits), "fake_logits": jnp.mean(fake_logits)}
    return loss, metrics | (probabilities(real_logits, fake_logits) if adversarial.log_odds else {})


def generators(move: Move, parts: Parts, real_logits: jax.Array, fake_logits: jax.Array) -> Valued:
    """The generator's adversarial loss, the mean over the minibatch, and its metrics."""
    loss = jnp.mean(parts.loss.at(move.context).generator(real_logits, fake_logits))
    return loss, {"loss": loss, "fake_logits": jnp.mean(fake_logits)}


def generator_loss(move: Move, parts: Parts, reads_real: bool) -> tuple[jax.Array, Metrics]:
    """What the generator minimizes."""
    given = moves.told(move, parts, reads_real)
    fake = moves.seen(move, parts, moves.generated(move, parts, *given), "fake_noise")
    real = moves.seen(move, parts, move.batch["image"], "real_noise") if reads_real else None
    real_logits, fake_logits = moves.judged(move, parts, real, fake, *given)
    loss, metrics = generators(move, parts, real_logits, fake_logits)
    logits = {"real_logits": real_logits, "fake_logits": fake_logits}
    made = moves.supply(move, parts, "generator", given, real=real, fake=fake, **logits)
    return moves.objective(move, parts, "generator", loss, metrics, made)


def single_logits(move: Move, x: jax.Array, parts: Parts) -> jax.Array:
    """Logits of single examples, as ``Game.log_odds``."""
    return parts.logit(move("discriminator", x, train=False))


def probabilities(real_logits: jax.Array, fake_logits: jax.Array) -> dict[str, jax.Array]:
    """What logits of probabilities, D = sigmoid(logit), say of a minibatch.

    Args:
      real_logits: float [B], of real examples.
      fake_logits: float [B], of generated ones.

    Returns:
      Scalars: "real_probability" and "fake_probability", the means of D(x) and of D(G(z)), in [0, 1]; and
      "jensen_shannon", (log 4 - C) / 2 with C the mean cross-entropy of targets 1 and 0 (which is the discriminator's
      loss unless that has other targets). In expectation it is at most JSD(p_data, p_g), in nats, and equal to it for
      the best discriminator; it is in (-inf, log 2], below 0 for a discriminator worse than D = 1/2, and not clipped.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, theorem 1.
    """
    cost = jnp.mean(cross_entropy(real_logits, fake_logits))
    return {
        "real_probability": jnp.mean(jax.nn.sigmoid(real_logits)),
        "fake_probability": jnp.mean(jax.nn.sigmoid(fake_logits)),
        "jensen_shannon": (math.log(4) - cost) / 2,
    }


def _shaped(feature: Feature, packing: int) -> jax.ShapeDtypeStruct:
    """The shape of one example's condition, or of those of a pack."""
    return jax.ShapeDtypeStruct((packing, *feature.shape) if packing > 1 else feature.shape, feature.dtype)
