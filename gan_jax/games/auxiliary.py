"""The auxiliary classifier: the discriminator says of an example whether it is real and of which class.

References:
  Odena, Olah, Shlens, Conditional Image Synthesis With Auxiliary Classifier GANs, 2017, arXiv:1610.09585, equations 2
    and 3: the discriminator maximizes L_S + L_C, the generator L_C - L_S.
"""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
import optax

from gan_jax.errors import ConfigError
from gan_jax.game import Game, Metrics
from gan_jax.games import gan, moves
from gan_jax.move import Move
from gan_jax.nn.heads import Discriminator, LogitAndClasses, layer_of
from gan_jax.options import at_least
from gan_jax.setup import Setup

cross_entropy = optax.losses.softmax_cross_entropy_with_integer_labels


def build(
    setup: Setup,
    weight: Annotated[float, at_least(0.0), "of the cross-entropy of classes, in both losses"] = 1.0,
    classify_fakes: Annotated[bool, "the discriminator learns classes from generated examples too"] = True,
    uniform: moves.Uniform = True,
) -> Game:
    """A generator that is told the label, and a discriminator with two heads that is not.

    Args:
      setup: of data with the features "image" and "label"; a discriminator that is a trunk.
      weight: of the cross-entropy of classes, in both losses.
      classify_fakes: whether the discriminator learns classes from generated examples too, as in the paper.
      uniform: as of ``conditional``.

    Returns:
      Game with the players "discriminator" and "generator", whose output "image" reads "label".

    Raises:
      ConfigError: the data have no labels, or an option has no effect.
    """
    if not weight and not classify_fakes:
        raise ConfigError("game.auxiliary.classify_fakes=False has no effect: with weight=0 no classes are learned")
    parts = moves.parts_with_labels(setup, uniform, shown=False, logit=moves.first)
    classes = setup.feature("label").classes or 0
    trunk = setup.network("discriminator")
    networks = {
        "discriminator": Discriminator(trunk, LogitAndClasses(classes, layer_of(trunk))),
        "generator": setup.network("generator", label="label"),
    }
    losses = {
        "discriminator": partial(discriminator_loss, parts=parts, classify_fakes=classify_fakes),
        "generator": partial(generator_loss, parts=parts, reads_real=moves.generator_reads_real(parts)),
    }
    return gan.assembled(setup, parts, networks, setup.feature("image").shape, losses)


def discriminator_loss(move: Move, parts: moves.Parts, classify_fakes: bool) -> tuple[jax.Array, Metrics]:
    """-(L_S + L_C): the adversarial loss, and the cross-entropy of the classes of real and of generated examples."""
    label = move.batch["label"]
    fake = moves.seen(move, parts, moves.generated(move, parts, label), "fake_noise")
    real = moves.seen(move, parts, move.batch["image"], "real_noise")
    (real_logits, real_classes), (fake_logits, fake_classes) = moves.judged(move, parts, real, fake)
    source, metrics = gan.discriminators(move, parts, real_logits, fake_logits)
    classes = jnp.mean(cross_entropy(real_classes, label))
    if classify_fakes:
        classes += jnp.mean(cross_entropy(fake_classes, label))
    metrics |= {"classes": classes, "real_accuracy": moves.accuracy(real_classes, label)}
    logits = {"real_logits": real_logits, "fake_logits": fake_logits}
    made = moves.supply(move, parts, "discriminator", [label], real=real, fake=fake, **logits)
    return moves.objective(move, parts, "discriminator", source + move.number("weight") * classes, metrics, made)


def generator_loss(move: Move, parts: moves.Parts, reads_real: bool) -> tuple[jax.Array, Metrics]:
    """-(L_C - L_S): the adversarial loss, and the cross-entropy of the classes that generated examples were told."""
    (label,) = moves.told(move, parts, reads_real)
    fake = moves.seen(move, parts, moves.generated(move, parts, label), "fake_noise")
    real = moves.seen(move, parts, move.batch["image"], "real_noise") if reads_real else None
    (real_logits, _), (fake_logits, fake_classes) = moves.judged(move, parts, real, fake)
    source, metrics = gan.generators(move, parts, real_logits, fake_logits)
    classes = jnp.mean(cross_entropy(fake_classes, label))
    metrics |= {"classes": classes, "fake_accuracy": moves.accuracy(fake_classes, label)}
    logits = {"real_logits": real_logits, "fake_logits": fake_logits}
    made = moves.supply(move, parts, "generator", [label], real=real, fake=fake, **logits)
    return moves.objective(move, parts, "generator", source + move.number("weight") * classes, metrics, made)
