"""CycleGAN and the conditional game against formulas written out, and a pool kept by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.given import Given
from support.states import BATCH, state_of
from support.toys import GAMES_UNDER_TEST, Logit, conditional, cycle, normal_batch

from gan_jax.data import Feature
from gan_jax.errors import ConfigError
from gan_jax.game import Context
from gan_jax.games import GAMES
from gan_jax.games.cycle import pooled
from gan_jax.games.latent import normal
from gan_jax.games.moves import labels
from gan_jax.move import Move, to_draw
from gan_jax.setup import Number


def move_of(game, player, seed=0):
    state, features = state_of(game), GAMES_UNDER_TEST["cycle" if "judge_a" in game.networks else "conditional"][1]
    batch = normal_batch(features, jax.random.key(5), (BATCH,))
    context = Context(
        key=jax.random.key(seed), shared_key=jax.random.key(9), step=jnp.int32(0), total_steps=jnp.float32(20.0),
        example_index=jnp.arange(BATCH), axis_name=None, hyper={}, memory=state.memory[player],
    )  # fmt: skip
    return Move(game.networks, state.params, state.stats, batch, context, game.numbers), state, batch


def numbers(network):
    return {name: np.asarray(value, np.float64) for name, value in network["Dense_0"].items()}


def linear(network, x):
    own = numbers(network)
    return x @ own["kernel"] + own["bias"]


def test_the_objectives_of_cycle_are_the_papers():
    game = cycle()
    move, state, batch = move_of(game, "generators")
    value, metrics = game.players["generators"].loss(move)
    p, a, b = state.params, np.asarray(batch["a"], np.float64), np.asarray(batch["b"], np.float64)
    logit = lambda name, x: linear(p[name], np.tanh(x))[:, 0]
    fake_a, fake_b = linear(p["b_to_a"], b), linear(p["a_to_b"], a)
    fool = np.log1p(np.exp(-logit("judge_b", fake_b))).mean() + np.log1p(np.exp(-logit("judge_a", fake_a))).mean()
    back = np.abs(linear(p["b_to_a"], fake_b) - a).mean() + np.abs(linear(p["a_to_b"], fake_a) - b).mean()
    same = np.abs(linear(p["a_to_b"], b) - b).mean() + np.abs(linear(p["b_to_a"], a) - a).mean()
    np.testing.assert_allclose([metrics["fool"], metrics["cycle"], metrics["identity"]], [fool, back, same], rtol=1e-5)
    np.testing.assert_allclose(value, fool + 10.0 * back + 10.0 * 0.5 * same, rtol=1e-5)

    move, _, _ = move_of(game, "discriminators")
    value, _ = game.players["discriminators"].loss(move)  # the pool is empty: the judges see what is made now
    costs = [np.log1p(np.exp(-logit(f"judge_{d}", real))).mean() + np.log1p(np.exp(logit(f"judge_{d}", fake))).mean()
             for d, real, fake in (("a", a, fake_a), ("b", b, fake_b))]  # fmt: skip
    np.testing.assert_allclose(value, 0.5 * sum(costs), rtol=1e-5)


def test_the_pool_keeps_and_shows_what_one_kept_by_hand_does():
    size, fill = 20, 4
    pool, seen = jnp.zeros((size, 2)), jnp.int32(0)
    hand: list[tuple] = []
    for number in range(8):
        game = cycle()
        move, _, _ = move_of(game, "discriminators", seed=number)
        fake = jnp.stack([jnp.full((2,), 100.0 * number + i) for i in range(BATCH)]) + 1.0
        shown, after = pooled(move, pool, seen, fake, "a")
        old, new = {*map(tuple, np.asarray(pool).tolist())}, {*map(tuple, np.asarray(after).tolist())}
        earlier = [tuple(row) for row in np.asarray(shown).tolist() if tuple(row) not in set(map(tuple, fake.tolist()))]
        if number < 3:
            assert np.array_equal(shown, fake)  # filling
        else:
            assert set(earlier) <= old  # each that is shown comes from the pool and leaves it for the new one
            assert len(earlier) == len({*earlier})
            assert not set(earlier) & new
            assert len(old - new) == len(earlier) == len(new - old)
        hand.append(tuple(earlier))
        pool, seen = after, jnp.minimum(seen + BATCH, size)
    swapped = sum(len(earlier) for earlier in hand[3:])
    assert fill < swapped < 5 * BATCH - fill  # every second one of 40


def test_a_pool_below_the_minibatch_and_data_without_domains_are_refused():
    features = {"a": Feature((2,)), "b": Feature((2,))}
    options = {"cycle": Number("game.cycle.cycle", 10.0), "identity": Number("game.cycle.identity", 0.0)}
    with pytest.raises(ConfigError, match=r"game.cycle.pool=7 is smaller than batch_size=8; allowed: 0, or at least"):
        GAMES["cycle"](Given(Logit(), Logit(), features=features), **options, pool=7)
    with pytest.raises(ConfigError, match="pool=-1"):
        GAMES["cycle"](Given(Logit(), Logit(), features=features), **options, pool=-1)
    game = GAMES["cycle"](Given(Logit(), Logit(), features=features), **options, pool=0)
    assert game.players["discriminators"].memory == ()


def test_a_label_changes_its_own_example_alone():
    game = conditional()
    state = state_of(game)
    label = jnp.array([0, 1, 2, 1])

    def draw(label):
        move = to_draw(game, state.params, state.stats, jax.random.key(3), 4, {"label": label})
        return np.asarray(game.outputs["image"].draw(move, 4))

    one, other = draw(label), draw(label.at[2].set(0))
    assert np.array_equal(np.any(one != other, axis=1), [False, False, True, False])


def test_the_objectives_of_the_conditional_game_are_the_papers():
    game = conditional()
    move, state, batch = move_of(game, "discriminator")
    value, _ = game.players["discriminator"].loss(move)
    code = np.eye(3)[np.asarray(batch["label"])]

    def told(name, x):
        return linear(state.params[name], np.concatenate([np.tanh(x), code], axis=1))

    move, _, _ = move_of(game, "discriminator")  # the same keys again
    z = np.asarray(normal(move.keys("latent"), 4, 1.0, move.context.example_index, BATCH), np.float64)
    real = told("discriminator", np.asarray(batch["image"], np.float64))[:, 0]
    fake = told("discriminator", told("generator", z))[:, 0]
    np.testing.assert_allclose(value, (np.log1p(np.exp(-real)) + np.log1p(np.exp(fake))).mean(), rtol=1e-5)
    move, _, _ = move_of(game, "generator")  # of other labels
    code = np.eye(3)[np.asarray(labels(move, 3))]
    value, _ = game.players["generator"].loss(move)
    fake = told("discriminator", told("generator", z))[:, 0]
    np.testing.assert_allclose(value, np.log1p(np.exp(-fake)).mean(), rtol=1e-5)
