"""What a move of a run is given and may write: keys used once, examples once, statistics of its own networks."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.states import BATCH, QUICKLY, state_of
from support.toys import BatchNormDense, gan_batch_norm

from gan_jax.game import Game, Player, data_rounds
from gan_jax.training.parallel import make_loop
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

STEPS, SIZE = 3, 4
SCHEDULE = (("first",), ("first",), ("first", "second"))  # two rounds that are scanned, and a simultaneous one
MOVES = {"first": 3 * STEPS, "second": STEPS}


def witness(player):
    """A loss that notes what its player is given, and would add 1 to the statistics of every network."""

    def loss(move):
        seen = {"key": jax.random.key_data(move.context.key), "shared": jax.random.key_data(move.context.shared_key)}
        if player == "first":
            seen["positions"] = move.batch["image"]
        memory, place = move.memory, move.memory["moves"]
        notes = {name: memory[name].at[place].set(value) for name, value in seen.items()}
        move.keep({**notes, "moves": place + 1})
        move._after = {name: jax.tree.map(lambda x: x + 1, move.module(name)[2]) for name in MOVES}
        return 0.0 * sum(jnp.sum(leaf) for leaf in jax.tree.leaves(move.params(player))), {}

    return loss


def memory(player):
    """Room for the notes of all moves."""
    moves = MOVES[player]
    keys = {name: jnp.zeros((moves, 2), jnp.uint32) for name in ("key", "shared")}
    positions = {"positions": jnp.zeros((moves, SIZE), jnp.int32)} if player == "first" else {}
    return {**keys, **positions, "moves": jnp.int32(0)}


@pytest.fixture(scope="module")
def run():
    """(the state before, the state after) three steps of two witnesses."""
    game = Game(
        networks={name: BatchNormDense(1) for name in MOVES},
        inputs=dict.fromkeys(MOVES, (jax.ShapeDtypeStruct((2,), jnp.float32),)),
        players={
            name: Player((name,), witness(name), optax.sgd(0.1), reads_data=name == "first", memory=memory(name))
            for name in MOVES
        },
        schedule=SCHEDULE,
    )
    loop = make_loop(
        make_step(game, local_batch=SIZE), lambda arrays, key, position: {"image": position},
        rounds=len(data_rounds(game)), local_batch=SIZE, batch_size=SIZE, axis_name=None,
    )  # fmt: skip
    before = init_state(game, jax.random.key(7), {"steps": float(STEPS)})
    return before, jax.jit(loop, compiler_options=QUICKLY)(before, {}, {}, jnp.int32(STEPS))[0]


def test_no_two_moves_have_the_same_key(run):
    keys = np.concatenate([run[1].memory[player]["key"] for player in MOVES])
    assert len(keys) == sum(MOVES.values())
    assert len(np.unique(keys, axis=0)) == len(keys)


def test_the_players_of_a_round_share_a_key_that_no_other_round_has(run):
    first, second = (np.asarray(run[1].memory[player]["shared"]) for player in MOVES)
    np.testing.assert_array_equal(second, first[2::3])
    assert len(np.unique(first, axis=0)) == len(first)


def test_every_position_of_the_data_is_read_once_and_in_order(run):
    positions = np.asarray(run[1].memory["first"]["positions"])
    np.testing.assert_array_equal(positions.reshape(-1), np.arange(3 * STEPS * SIZE))


def test_a_move_writes_the_statistics_of_its_own_networks_alone(run):
    before, after = run
    for player, moves in MOVES.items():
        for old, new in zip(*(jax.tree.leaves(state.stats[player]) for state in (before, after)), strict=True):
            np.testing.assert_allclose(new, old + moves, rtol=1e-6)


def test_a_discriminators_statistics_are_of_real_and_generated_examples():
    game = gan_batch_norm()
    game = dataclasses.replace(game, schedule=(("discriminator",), ("generator",)))
    object.__setattr__(game, "schedule", (("discriminator",),))
    step, state = jax.jit(make_step(game, local_batch=BATCH), compiler_options=QUICKLY), state_of(game)
    batch = {"image": jax.random.normal(jax.random.key(11), (1, BATCH, 2))}
    generator = jax.tree.map(lambda x: x + 1, state.params["generator"])
    other = state.replace(params={**state.params, "generator": generator})
    given = [(state, batch), (other, batch), (state, {"image": batch["image"] + 1})]
    means = [jax.tree.leaves(step(*each)[0].stats["discriminator"])[0] for each in given]
    assert np.abs(means[1] - means[0]).max() > 1e-3
    assert np.abs(means[2] - means[0]).max() > 1e-3
