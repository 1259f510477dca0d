"""A small game that reads a few labelled images, all images, and all images in another order."""

import jax
import jax.numpy as jnp

from gan_jax.game import Game, Output, Player


def build(setup):
    """A discriminator of odd labels and generated images, and a conditional generator that matches its mean logit."""
    setup.feature("labelled_label")
    noise, spec = setup.latents(), jax.ShapeDtypeStruct
    shape, label = setup.feature("image").shape, spec((), jnp.int32)

    def draw(move, num):
        z = noise.draw(move.keys("latent"), move.context.example_index, num)
        return move("generator", z, move.batch["labelled_label"])

    def discriminator(move):
        sign = 2.0 * (move.batch["labelled_label"] % 2).astype(jnp.float32) - 1.0
        told = jnp.mean(sign * move("discriminator", move.batch["labelled"], noise="labelled"))
        fake = move("discriminator", draw(move, setup.batch_size), noise="fake")
        return told + jnp.mean(jnp.tanh(fake - move("discriminator", move.batch["image"]))), {}

    def generator(move):
        fake = move("discriminator", draw(move, setup.batch_size), noise="fake")
        return jnp.square(jnp.mean(fake) - jnp.mean(move("discriminator", move.batch["other"]))), {}

    losses = {"discriminator": discriminator, "generator": generator}
    return Game(
        networks={"discriminator": setup.network("discriminator"),
                  "generator": setup.network("generator", label="labelled_label")},
        inputs={"discriminator": (spec(shape, jnp.float32),), "generator": (spec((noise.dim,), jnp.float32), label)},
        players={name: Player((name,), loss, setup.optimizer(name)) for name, loss in losses.items()},
        schedule=setup.schedule(),
        outputs={"image": Output(draw, reads=("labelled_label",))},
    )  # fmt: skip
