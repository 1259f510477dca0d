"""Dropout, noise, maxout, batch normalization and initializers: laws and closed forms."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn import activations, initializers, layers

STOCHASTIC = {
    "dropout": lambda x, keys, i: layers.dropout(x, 0.3, keys, i),
    "noise": lambda x, keys, i: layers.gaussian_noise(x, 0.5, keys, i),
}


def keys(number, seed=0):
    return jax.random.split(jax.random.key(seed), number)


@pytest.mark.parametrize("layer", STOCHASTIC.values(), ids=STOCHASTIC)
def test_an_example_meets_the_same_noise_in_any_batch_and_precision(layer):
    x = jax.random.normal(jax.random.key(1), (6, 5, 3))
    whole = layer(x, keys(6), 2)
    parts = jnp.concatenate([layer(x[i : i + 3], keys(6)[i : i + 3], 2) for i in (0, 3)])
    np.testing.assert_array_equal(whole, parts)
    assert not np.array_equal(whole, layer(x, keys(6), 3))
    assert not np.array_equal(whole, layer(x, keys(6, seed=1), 2))
    assert not np.array_equal((whole - x)[0], (whole - x)[1])
    half = layer(x.astype(jnp.bfloat16), keys(6), 2)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(jnp.float32), whole, atol=0.05)
    with jax.enable_x64(True):
        double = layer(x.astype(jnp.float64), keys(6), 2)
        assert double.dtype == jnp.float64
        np.testing.assert_allclose(double, whole, atol=1e-6)


def test_dropout_keeps_the_mean_and_drops_the_stated_share():
    rate, n = 0.2, 40_000
    y = np.asarray(layers.dropout(jnp.ones((4, n // 4)), rate, keys(4), 0))
    assert set(np.unique(y)) == {np.float32(0.0), np.float32(1.25)}
    assert abs((y == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / n)
    assert abs(y.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / n)


def test_noise_has_the_stated_spread():
    n = 40_000
    y = np.asarray(layers.gaussian_noise(jnp.full((4, n // 4), 3.0), 0.5, keys(4), 0))
    assert abs(y.mean() - 3) < 5 * 0.5 / np.sqrt(n)
    assert abs(y.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * n)


def test_stochastic_layers_without_strength_need_no_keys():
    x = jnp.ones((2, 3))
    assert layers.dropout(x, 0.0, None, 0) is x
    assert layers.gaussian_noise(x, 0.0, None, 0) is x


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: layers.dropout(x, 0.5, None, 0),
            "keys: None is not allowed; dropout in training needs a key for each",
        ),
        (lambda x: layers.dropout(x, 0.5, keys(3), 0), r"needs typed keys of shape \[2\]"),
        (lambda x: layers.dropout(x, 0.5, jnp.zeros((2,)), 0), "needs typed keys"),
        (lambda x: layers.dropout(x, 1.0, keys(2), 0), "dropout: 1.0 is not allowed"),
        (lambda x: layers.gaussian_noise(x, -1.0, keys(2), 0), "noise: -1.0 is not allowed"),
    ],
)
def test_stochastic_layers_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.ones((2, 3)))


def test_maxout_is_the_largest_of_its_linear_pieces():
    layer = layers.Maxout(features=4, pieces=3, initializer=initializers.pytorch_linear())
    x = jax.random.normal(jax.random.key(0), (5, 6))
    variables = layer.init(jax.random.key(1), x)
    kernel, bias = (np.asarray(variables["params"]["linear"][name]) for name in ("kernel", "bias"))
    linear = np.einsum("bn,npf->bpf", np.asarray(x), kernel.reshape(6, 3, 4)) + bias.reshape(3, 4)
    np.testing.assert_allclose(layer.apply(variables, x), linear.max(axis=1), rtol=1e-5, atol=1e-6)


class Normalized(nn.Module):
    dtype: type = jnp.float32

    @nn.compact
    def __call__(self, x, train, axis_name=None):
        return layers.batch_norm(x, train, axis_name, initializers.dcgan(), self.dtype, "norm")


def test_batch_norm_over_devices_equals_the_whole_batch():
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (8, 3, 3, 4))
    target = jax.random.normal(jax.random.key(1), x.shape)
    module = Normalized()
    variables = module.init(jax.random.key(2), x, False)

    def whole(params, x):
        y, new = module.apply({**variables, "params": params}, x, True, mutable=["batch_stats"])
        return jnp.mean(y * target), (y, new["batch_stats"])

    def parts(params, x):
        def device(x):
            return module.apply({**variables, "params": params}, x, True, "d", mutable=["batch_stats"])

        y, new = jax.vmap(device, axis_name="d")(x.reshape(2, 4, *x.shape[1:]))
        return jnp.mean(y.reshape(x.shape) * target), (
            y.reshape(x.shape),
            jax.tree.map(lambda a: a[1], new["batch_stats"]),
        )

    def run(function):
        gradient = jax.value_and_grad(function, (0, 1), has_aux=True)
        return jax.jit(gradient, compiler_options={"xla_backend_optimization_level": 1})

    one = run(whole)(variables["params"], x)
    two = run(parts)(variables["params"], x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), one, two)
    y = (one[0][1][0] - variables["params"]["norm"]["bias"].reshape(1, 1, 1, -1)) / variables["params"]["norm"][
        "scale"
    ].reshape(1, 1, 1, -1)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=1e-3)
    np.testing.assert_allclose(one[0][1][1]["norm"]["mean"], 0.1 * x.mean((0, 1, 2)), rtol=1e-4)


def test_batch_norm_in_half_precision_keeps_float32_parameters_and_statistics():
    x = jnp.ones((4, 3), jnp.bfloat16)
    module = Normalized(jnp.bfloat16)
    variables = module.init(jax.random.key(0), x, False)
    y, new = module.apply(variables, x, True, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    assert {a.dtype for a in jax.tree.leaves((variables, new))} == {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize(
    ("name", "std"),
    [
        ("goodfellow_2014", 0.05 / np.sqrt(3)),
        ("dcgan", 0.02),
        ("glorot_2010", np.sqrt(2 / (200 + 300))),
        ("he_2015", np.sqrt(2 / 200)),
        ("xavier_wiseodd", 1 / np.sqrt(200 / 2)),
        ("saxe_2014", 1.4 / np.sqrt(300)),
        ("unit_normal", 1.0),
        ("pytorch_linear", 1 / np.sqrt(3 * 200)),
    ],
)
def test_initializers_have_the_spread_of_their_source(name, std):
    initializer = initializers.get(name)
    kernel = np.asarray(initializer.kernel(jax.random.key(0), (200, 300), jnp.float32))
    assert abs(kernel.std() / std - 1) < 0.02
    assert abs(kernel.mean()) < 5 * std / np.sqrt(kernel.size)
    bias = np.asarray(initializer.bias(200)(jax.random.key(1), (2000,), jnp.float32))
    assert np.abs(bias).max() <= (1 / np.sqrt(200) if name == "pytorch_linear" else 0)
    assert (bias.std() > 0) == (name == "pytorch_linear")
    gain = np.asarray(initializer.gain(jax.random.key(2), (2000,), jnp.float32))
    assert abs(gain.mean() - 1) < 0.005
    assert abs(gain.std() - (0.02 if name == "dcgan" else 0)) < 0.005


def test_initializer_tables_are_complete_and_bounded():
    assert np.abs(initializers.goodfellow_2014(0.005).kernel(jax.random.key(0), (9, 9))).max() <= 0.005
    kernel = np.asarray(initializers.saxe_2014(1.0).kernel(jax.random.key(0), (5, 8)))
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(5), atol=1e-5)
    with pytest.raises(ValueError, match="initializer: 'xavier' is not allowed; choose one of goodfellow_2014"):
        initializers.get("xavier")


def test_activations_by_name():
    x = jnp.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(activations.get("leaky_relu", 0.1)(x), [-0.2, 0, 3], rtol=1e-6)
    np.testing.assert_allclose(activations.get("softplus")(x), np.log1p(np.exp(x)), rtol=1e-5)
    for name in activations.ACTIVATIONS:
        assert activations.get(name)(x).shape == (3,)
        assert activations.get(name)(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16
    np.testing.assert_allclose(activations.get_output("sigmoid")(x), np.tanh(x / 2), rtol=1e-5)
    with pytest.raises(ValueError, match="activation: 'gelu' is not allowed; choose one of relu"):
        activations.get("gelu")
    with pytest.raises(ValueError, match=r"leak: 1\.5 is not allowed"):
        activations.get("leaky_relu", 1.5)
    with pytest.raises(ValueError, match="output: 'relu' is not allowed; choose one of tanh, sigmoid, linear"):
        activations.get_output("relu")


def test_maxout_gives_its_slope_to_one_piece_also_where_pieces_are_equal():
    """A maximum's usual derivative shares it among equals, by comparing numbers that may be rounded differently."""
    layer = layers.Maxout(2, 3, initializers.get("dcgan"))
    x = jnp.ones((1, 4))
    params = {"linear": {"kernel": jnp.zeros((4, 6)), "bias": jnp.array([0.0, 1.0, 0.0, 5.0, 0.0, 5.0])}}
    slope = jax.grad(lambda bias: layer.apply({"params": {"linear": {**params["linear"], "bias": bias}}}, x).sum())
    # Piece p of unit f is at 2 p + f: unit 0 has three equal pieces, unit 1 has two.
    np.testing.assert_array_equal(slope(params["linear"]["bias"]), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
