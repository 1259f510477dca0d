"""Every rule on games of networks: two players with batch norm, and four networks of two players."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.states import BATCH, QUICKLY, assert_bits_equal, relative_error, state_of
from support.toys import POINTS, cycle, gan_batch_norm, normal_batch

from gan_jax.data import Feature
from gan_jax.game import data_rounds
from gan_jax.rules import RULES
from gan_jax.training.step import make_step

GAMES = {
    "gan_batch_norm": (gan_batch_norm, POINTS, "generator"),
    "cycle": (cycle, {"a": Feature((2,)), "b": Feature((2,))}, "generators"),
}
LOOKING = ("extragradient", "consensus", "unrolled", "heun")  # that evaluate everybody, one of each structure
QUICK = ("heun",)  # with its regularizer heun evaluates everybody, ahead and differentiated
CASES = [
    *((rule, "cycle") for rule in QUICK),
    *(pytest.param(rule, "cycle", marks=pytest.mark.slow) for rule in RULES if rule not in QUICK),
    *(pytest.param(rule, "gan_batch_norm", marks=pytest.mark.slow) for rule in ("extragradient", "consensus")),
]


def ruled(rule, name, schedule=None):
    builder, features, second = GAMES[name]
    game = builder()
    options = {"unrolled": {"steps": 2, "player": second}, "heun": {"regularization": 0.1, "player": second}}
    bound = RULES[rule]._replace(direction=functools.partial(RULES[rule].direction, **options.get(rule, {})), wrap=None)
    players = game.players
    if RULES[rule].wrap is not None:
        wrap = functools.partial(RULES[rule].wrap, number=lambda hyper, option: 1.0)
        players = {n: dataclasses.replace(p, optimizer=wrap(with_extra(p.optimizer))) for n, p in players.items()}
    return dataclasses.replace(game, rule=bound, players=players, schedule=schedule or game.schedule), features


def with_extra(optimizer):
    import optax

    return optax.with_extra_args_support(optimizer)


def batch_for(game, features, step):
    # Adam magnifies rounding where a gradient nearly vanishes: of six keys four stay below 5e-6, two reach 1.3e-5.
    key = jax.random.fold_in(jax.random.key(12), step)
    return normal_batch(features, key, (len(data_rounds(game)), BATCH))


@pytest.mark.parametrize(("rule", "name"), CASES)
def test_finite_owned_and_equal_on_two_devices(rule, name):
    """Three steps whole, and the same minibatches in two halves whose means the step takes itself."""
    game, features = ruled(rule, name)
    whole = jax.jit(make_step(game, local_batch=BATCH), compiler_options=QUICKLY)
    halves = jax.jit(
        jax.vmap(
            make_step(game, local_batch=BATCH // 2, axis_name="batch"),
            in_axes=(None, 0),
            axis_name="batch",
        ),
        compiler_options=QUICKLY,
    )
    one = two = state_of(game)
    for i in range(3):
        batch = batch_for(game, features, i)
        one, metrics = whole(one, batch)
        parts = jax.tree.map(lambda x: jnp.moveaxis(x.reshape(x.shape[0], 2, -1, *x.shape[2:]), 1, 0), batch)
        both, _ = halves(two, parts)
        two = jax.tree.map(lambda x: x[0], both)
        assert relative_error(jax.tree.map(lambda x: x[1], both).params, two.params) < 1e-6
    assert bool(one.alive)
    assert all(np.isfinite(v) for v in metrics.values())
    chex.assert_tree_all_finite((one.params, one.stats))
    assert relative_error(two.params, one.params) < 1e-5
    assert relative_error(two.stats, one.stats) < 1e-5


@pytest.mark.parametrize("rule", LOOKING)
def test_only_movers_are_written_and_statistics_once(rule):
    """A round of one player under a rule that evaluates all: the other keeps its bits, and statistics move once."""
    game, features = ruled(rule, "gan_batch_norm")
    object.__setattr__(game, "schedule", (("discriminator",),))
    plain, _ = ruled("gradient", "gan_batch_norm")
    object.__setattr__(plain, "schedule", (("discriminator",),))
    before = state_of(game)
    batch = batch_for(game, features, 0)
    after, metrics = jax.jit(make_step(game, local_batch=BATCH), compiler_options=QUICKLY)(before, batch)
    usual, _ = jax.jit(make_step(plain, local_batch=BATCH), compiler_options=QUICKLY)(state_of(plain), batch)
    assert_bits_equal(before.params["generator"], after.params["generator"])
    assert_bits_equal(before.stats["generator"], after.stats["generator"])
    assert_bits_equal(before.opt["generator"], after.opt["generator"])
    assert not any(key.startswith("generator/") for key in metrics)
    assert relative_error(after.stats["discriminator"], usual.stats["discriminator"]) < 1e-6


def test_a_rule_that_evaluates_everybody_gives_every_round_a_minibatch():
    game, _ = ruled("gradient", "gan_batch_norm")
    assert data_rounds(game) == (0,)
    game, _ = ruled("consensus", "gan_batch_norm")
    assert data_rounds(game) == (0, 1)
