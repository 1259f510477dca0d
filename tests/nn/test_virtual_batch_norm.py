"""Virtual batch normalization against NumPy: statistics of a fixed reference and of the example itself, no others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.game import forward
from gan_jax.networks import dcgan, mlp
from gan_jax.nn import virtual_batch_norm

FAST = {"xla_backend_optimization_level": 1}
R, B = 5, 3
MODULES = {
    "mlp": mlp.Generator((2,), widths=(6, 4), batch_norm=True, reference=R),
    "dcgan": dcgan.Generator((16, 16, 1), channels=2, reference=R),
}
Z = np.random.default_rng(5).standard_normal((B, 3), np.float32)


def compiled(function):
    return jax.jit(function, compiler_options=FAST)


@pytest.mark.parametrize("shape", [(), (3, 2)], ids=["dense", "images"])
def test_each_example_is_normalized_with_the_reference_and_itself_alone(shape):
    x = 10 + 2 * np.random.default_rng(0).standard_normal((R + B, *shape, 4), np.float32)
    got = np.asarray(compiled(lambda x: virtual_batch_norm.normalize(x, R, 1e-5))(x))
    x = np.asarray(x, np.float64)
    axes = tuple(range(x.ndim - 1))

    def normalized(rows, members):
        return (rows - members.mean(axis=axes)) / np.sqrt(members.var(axis=axes) + 1e-5)

    np.testing.assert_allclose(got[:R], normalized(x[:R], x[:R]), rtol=1e-4, atol=1e-4)
    for b in range(R, R + B):
        members = np.concatenate([x[:R], x[b : b + 1]])
        np.testing.assert_allclose(got[b], normalized(x[b], members), rtol=1e-4, atol=1e-4)


@pytest.fixture(params=MODULES, name="case", scope="module")
def made(request):
    """A network, its variables, those of another key, and how it is applied in training, compiled."""
    module = MODULES[request.param]
    init = compiled(module.init)
    variables, other = (init(jax.random.key(seed), np.zeros((B, 3), np.float32)) for seed in (1, 2))
    return module, variables, other, compiled(lambda v, z: module.apply(v, z, train=True))


def test_the_reference_is_drawn_once_and_nothing_else_is_stored(case):
    module, variables, other, _ = case
    assert set(variables) == {"params", "reference"}
    latent = variables["reference"]["latent"]
    assert latent.shape == (R, 3)
    assert len(np.unique(latent)) == 3 * R
    assert not np.array_equal(other["reference"]["latent"], latent)
    off = jax.eval_shape(module.clone(reference=0).init, jax.random.key(1), Z)
    assert jax.tree.structure(off["params"]) == jax.tree.structure(variables["params"])
    assert jax.tree.map(jnp.shape, off["params"]) == jax.tree.map(jnp.shape, variables["params"])


def test_examples_do_not_see_one_another(case):
    _, variables, _, apply = case
    y = np.asarray(apply(variables, Z))
    assert y.shape[0] == B
    changed = np.asarray(apply(variables, np.concatenate([Z[:-1], np.full((1, 3), 7, np.float32)])))
    np.testing.assert_array_equal(changed[:-1], y[:-1])
    assert not np.allclose(changed[-1], y[-1])
    np.testing.assert_allclose(apply(variables, Z[:1]), y[:1], rtol=1e-4, atol=1e-5)


def test_training_is_evaluation_and_the_reference_stays(case):
    module, variables, _, apply = case
    y = apply(variables, Z)
    stats = {"reference": variables["reference"]}

    @compiled
    def both(params, stats, z):
        return [forward(module, params, stats, z, train=train) for train in (True, False)]

    (train, after), (evaluated, _) = both(variables["params"], stats, Z)
    jax.tree.map(np.testing.assert_array_equal, after, stats)
    np.testing.assert_array_equal(train, evaluated)
    np.testing.assert_allclose(train, y, rtol=1e-4, atol=1e-5)
    moved = {**variables, "reference": {"latent": np.asarray(variables["reference"]["latent"]) + 1}}
    assert not np.allclose(apply(moved, Z), y)


@pytest.mark.parametrize("case", ["mlp"], indirect=True)
def test_the_gradient_flows_through_the_reference_to_the_parameters_alone(case):
    module, variables, _, _ = case
    slope = compiled(jax.grad(lambda v: jnp.sum(jnp.sin(module.apply(v, Z)))))(variables)
    assert not np.any(slope["reference"]["latent"])
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(slope))
    # d/dW of a normalized layer is orthogonal to W, column by column, only if the statistics follow W.
    w, g = (np.asarray(tree["params"]["hidden_0"]["kernel"]) for tree in (variables, slope))
    np.testing.assert_allclose(np.sum(w * g, axis=0), 0, atol=2e-3 * np.abs(g).max())


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float64], ids=["bf16", "f64"])
def test_precision(dtype):
    with jax.enable_x64(dtype == jnp.float64):
        for module in MODULES.values():
            variables = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, 3), jnp.float32))
            y = jax.eval_shape(module.clone(dtype=dtype).apply, variables, Z)
            assert y.dtype == (jnp.float64 if dtype == jnp.float64 else jnp.float32)
