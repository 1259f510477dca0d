"""Validation of games, and keys of examples."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.toys import Dense, gan

from gan_jax.errors import ConfigError
from gan_jax.game import Game, Player, alternating, data_rounds, example_keys, simultaneous


def loss(move):
    return jnp.float32(0.0), {}


def make(players, schedule, frozen=(), networks=("a", "b")):
    spec = (jax.ShapeDtypeStruct((2,), jnp.float32),)
    return Game(
        networks={n: Dense(2) for n in networks},
        inputs=dict.fromkeys(networks, spec),
        players={p: Player(owns, loss, optax.sgd(0.1)) for p, owns in players.items()},
        schedule=schedule,
        frozen=frozen,
    )


@pytest.mark.parametrize(
    ("players", "schedule", "frozen", "words"),
    [
        ({"p": ("a",)}, (("p",),), (), ["'b'", "no owner"]),
        ({"p": ("a", "b"), "q": ("b",)}, (("p", "q"),), (), ["'b'", "p, q"]),
        ({"p": ("a", "b")}, (("p",),), ("b",), ["'b'", "p, frozen"]),
        ({"p": ("a", "b", "c")}, (("p",),), (), ["'c'", "a, b"]),
        ({"p": ("a", "b")}, (("p",), ("q",)), (), ["'q'", "players are p"]),
        ({"p": ("a",), "q": ("b",)}, (("p",),), (), ["'q'", "never moves"]),
        ({"p": ("a", "b")}, (), (), ["empty"]),
        ({"p": ("a", "b")}, (("p", "p"),), (), ["twice"]),
    ],
)
def test_what_is_no_game_is_refused(players, schedule, frozen, words):
    with pytest.raises(ConfigError) as error:
        make(players, schedule, frozen)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_network_without_input_shapes_is_refused():
    game = gan()
    with pytest.raises(ConfigError, match="'generator' has no entry in `inputs`"):
        dataclasses.replace(game, inputs={"discriminator": game.inputs["discriminator"]})


def test_schedules():
    assert alternating("d", "g", steps=3) == (("d",), ("d",), ("d",), ("g",))
    assert simultaneous("d", "g") == (("d", "g"),)


def test_a_round_that_reads_no_data_takes_none():
    assert data_rounds(gan()) == (0,)
    game = gan()
    reading = {**game.players, "generator": dataclasses.replace(game.players["generator"], reads_data=True)}
    assert data_rounds(dataclasses.replace(game, players=reading)) == (0, 1)


def test_example_keys_depend_on_the_global_index_alone():
    key = jax.random.key(3)
    whole = jax.random.key_data(example_keys(key, "latent", jnp.arange(8)))
    parts = [jax.random.key_data(example_keys(key, "latent", jnp.arange(i, i + 2))) for i in range(0, 8, 2)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    other = jax.random.key_data(example_keys(key, "real_layers", jnp.arange(8)))
    assert not (whole == other).all(axis=1).any()
    assert len({tuple(k) for k in np.asarray(whole)}) == 8
