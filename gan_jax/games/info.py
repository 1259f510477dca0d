"""InfoGAN: a few latent variables, the codes, that the discriminator's second head reads back from the image.

References:
  Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel, InfoGAN: Interpretable Representation Learning by Information
    Maximizing Generative Adversarial Nets, 2016, arXiv:1606.03657, equations 3, 5 and 6.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from gan_jax.game import Game, Metrics, Output
from gan_jax.games import gan, moves
from gan_jax.move import Move
from gan_jax.nn.heads import Discriminator, LogitAndCodes, layer_of
from gan_jax.options import at_least
from gan_jax.setup import Latents, Setup

VARIANCE = 1 / 3  # of a number uniform on [-1, 1]
COLUMNS = 10  # of a figure in which a number changes
Bound = Callable[[Any, jax.Array], tuple[jax.Array, Metrics]]


def build(
    setup: Setup,
    categories: Annotated[int, at_least(2), "values of the categorical code"] = 10,
    continuous: Annotated[int, at_least(0), "codes that are uniform on [-1, 1]"] = 2,
    information: Annotated[float, at_least(0.0), "weight of the bound on information in the generator's loss"] = 1.0,
    hidden: Annotated[int, at_least(1), "units between the trunk and the codes"] = 128,
) -> Game:
    """The game ``gan`` whose latent variables end in codes: one category, one-hot, and numbers uniform on [-1, 1].

    The recognition network Q shares the discriminator's trunk and belongs to its player, as in the paper's code, where
    both losses contain -L_I. Here the discriminator's always has it with the weight 1, so that L_I is measured where
    the generator does not maximize it.

    Args:
      setup: of data with the feature "image"; a discriminator that is a trunk.
      categories: values of the category.
      continuous: numbers beside it.
      information: weight of L_I in the generator's loss; 0 is a usual GAN with a recognition network looking on.
      hidden: units of the layer between trunk and codes.

    Returns:
      Game with the players "discriminator" and "generator" and the outputs "image", drawn from random codes, and
      "category", "code_1", "code_2", ...: rows of ten images of which only that code changes.
    """
    parts = moves.parts_of(setup, logit=moves.first)
    noise = parts.latents
    parts = parts._replace(latents=with_codes(noise, categories, continuous))
    trunk = setup.network("discriminator")
    networks = {
        "discriminator": Discriminator(trunk, LogitAndCodes(categories, continuous, hidden, layer_of(trunk))),
        "generator": setup.network("generator"),
    }
    bound = partial(information_bound, first=noise.dim, categories=categories)
    losses = {
        "discriminator": partial(discriminator_loss, parts=parts, bound=bound),
        "generator": partial(generator_loss, parts=parts, bound=bound, reads_real=moves.generator_reads_real(parts)),
    }
    game = gan.assembled(setup, parts, networks, setup.feature("image").shape, losses)
    image = game.outputs["image"]._replace(draw=partial(drawn, parts=parts, first=noise.dim, categories=categories))
    rows = {"category": noise.dim, **{f"code_{i + 1}": noise.dim + categories + i for i in range(continuous)}}
    varied = {
        name: Output(partial(row, parts=parts, at=at, categories=categories if name == "category" else 0), like=None)
        for name, at in rows.items()
    }
    return dataclasses.replace(game, outputs={"image": image, **varied})


def with_codes(noise: Latents, categories: int, continuous: int) -> Latents:
    """Latent variables that end in a one-hot category and continuous codes, drawn from each example's key."""

    def draw(keys: jax.Array, index: jax.Array, total: int) -> jax.Array:
        def codes(key: jax.Array) -> jax.Array:
            of_category, of_numbers = jax.random.split(jax.random.fold_in(key, 1))
            category = jax.nn.one_hot(jax.random.randint(of_category, (), 0, categories), categories)
            return jnp.concatenate([category, jax.random.uniform(of_numbers, (continuous,), minval=-1.0)])

        return jnp.concatenate([noise.draw(keys, index, total), jax.vmap(codes)(keys)], axis=-1)

    return Latents(noise.dim + categories + continuous, draw)


def discriminator_loss(move: Move, parts: moves.Parts, bound: Bound) -> tuple[jax.Array, Metrics]:
    """The adversarial loss less L_I, which teaches the recognition network."""
    z = moves.latents(move, parts)
    fake = moves.seen(move, parts, move("generator", z), "fake_noise")
    real = moves.seen(move, parts, move.batch["image"], "real_noise")
    (real_logits, _), (fake_logits, codes) = moves.judged(move, parts, real, fake)
    source, metrics = gan.discriminators(move, parts, real_logits, fake_logits)
    gain, measured = bound(codes, z)
    logits = {"real_logits": real_logits, "fake_logits": fake_logits}
    made = moves.supply(move, parts, "discriminator", [], real=real, fake=fake, **logits)
    return moves.objective(move, parts, "discriminator", source - gain, {**metrics, **measured}, made)


def generator_loss(move: Move, parts: moves.Parts, bound: Bound, reads_real: bool) -> tuple[jax.Array, Metrics]:
    """The adversarial loss less L_I times its weight."""
    z = moves.latents(move, parts)
    fake = moves.seen(move, parts, move("generator", z), "fake_noise")
    real = moves.seen(move, parts, move.batch["image"], "real_noise") if reads_real else None
    (real_logits, _), (fake_logits, codes) = moves.judged(move, parts, real, fake)
    source, metrics = gan.generators(move, parts, real_logits, fake_logits)
    gain, measured = bound(codes, z)
    logits = {"real_logits": real_logits, "fake_logits": fake_logits}
    made = moves.supply(move, parts, "generator", [], real=real, fake=fake, **logits)
    value = source - move.number("information") * gain
    return moves.objective(move, parts, "generator", value, {**metrics, **measured}, made)


def information_bound(
    codes: tuple[jax.Array, jax.Array], z: jax.Array, first: int, categories: int
) -> tuple[jax.Array, Metrics]:
    """L_I, what the recognition network knows of the codes at least, in nats, up to the constant of the numbers.

    Args:
      codes: logits of the category [B, K], and the means of the numbers [B, C], normal with variance 1.
      z: latent variables [B, n], of which those from ``first`` are the category and the numbers.
      first: see z.
      categories: K.

    Returns:
      Scalar, and {"information": E log Q(category | x) + ln K, at most ln K; "explained": of each number's variance the
      share that Q's mean explains, R^2, their mean}.
    """
    logits, means = codes
    category, numbers = z[:, first : first + categories], z[:, first + categories :]
    known = jnp.mean(jnp.sum(category * jax.nn.log_softmax(logits), axis=-1)) + math.log(categories)
    error = jnp.sum(jnp.square(numbers - means), axis=-1)
    metrics = {"information": known}
    if numbers.shape[-1]:
        metrics["explained"] = 1.0 - jnp.mean(error) / (numbers.shape[-1] * VARIANCE)
    return known - 0.5 * jnp.mean(error), metrics


def drawn(move: Move, num: int, parts: moves.Parts, first: int, categories: int) -> dict[str, jax.Array]:
    """Images [num, *shape] of random codes, and these beside them."""
    z = parts.latents.draw(move.keys("latent"), move.context.example_index, num)
    category = jnp.argmax(z[:, first : first + categories], axis=-1)
    return {"image": move("generator", z), "category": category, "code": z[:, first + categories :]}


def row(move: Move, num: int, parts: moves.Parts, at: int, categories: int) -> jax.Array:
    """Images [num, *shape] in rows of ten that share their noise and all codes but one, which runs through its values.

    Args:
      move: in which they are drawn.
      num: images.
      parts: of the game.
      at: the latent variable that changes, the first of a category's.
      categories: values of a category; 0: a number, which goes from -2 to 2, as in the paper's figure 2.
    """
    z = parts.latents.draw(move.keys("latent"), move.context.example_index, num)
    columns = categories or COLUMNS
    z = z[jnp.arange(num) // columns * columns]
    column = jnp.arange(num) % columns
    value = jax.nn.one_hot(column, categories) if categories else jnp.linspace(-2.0, 2.0, columns)[column][:, None]
    return move("generator", z.at[:, at : at + value.shape[1]].set(value))
