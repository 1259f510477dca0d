"""Dropout, maxout, batch normalization and initializers: laws and closed forms."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn import activations, initializers, layers
from gan_jax.threefry import fast


def keys(number, seed=0):
    return fast(jax.random.split(jax.random.key(seed), number))


def draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def compiled(function):
    """As one small program, made quickly: uncompiled, every operation would be a program of its own."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 1})


def test_an_example_meets_the_same_noise_in_any_batch_and_precision():
    layer = lambda x, keys, i: layers.dropout(x, 0.3, keys, i)
    x = draw(1, 6, 5, 3)

    @compiled
    def run(x, keys):
        halves = jnp.concatenate([layer(x[i : i + 3], keys[i : i + 3], 2) for i in (0, 3)])
        return layer(x, keys, 2), halves, layer(x, keys, 3), layer(x.astype(jnp.bfloat16), keys, 2)

    whole, parts, other_layer, half = map(np.asarray, run(x, keys(6)))
    np.testing.assert_array_equal(whole, parts)
    assert not np.array_equal(whole, other_layer)
    assert not np.array_equal(whole, run(x, keys(6, seed=1))[0])
    assert not np.array_equal((whole - x)[0], (whole - x)[1])
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(np.float32), whole, atol=0.05)
    with jax.enable_x64(True):
        double = compiled(lambda x, keys: layer(x, keys, 2))(x.astype(np.float64), keys(6))
        assert double.dtype == jnp.float64
        np.testing.assert_allclose(double, whole, atol=1e-6)


def test_dropout_keeps_the_mean_and_drops_the_stated_share():
    rate, n = 0.2, 40_000
    y = np.asarray(
        compiled(lambda x, keys: layers.dropout(x, rate, keys, 0))(np.ones((4, n // 4), np.float32), keys(4))
    )
    assert set(np.unique(y)) == {np.float32(0.0), np.float32(1.25)}
    assert abs((y == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / n)
    assert abs(y.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / n)


def test_stochastic_layers_without_strength_need_no_keys():
    x = jnp.ones((2, 3))
    assert layers.dropout(x, 0.0, None, 0) is x


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
    ],
)
def test_stochastic_layers_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call(jnp.ones((2, 3)))


def test_maxout_is_the_largest_of_its_linear_pieces():
    layer = layers.Maxout(features=4, pieces=3, initializer=initializers.pytorch_linear())
    x, kernel, bias = draw(0, 5, 6), draw(1, 6, 12), draw(2, 12)
    linear = np.einsum("bn,npf->bpf", x, kernel.reshape(6, 3, 4)) + bias.reshape(3, 4)
    y = compiled(layer.apply)({"params": {"linear": {"kernel": kernel, "bias": bias}}}, x)
    np.testing.assert_allclose(y, linear.max(axis=1), rtol=1e-5, atol=1e-6)


class Normalized(nn.Module):
    dtype: type = jnp.float32

    @nn.compact
    def __call__(self, x, train, axis_name=None):
        return layers.batch_norm(x, train, axis_name, initializers.dcgan(), self.dtype, "norm")


def test_batch_norm_over_devices_equals_the_whole_batch():
    x, target = 3 + 2 * draw(0, 8, 3, 3, 4), draw(1, 8, 3, 3, 4)
    module = Normalized()
    params = {"norm": {"scale": 1 + draw(2, 4) / 10, "bias": draw(3, 4)}}
    variables = {"batch_stats": {"norm": {"mean": np.zeros(4, np.float32), "var": np.ones(4, np.float32)}}}

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

    slope = lambda function: jax.value_and_grad(function, (0, 1), has_aux=True)
    one, two = compiled(lambda params, x: (slope(whole)(params, x), slope(parts)(params, x)))(params, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), one, two)
    (_, (y, after)), _ = one
    y = (np.asarray(y) - params["norm"]["bias"]) / params["norm"]["scale"]
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=1e-3)
    np.testing.assert_allclose(after["norm"]["mean"], 0.1 * x.mean((0, 1, 2)), rtol=1e-4)


def test_batch_norm_in_half_precision_keeps_float32_parameters_and_statistics():
    x = jnp.ones((4, 3), jnp.bfloat16)
    module = Normalized(jnp.bfloat16)
    variables = jax.eval_shape(lambda key: module.init(key, x, False), jax.random.key(0))
    y, new = jax.eval_shape(lambda variables: module.apply(variables, x, True, mutable=["batch_stats"]), variables)
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

    @compiled
    def run(keys):
        kernel = initializer.kernel(keys[0], (200, 300), jnp.float32)
        return kernel, initializer.bias(200)(keys[1], (2000,), jnp.float32), initializer.gain(keys[2], (2000,))

    kernel, bias, gain = map(np.asarray, run(keys(3)))
    assert abs(kernel.std() / std - 1) < 0.02
    assert abs(kernel.mean()) < 5 * std / np.sqrt(kernel.size)
    assert np.abs(bias).max() <= (1 / np.sqrt(200) if name == "pytorch_linear" else 0)
    assert (bias.std() > 0) == (name == "pytorch_linear")
    assert abs(gain.mean() - 1) < 0.005
    assert abs(gain.std() - (0.02 if name == "dcgan" else 0)) < 0.005


def test_initializer_tables_are_complete_and_bounded():
    @compiled
    def run(key):
        return initializers.goodfellow_2014(0.005).kernel(key, (9, 9)), initializers.saxe_2014(1.0).kernel(key, (5, 8))

    bounded, orthogonal = map(np.asarray, run(keys(1)[0]))
    assert np.abs(bounded).max() <= 0.005
    np.testing.assert_allclose(orthogonal @ orthogonal.T, np.eye(5), atol=1e-5)
    with pytest.raises(ValueError, match="initializer: 'xavier' is not allowed; choose one of goodfellow_2014"):
        initializers.get("xavier")


def test_activations_by_name():
    x = np.float32([-2.0, 0.0, 3.0])
    functions = [activations.get("leaky_relu", 0.1), activations.get("softplus"), activations.get_output("sigmoid")]
    leaky, softplus, sigmoid = compiled(lambda x: [function(x) for function in functions])(x)
    np.testing.assert_allclose(leaky, [-0.2, 0, 3], rtol=1e-6)
    np.testing.assert_allclose(softplus, np.log1p(np.exp(x)), rtol=1e-5)
    np.testing.assert_allclose(sigmoid, np.tanh(x / 2), rtol=1e-5)
    for name in activations.ACTIVATIONS:
        for dtype in (jnp.float32, jnp.bfloat16):
            y = jax.eval_shape(activations.get(name), jax.ShapeDtypeStruct((3,), dtype))
            assert (y.shape, y.dtype) == ((3,), dtype)
    with pytest.raises(ValueError, match="activation: 'gelu' is not allowed; choose one of relu"):
        activations.get("gelu")
    with pytest.raises(ValueError, match=r"leak: 1\.5 is not allowed"):
        activations.get("leaky_relu", 1.5)
    with pytest.raises(ValueError, match="output: 'relu' is not allowed; choose one of tanh, sigmoid, linear"):
        activations.get_output("relu")


def test_maxout_gives_its_slope_to_one_piece_also_where_pieces_are_equal():
    """A maximum's usual derivative shares it among equals, by comparing numbers that may be rounded differently."""
    layer = layers.Maxout(2, 3, initializers.get("dcgan"))
    kernel, x = np.zeros((4, 6), np.float32), np.ones((1, 4), np.float32)
    cost = lambda bias: layer.apply({"params": {"linear": {"kernel": kernel, "bias": bias}}}, x).sum()
    # Piece p of unit f is at 2 p + f: unit 0 has three equal pieces, unit 1 has two.
    slope = compiled(jax.grad(cost))(np.float32([0.0, 1.0, 0.0, 5.0, 0.0, 5.0]))
    np.testing.assert_array_equal(slope, [1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
