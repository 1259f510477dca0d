"""Semi-supervised GAN: the discriminator is a classifier of K classes, and generated examples are class K + 1.

Its logit of K + 1 is fixed at 0, which the softmax allows. An example is then real with the odds Z = sum_k exp l_k, and
log Z takes the place of a discriminator's logit.

References:
  Odena, Semi-Supervised Learning with Generative Adversarial Networks, 2016, arXiv:1606.01583.
  Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen, Improved Techniques for Training GANs, 2016, arXiv:1606.03498,
    section 5; with the minimax loss and ``unlabelled`` 1/2 the losses are those of the released code.
"""

import dataclasses
from functools import partial
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax

from gan_jax.errors import ConfigError
from gan_jax.game import Game, Metrics, Player, Score
from gan_jax.games import gan, moves
from gan_jax.move import Move
from gan_jax.nn.heads import Classes, Discriminator, layer_of
from gan_jax.options import at_least
from gan_jax.setup import Setup


def build(
    setup: Setup,
    unlabelled: Annotated[float, at_least(0.0), "weight of the adversarial loss; 0: labelled examples alone"] = 0.5,
    matching: Annotated[bool, "the generator matches mean features, instead of its adversarial loss"] = True,
) -> Game:
    """A generator, and a classifier that learns from few labelled examples, many without labels and generated ones.

    Args:
      setup: of data with the features "image", "other", "labelled" and "labelled_label" (``data.labelled``); a
        discriminator that is a trunk.
      unlabelled: weight of the adversarial loss on log Z beside the cross-entropy of labelled examples; 0 is the
        classifier alone, supervised: a game of one player, without a generator.
      matching: whether the generator matches the mean features of unlabelled examples, as of Salimans et al., which
        makes the better classifier; else it minimizes its adversarial loss, which makes the better samples.

    Returns:
      Game with the players "discriminator" and "generator", the output "image" and the score "accuracy".

    Raises:
      ConfigError: there is no generator whose loss ``matching`` could choose.
    """
    classes, shape = setup.feature("labelled_label").classes or 0, setup.feature("image").shape
    trunk = setup.network("discriminator")
    classifier = Discriminator(trunk, Classes(classes, layer_of(trunk)))
    scores = {"accuracy": Score(right, reads=("labelled", "labelled_label"))}
    if not unlabelled:
        if not matching:
            raise ConfigError(
                "game.semi_supervised.matching=False has no effect: with unlabelled=0 there is no generator"
            )
        return Game(
            networks={"discriminator": classifier},
            inputs={"discriminator": (jax.ShapeDtypeStruct(shape, jnp.float32),)},
            players={"discriminator": Player(("discriminator",), supervised_loss, setup.optimizer("discriminator"))},
            schedule=(("discriminator",),),
            scores=scores,
            starts=moves.starts(classifier),
        )
    if matching:
        setup.feature("other")
    parts = moves.parts_of(setup, logit=log_odds)
    networks = {"discriminator": classifier, "generator": setup.network("generator")}
    reads_real = moves.generator_reads_real(parts)
    losses = {
        "discriminator": partial(discriminator_loss, parts=parts),
        "generator": partial(matching_loss, parts=parts)
        if matching
        else partial(generator_loss, parts=parts, reads_real=reads_real),
    }
    game = gan.assembled(setup, parts, networks, shape, losses, reads_real=matching)
    return dataclasses.replace(game, scores=scores)


def supervised_loss(move: Move) -> tuple[jax.Array, Metrics]:
    """Cross-entropy of the labelled examples."""
    label = move.batch["labelled_label"]
    logits = move("discriminator", move.batch["labelled"], noise="labelled")
    loss = jnp.mean(optax.losses.softmax_cross_entropy_with_integer_labels(logits, label))
    return loss, {"supervised": loss, "labelled_accuracy": moves.accuracy(logits, label)}


def discriminator_loss(move: Move, parts: moves.Parts) -> tuple[jax.Array, Metrics]:
    """Cross-entropy of the labelled examples, and the adversarial loss on log Z of unlabelled and generated ones."""
    supervised, metrics = supervised_loss(move)
    fake = moves.seen(move, parts, moves.generated(move, parts), "fake_noise")
    real = moves.seen(move, parts, move.batch["image"], "real_noise")
    real_logits, fake_logits = map(log_odds, moves.judged(move, parts, real, fake))
    source, measured = gan.discriminators(move, parts, real_logits, fake_logits)
    logits = {"real_logits": real_logits, "fake_logits": fake_logits}
    made = moves.supply(move, parts, "discriminator", [], real=real, fake=fake, **logits)
    loss = supervised + move.number("unlabelled") * source
    return moves.objective(move, parts, "discriminator", loss, {**measured, **metrics}, made)


def matching_loss(move: Move, parts: moves.Parts) -> tuple[jax.Array, Metrics]:
    """Feature matching: the mean square, over features, of the difference of their means over both minibatches.

    Real features are constants, of images in another order than the discriminator's; both go through layers' noise.
    """
    fake = moves.seen(move, parts, moves.generated(move, parts), "fake_noise")
    real = moves.seen(move, parts, move.batch["other"], "real_noise")
    module, params, stats = move.module("discriminator")

    def features(x: jax.Array, purpose: str) -> jax.Array:
        found = moves.hidden_layer(
            module, params, stats, x, given=(), keys=move.keys(purpose), axis_name=move.axis_name
        )  # fmt: skip
        mean = jnp.mean(found, axis=0)
        return mean if move.axis_name is None else jax.lax.pmean(mean, move.axis_name)

    target = jax.lax.stop_gradient(features(real, "real_layers"))
    loss = jnp.mean(jnp.square(features(fake, "fake_layers") - target))
    made = moves.supply(move, parts, "generator", [], real=real, fake=fake)
    return moves.objective(move, parts, "generator", loss, {"loss": loss}, made)


def generator_loss(move: Move, parts: moves.Parts, reads_real: bool) -> tuple[jax.Array, Metrics]:
    """The adversarial loss on log Z."""
    fake = moves.seen(move, parts, moves.generated(move, parts), "fake_noise")
    real = moves.seen(move, parts, move.batch["image"], "real_noise") if reads_real else None
    real_logits, fake_logits = map(log_odds, moves.judged(move, parts, real, fake))
    loss, metrics = gan.generators(move, parts, real_logits, fake_logits)
    logits = {"real_logits": real_logits, "fake_logits": fake_logits}
    made = moves.supply(move, parts, "generator", [], real=real, fake=fake, **logits)
    return moves.objective(move, parts, "generator", loss, metrics, made)


def log_odds(logits: Any) -> jax.Array:
    """Log Z, the logarithm of the odds that an example is real, [B] for logits of its classes [B, K]."""
    return jax.nn.logsumexp(logits, axis=-1)


def right(move: Move) -> jax.Array:
    """Whether each example's largest logit is that of its label, float32 [B]."""
    logits = move("discriminator", move.batch["labelled"])
    return (jnp.argmax(logits, axis=-1) == move.batch["labelled_label"]).astype(jnp.float32)
