"""What a game records of itself beside its losses."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.toys import data_of

from gan_jax import losses
from gan_jax.build import build_game, build_hyper
from gan_jax.config import load_values
from gan_jax.game import data_rounds
from gan_jax.games.gan import probabilities
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step, taken

QUICKLY = {"xla_backend_optimization_level": 0}
TINY = {
    "steps": 10, "batch_size": 8, "latent_dim": 2, "generator.mlp.widths": (4,), "generator.mlp.output": "linear",
    "discriminator.mlp.widths": (4,),
}  # fmt: skip


def one_step(fields, run=True):
    """The state before and after a step, and its metrics; only their shapes unless ``run``."""
    config = load_values({**TINY, **fields})
    game = build_game(config, data_of((2,)))
    first = lambda: init_state(game, jax.random.key(0), build_hyper(config))
    batch = {"image": jax.random.normal(jax.random.key(5), (len(data_rounds(game)), 8, 2))}
    step = make_step(game, local_batch=8)
    if not run:
        return jax.eval_shape(lambda: (first(), *step(first(), batch)))
    state = first()
    return state, *jax.jit(step, compiler_options=QUICKLY)(state, batch)


def test_plain_gradient_descent_steps_along_the_gradient():
    sgd = {
        f"optimizer.{p}.{k}": v
        for p in ("discriminator", "generator")
        for k, v in (("name", "sgd"), ("learning_rate", 0.5))
    }
    state, after, metrics = one_step(
        {**sgd, "optimizer.discriminator.momentum": 0.0, "optimizer.generator.momentum": 0.0}
    )
    for player in ("discriminator", "generator"):
        np.testing.assert_allclose(metrics[f"{player}/update_cosine"], 1, rtol=1e-5)
        np.testing.assert_allclose(
            metrics[f"{player}/update_norm"], 0.5 * metrics[f"{player}/gradient_norm"], rtol=1e-4
        )
        moved = jax.tree.map(jnp.subtract, after.params[player], state.params[player])
        np.testing.assert_allclose(metrics[f"{player}/update_norm"], optax.global_norm(moved), rtol=1e-5)


def test_the_first_step_of_adam_is_that_of_the_signs():
    _, _, metrics = one_step({})
    assert 0 < metrics["discriminator/update_cosine"] < 1


def test_the_angle_by_hand():
    random = np.random.default_rng(0)
    before, after, gradient = ({"a": random.normal(size=(3, 2)), "b": random.normal(size=4)} for _ in range(3))
    flat = lambda tree: np.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(tree)])
    step, slope = flat(after) - flat(before), flat(gradient)
    with jax.enable_x64(True):
        given = jax.tree.map(jnp.asarray, (before, after, gradient))
        found = taken(*given, optax.global_norm(given[2]))
    np.testing.assert_allclose(found["update_norm"], np.linalg.norm(step), rtol=1e-12)
    expected = -step @ slope / np.linalg.norm(step) / np.linalg.norm(slope)
    np.testing.assert_allclose(found["update_cosine"], expected, rtol=1e-12)
    assert set(found) == {"update_norm", "update_cosine"}


@pytest.mark.parametrize(("moved", "slope"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_no_step_or_no_gradient_has_no_angle(moved, slope):
    before, gradient = {"a": jnp.zeros(3)}, {"a": jnp.full(3, slope)}
    found = taken(before, {"a": jnp.full(3, moved)}, gradient, optax.global_norm(gradient))
    assert found["update_cosine"] == 0


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_probabilities_are_recorded_where_logits_are_log_odds(name):
    _, _, metrics = one_step({"loss.name": name}, run=False)
    told = {f"discriminator/{key}" for key in ("real_probability", "fake_probability", "jensen_shannon")}
    assert (told & set(metrics)) == (told if losses.get(name).log_odds else set())


def test_log_odds_is_said_of_the_losses_whose_best_logit_they_are():
    p, q = jnp.array([0.2, 0.5, 0.3]), jnp.array([0.1, 0.3, 0.6])
    for name in losses.LOSSES:
        loss = losses.get(name)
        best = loss.claims().optimum
        if loss.log_odds:
            np.testing.assert_allclose(best.function(p, q), jnp.log(p / q), rtol=1e-5)
    assert {name for name in losses.LOSSES if losses.get(name).log_odds} == {
        "minimax", "non_saturating", "maximum_likelihood",
    }  # fmt: skip


def test_the_best_discriminators_estimate_is_the_divergence():
    # Logits as often as the points that they belong to: p = (1/4, 3/4), q = (1/2, 1/2).
    p, q = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    logits = np.log(p / q).astype(np.float32)
    found = probabilities(jnp.asarray(logits[[0, 1, 1, 1]]), jnp.asarray(logits[[0, 0, 1, 1]]))
    m = (p + q) / 2
    np.testing.assert_allclose(found["jensen_shannon"], (p @ np.log(p / m) + q @ np.log(q / m)) / 2, rtol=1e-5)
    np.testing.assert_allclose(found["real_probability"], p @ (p / (p + q)), rtol=1e-6)
    np.testing.assert_allclose(found["fake_probability"], q @ (p / (p + q)), rtol=1e-6)


def test_the_estimate_is_not_clipped():
    sure = jnp.array([1e4], jnp.float32)
    np.testing.assert_allclose(probabilities(sure, -sure)["jensen_shannon"], math.log(2), rtol=1e-6)
    assert probabilities(-sure, sure)["jensen_shannon"] < -1e3
    assert probabilities(0 * sure, 0 * sure)["jensen_shannon"] == pytest.approx(0, abs=1e-7)
