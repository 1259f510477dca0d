"""Minibatch discrimination against two loops, and over two devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks import mlp
from gan_jax.nn.initializers import pytorch_linear
from gan_jax.nn.minibatch import MinibatchDiscrimination

FAST = {"xla_backend_optimization_level": 1}
LAYER = MinibatchDiscrimination(5, 3, pytorch_linear())
X = np.random.default_rng(0).standard_normal((6, 4), np.float32)
VARIABLES = {"params": {"kernel": np.random.default_rng(1).uniform(-0.5, 0.5, (4, 15)).astype(np.float32)}}
apply = jax.jit(LAYER.apply, compiler_options=FAST)


def test_it_is_the_double_loop_of_the_paper_an_example_itself_included():
    m = (X @ VARIABLES["params"]["kernel"]).reshape(6, 5, 3)
    want = np.zeros((6, 5))
    for i in range(6):
        for j in range(6):
            want[i] += np.exp(-np.abs(m[i] - m[j]).sum(axis=1))
    y = np.asarray(apply(VARIABLES, X))
    np.testing.assert_array_equal(y[:, :4], X)
    np.testing.assert_allclose(y[:, 4:], want, rtol=1e-5)
    assert float(y[:, 4:].min()) >= 1
    same = np.asarray(apply(VARIABLES, np.broadcast_to(X[:1], X.shape)))
    np.testing.assert_allclose(same[:, 4:], 6)
    np.testing.assert_allclose(np.asarray(apply(VARIABLES, X[:1]))[:, 4:], 1)


def test_a_critic_with_it_on_two_devices_equals_one():
    module = mlp.Discriminator((4,), widths=(5,), minibatch_features=3, minibatch_dims=2)
    params = jax.jit(module.init, compiler_options=FAST)(jax.random.key(2), X)["params"]
    assert params["minibatch"]["kernel"].shape == (5, 6)
    assert params["output"]["kernel"].shape == (8, 1)

    def local(params, x, axis_name=None):
        y = module.apply({"params": params}, x, train=True, axis_name=axis_name)
        return jnp.mean(jnp.sin(y)), y

    def one(params, x):
        return jax.value_and_grad(local, has_aux=True)(params, x)

    def two(params, x):
        gradient = jax.value_and_grad(lambda p, x: local(p, x, "d"), has_aux=True)
        (mean, y), slope = jax.vmap(gradient, (None, 0), axis_name="d")(params, x.reshape(2, 3, 4))
        return (jnp.mean(mean), y.reshape(6)), jax.tree.map(lambda a: jnp.mean(a, axis=0), slope)

    alone = lambda params, x: jnp.concatenate([local(params, x[:3])[1], local(params, x[3:])[1]])
    run = jax.jit(lambda params, x: (one(params, x), two(params, x), alone(params, x)), compiler_options=FAST)
    whole, shared, halves = run(params, X)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), whole, shared)
    assert not np.allclose(halves, whole[0][1])


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float64], ids=["bf16", "f64"])
def test_precision(dtype):
    want = apply(VARIABLES, X)
    with jax.enable_x64(dtype == jnp.float64):
        layer = MinibatchDiscrimination(5, 3, pytorch_linear(), dtype=dtype)
        y = jax.jit(layer.apply, compiler_options=FAST)(VARIABLES, X)
        assert y.dtype == dtype
        np.testing.assert_allclose(np.asarray(y, np.float32), want, atol=0.1, rtol=0.05)
