"""A game with a role of its own, without a generator, and with nothing to draw."""

import jax
import jax.numpy as jnp

from gan_jax.game import Game, Player

ROLES = {"recognition": "discriminator"}


def build(setup, *, target: float = 1.0):
    """One network that learns to say a number of every example."""

    def loss(move):
        value = jnp.mean(jnp.square(move("recognition", move.batch["image"]) - move.number("target")))
        return value, {"loss": value}

    return Game(
        networks={"recognition": setup.network("recognition")},
        inputs={"recognition": (jax.ShapeDtypeStruct(setup.feature("image").shape, jnp.float32),)},
        players={"recognition": Player(("recognition",), loss, setup.optimizer("recognition"))},
        schedule=(("recognition",),),
    )
