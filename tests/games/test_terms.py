"""Penalties, noise, packs and spectral norms inside the game: what reaches whom, and how often."""

from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.toys import data_of

from gan_jax.build import build_game, build_hyper
from gan_jax.config import load_values
from gan_jax.configured import build_terms
from gan_jax.errors import ConfigError
from gan_jax.game import data_rounds
from gan_jax.games.moves import hidden_layer, pack
from gan_jax.move import to_draw
from gan_jax.training.checks import check_examples_apart
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

QUICKLY = {"xla_backend_optimization_level": 0}
BASE = {
    "steps": 10,
    "batch_size": 8,
    "latent_dim": 2,
    "generator.mlp.widths": (4,),
    "generator.mlp.output": "linear",
    "discriminator.mlp.widths": (4,),
}


def game_of(shape=(2,), **values):
    """(game, its numbers) of a configuration, in whose fields a dot is two underscores."""
    config = load_values({**BASE, **{name.replace("__", "."): value for name, value in values.items()}})
    return build_game(config, data_of(shape)), build_hyper(config)


def made(shape=(2,), **values):
    """(game, its first state, its compiled step)."""
    game, hyper = game_of(shape, **values)
    state = init_state(game, jax.random.key(0), hyper)
    return game, state, jax.jit(make_step(game, local_batch=8), compiler_options=QUICKLY)


def batch(game, i=0, shape=(2,)):
    key = jax.random.fold_in(jax.random.key(5), i)
    return {"image": jax.random.normal(key, (len(data_rounds(game)), 8, *shape))}


def test_weights_are_numbers_of_the_run_and_zero_leaves_a_penalty_out():
    game, state, step = made(penalties__r1__weight=0.5, penalties__lecam__weight=0.25)
    assert {"penalties.r1.weight", "penalties.lecam.weight", "penalties.lecam.decay"} <= set(state.hyper)
    assert not any(name.startswith("penalties.r2") for name in state.hyper)
    _, one = step(state, batch(game))
    hyper = {**state.hyper, "penalties.r1.weight": jnp.float32(50.0)}
    _, other = step(state.replace(hyper=hyper), batch(game))
    assert step._cache_size() == 1
    assert float(other["discriminator/gradient_norm"]) != float(one["discriminator/gradient_norm"])
    for name in ("discriminator/loss", "discriminator/r1", "discriminator/lecam"):  # told before their weights
        np.testing.assert_allclose(one[name], other[name])
    plain, numbers = game_of()
    shapes = jax.eval_shape(lambda: make_step(plain, local_batch=8)(
        init_state(plain, jax.random.key(0), numbers), batch(plain)))  # fmt: skip
    assert "discriminator/r1" not in shapes[1]


def test_the_gradient_is_that_of_the_weighted_sum():
    """gradient(w) is affine in the weight, and the part that grows is the penalty's own."""
    slopes = {}
    game, state, step = made(
        penalties__orthogonal__weight=1.0, optimizer__discriminator__name="sgd",
        optimizer__discriminator__learning_rate=1.0,
    )  # fmt: skip
    for weight in (1.0, 2.0, 4.0):
        hyper = {**state.hyper, "penalties.orthogonal.weight": jnp.float32(weight)}
        after, _ = step(state.replace(hyper=hyper), batch(game))
        before, new = state.params["discriminator"], after.params["discriminator"]
        slopes[weight] = np.asarray(before["hidden_0"]["kernel"] - new["hidden_0"]["kernel"])
    kernel = np.asarray(state.params["discriminator"]["hidden_0"]["kernel"], np.float64)
    gram = kernel.T @ kernel
    own = 4 * kernel @ (gram - np.diag(np.diag(gram)))  # of sum of squares of the off-diagonal of W^T W
    np.testing.assert_allclose(slopes[2.0] - slopes[1.0], own, atol=1e-5)
    np.testing.assert_allclose(slopes[4.0] - slopes[2.0], 2 * own, atol=1e-5)


def test_lecam_remembers_the_moving_means_of_the_logits():
    game, state, step = made(penalties__lecam__weight=0.1, penalties__lecam__decay=0.5)
    expected = {"real": 0.0, "fake": 0.0}
    for i in range(4):
        state, metrics = step(state, batch(game, i))
        for side in expected:
            expected[side] = 0.5 * expected[side] + 0.5 * float(metrics[f"discriminator/{side}_logits"])
    for side, value in expected.items():
        np.testing.assert_allclose(state.memory["discriminator"]["lecam"][side], value, rtol=1e-5)


def test_historical_averages_are_of_the_parameters_before_each_move():
    name = "historical_averaging_generator"
    game, state, step = made(**{f"penalties__{name}__weight": 0.1})
    seen = []
    for i in range(3):
        seen.append(np.asarray(state.params["generator"]["hidden_0"]["kernel"]))
        state, metrics = step(state, batch(game, i))
    mean = state.memory["generator"][name]["mean"]["hidden_0"]["kernel"]
    np.testing.assert_allclose(mean, np.mean(seen, axis=0), rtol=1e-5, atol=1e-7)
    assert float(metrics[f"generator/{name}"]) > 0


def test_a_generator_that_matches_features_is_given_real_examples():
    game, state, step = made(penalties__feature_matching__weight=1.0)
    assert data_rounds(game) == (0, 1)
    state, metrics = step(state, batch(game))
    assert float(metrics["generator/feature_matching"]) > 0
    assert data_rounds(game_of()[0]) == (0,)


def test_packs_hold_consecutive_examples_side_by_side():
    x = jnp.arange(24.0).reshape(4, 3, 2)
    np.testing.assert_array_equal(pack(x, 2)[0], jnp.concatenate([x[0], x[1]], axis=-1))
    np.testing.assert_array_equal(pack(x, 2)[1], jnp.concatenate([x[2], x[3]], axis=-1))
    assert pack(x, 1) is x


def test_a_packed_discriminator_sees_packs_and_images_their_channels():
    game, state, step = made(game__gan__packing=2, penalties__wgan_gp__weight=1.0, penalties__zcr__weight=1.0)
    assert state.params["discriminator"]["hidden_0"]["kernel"].shape == (4, 4)
    _, metrics = step(state, batch(game))
    real = pack(batch(game)["image"][0], 2)
    logits = game.networks["discriminator"].apply({"params": state.params["discriminator"]}, real)
    assert logits.shape == (4,)
    np.testing.assert_allclose(metrics["discriminator/real_logits"], jnp.mean(logits), rtol=1e-5)
    game, numbers = game_of(shape=(4, 4, 1), game__gan__packing=4)
    assert game.networks["discriminator"].shape == (4, 4, 4)

    def sample():
        state = init_state(game, jax.random.key(0), numbers)
        return game.outputs["image"].draw(to_draw(game, state.params, state.stats, jax.random.key(0), 3), 3)

    assert jax.eval_shape(sample).shape == (3, 4, 4, 1)


def test_instance_noise_falls_to_nothing():
    """Half of its first size a quarter into the run, gone from the half on: logits are then those without noise."""
    noisy, plain = made(steps=10, instance_noise__std=0.3, instance_noise__end=0.5), made(steps=10)
    gaps = []
    for step_number in (0, 5):
        logits = []
        for game, state, step in (noisy, plain):
            _, metrics = step(state.replace(step=jnp.int32(step_number)), batch(game))
            logits.append(float(metrics["discriminator/real_logits"]))
        gaps.append(abs(logits[0] - logits[1]))
    assert gaps[0] > 1e-4
    assert gaps[1] == 0.0


def test_one_power_iteration_in_each_move_of_the_owner_and_none_elsewhere():
    """By hand, with the kernels that each of the discriminator's moves begins with (its learning rate is 0)."""
    game, state, step = made(
        discriminator__mlp__spectral_norm=True, schedule__discriminator_steps=2,
        optimizer__discriminator__learning_rate=0.0, penalties__r1__weight=1.0,
    )  # fmt: skip
    kernel = np.asarray(state.params["discriminator"]["hidden_0"]["kernel"], np.float64)
    u = np.asarray(state.stats["discriminator"]["spectral"]["hidden_0"]["u"], np.float64)
    after, _ = step(state, batch(game))
    for _ in range(2):
        v = kernel @ u / np.linalg.norm(kernel @ u)
        u = kernel.T @ v / np.linalg.norm(kernel.T @ v)
    vectors = after.stats["discriminator"]["spectral"]["hidden_0"]
    np.testing.assert_allclose(vectors["u"], u, atol=1e-6)
    np.testing.assert_allclose(vectors["v"], v, atol=1e-6)


def test_a_penalty_that_is_not_finite_ends_the_run_though_its_gradient_is(tmp_path, monkeypatch):
    (tmp_path / "broken_penalties.py").write_text(
        "import jax, jax.numpy as jnp\n\n"
        "def constant(real_logits):\n"
        "    return jax.lax.stop_gradient(jnp.full_like(real_logits, jnp.inf))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    game, state, step = made(penalties__own__name="broken_penalties:constant", penalties__own__weight=1.0)
    state, metrics = step(state, batch(game))
    assert not bool(state.alive)
    assert np.isfinite(metrics["discriminator/loss"])
    assert np.isfinite(metrics["discriminator/gradient_norm"])
    assert np.isinf(metrics["discriminator/own"])
    assert np.isinf(metrics["discriminator/objective"])


def test_penalties_for_images_are_refused_on_points():
    with pytest.raises(ConfigError, match=r"penalties.bcr.weight=1.0 .*an example has the shape \(2,\)"):
        game_of(penalties__bcr__weight=1.0)


def test_a_users_discriminator_with_batch_statistics_is_refused_under_a_gradient_penalty():
    def terms(name):
        return build_terms(load_values({f"penalties.{name}.weight": 1.0}), (2,))["discriminator"]

    state = SimpleNamespace(stats={"discriminator": {"batch_stats": {}}})
    with pytest.raises(ConfigError, match=r"penalties.r1 takes the gradient of one example's logit.*mixes examples"):
        check_examples_apart(terms("r1"), state)
    check_examples_apart(terms("lecam"), state)


def test_penalties_take_maps_of_logits():
    names = ("r1", "wgan_gp", "lecam", "bcr", "zcr", "feature_matching", "orthogonal")
    shape = (16, 16, 1)
    game, hyper = game_of(
        shape, discriminator__name="patch", discriminator__patch__channels=2, discriminator__patch__layers=1,
        **{f"penalties__{name}__weight": 1.0 for name in names},
    )  # fmt: skip
    state = jax.eval_shape(lambda key: init_state(game, key, hyper), jax.random.key(0))
    _, metrics = jax.eval_shape(make_step(game, local_batch=8), state, batch(game, shape=shape))
    told = {name.split("/")[1]: value for name, value in metrics.items()}
    assert all((told[name].shape, told[name].dtype) == ((), jnp.float32) for name in names)


def test_a_discriminator_without_features_is_named():
    class Bare(nn.Module):
        shape: tuple[int, ...] = (2,)

        @nn.compact
        def __call__(self, x, *, train=False, keys=None, axis_name=None):
            return nn.Dense(1)(x)[:, 0]

    with jax.numpy_dtype_promotion("standard"):
        params = Bare().init(jax.random.key(0), jnp.zeros((1, 2)))["params"]
        with pytest.raises(ConfigError, match="the discriminator Bare shows no hidden layer to match"):
            hidden_layer(Bare(), params, {}, jnp.zeros((3, 2)), given=(), keys=None, axis_name=None)
