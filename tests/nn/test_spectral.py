"""Spectral normalization against NumPy: the vectors, the kernel in use, and who may change what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.game import forward
from gan_jax.networks import dcgan, keras_dcgan, maxout, mlp
from gan_jax.nn import layers, spectral
from gan_jax.nn.initializers import pytorch_linear
from gan_jax.threefry import fast

MODULE = mlp.Discriminator((7,), widths=(6, 4), spectral_norm=True)


def draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def compiled(function):
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 1})


def init(module, x):
    return compiled(lambda key: module.init(fast(key), x))(jax.random.key(0))


X = draw(7, 5, 7)
VARIABLES = init(MODULE, X)
step = compiled(spectral.power_iteration)


def converged(variables, times=200):
    found = variables["spectral"]
    for _ in range(times):
        found = step(variables["params"], found)
    return {**variables, "spectral": found}


def test_the_kernel_in_use_has_largest_singular_value_one():
    kernel, x = draw(1, 2, 3, 4, 5), draw(2, 2, 4, 4, 4)
    layer = layers.Conv(5, (2, 3), spectral_norm=True)
    variables = init(layer, x)
    assert variables["spectral"]["u"].shape == (5,)
    assert variables["spectral"]["v"].shape == (24,)
    variables = converged({"params": {**variables["params"], "kernel": kernel}, "spectral": variables["spectral"]})
    matrix = kernel.reshape(24, 5)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    u, v = variables["spectral"]["u"], variables["spectral"]["v"]
    np.testing.assert_allclose(abs(np.vdot(u, right[0])), 1, rtol=1e-5)
    np.testing.assert_allclose(abs(np.vdot(v, left[:, 0])), 1, rtol=1e-5)
    plain = layers.Conv(5, (2, 3))
    used = {"kernel": kernel / values[0], "bias": variables["params"]["bias"]}
    both = compiled(lambda ours, used: (layer.apply(ours, x), plain.apply({"params": used}, x)))(variables, used)
    np.testing.assert_allclose(*both, rtol=1e-4, atol=1e-5)


def test_one_call_is_exactly_one_iteration_of_every_layer():
    after = step(VARIABLES["params"], VARIABLES["spectral"])
    assert set(after) == {"hidden_0", "hidden_1", "output"}
    for name, vectors in after.items():
        w = np.asarray(VARIABLES["params"][name]["kernel"], np.float64)
        v = w @ np.asarray(VARIABLES["spectral"][name]["u"], np.float64)
        v /= np.linalg.norm(v)
        u = w.T @ v
        u /= np.linalg.norm(u)
        np.testing.assert_allclose(vectors["v"], v, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(vectors["u"], u, rtol=1e-5, atol=1e-6)
    assert spectral.power_iteration(VARIABLES["params"], {}) == {}


def test_the_first_vectors_already_know_the_largest_singular_value():
    for name, vectors in VARIABLES["spectral"].items():
        w = np.asarray(VARIABLES["params"][name]["kernel"])
        sigma = np.asarray(vectors["v"]) @ w @ np.asarray(vectors["u"])
        largest = np.linalg.svd(w, compute_uv=False)[0]
        assert 0.9 * largest < sigma < 1.0001 * largest, name


@pytest.mark.parametrize("train", [False, True])
def test_a_forward_pass_reads_the_vectors_and_leaves_them(train):
    stats = {"spectral": VARIABLES["spectral"]}
    keys = jax.random.split(jax.random.key(0), 5)
    run = compiled(lambda stats: forward(MODULE, VARIABLES["params"], stats, X, train=train, keys=keys))
    logits, after = run(stats)
    jax.tree.map(np.testing.assert_array_equal, after, stats)
    doubled, _ = run(jax.tree.map(lambda a: 2 * np.asarray(a), stats))
    assert not np.allclose(doubled, logits)


def test_parameters_are_drawn_as_without_normalization_and_scale_does_not_matter():
    plain = init(MODULE.clone(spectral_norm=False), X)
    assert set(plain) == {"params"}
    jax.tree.map(np.testing.assert_array_equal, plain["params"], VARIABLES["params"])
    scaled = jax.tree.map(lambda a: np.asarray(a) * 3 if a.ndim == 2 else a, VARIABLES["params"])
    apply = compiled(MODULE.apply)
    np.testing.assert_allclose(apply({**VARIABLES, "params": scaled}, X), apply(VARIABLES, X), rtol=1e-4)


def test_the_gradient_flows_through_the_kernel_and_its_norm_but_not_through_the_vectors():
    """With W' = W / s, s = v'Wu: dL/dW = (G - <G, W'> v u') / s for G = dL/dW' (equation 12)."""
    module = spectral.Dense(3, pytorch_linear().kernel, pytorch_linear().bias(4))
    x, weights = draw(1, 5, 4), draw(2, 5, 3)
    variables = init(module, x)

    def loss(variables):
        return jnp.sum(weights * module.apply(variables, x))

    slope = compiled(jax.grad(loss))(variables)
    w = np.asarray(variables["params"]["kernel"])
    u, v = (np.asarray(variables["spectral"][name]) for name in "uv")
    g, s = x.T @ weights, v @ w @ u
    want = (g - np.sum(g * w / s) * np.outer(v, u)) / s
    np.testing.assert_allclose(slope["params"]["kernel"], want, rtol=1e-4, atol=1e-5)
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(slope["spectral"]))


@pytest.mark.parametrize(
    ("module", "layers_of"),
    [
        (dcgan.Discriminator((16, 16, 1), channels=2, spectral_norm=True), {"down_0", "down_1", "output"}),
        (
            keras_dcgan.Discriminator((8, 8, 1), depth=1, spectral_norm=True),
            {f"down_{i}" for i in range(4)} | {"output"},
        ),
        (maxout.Discriminator((4,), widths=(3,), pieces=2, spectral_norm=True), {"maxout_0", "output"}),
    ],
    ids=["dcgan", "keras_dcgan", "maxout"],
)
def test_every_layer_of_every_discriminator_is_normalized(module, layers_of):
    x = jnp.zeros((2, *module.shape))
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    assert set(variables["spectral"]) == layers_of
    after = jax.eval_shape(spectral.power_iteration, variables["params"], variables["spectral"])
    assert jax.tree.map(lambda a: (a.shape, a.dtype), after) == jax.tree.map(
        lambda a: (a.shape, a.dtype), variables["spectral"]
    )
    kernels = sum(path[-1].key == "kernel" for path, _ in jax.tree_util.tree_leaves_with_path(variables["params"]))
    assert 2 * kernels == len(jax.tree.leaves(variables["spectral"]))
    for dtype in (jnp.bfloat16, jnp.float32):
        y = jax.eval_shape(module.clone(dtype=dtype).apply, variables, x)
        assert (y.shape, y.dtype) == ((2,), jnp.float32)


def test_runs_in_one_program_have_their_own_vectors():
    both = jax.tree.map(lambda a: np.stack([a, 1.5 * np.asarray(a)]), VARIABLES)
    together = compiled(jax.vmap(spectral.power_iteration))(both["params"], both["spectral"])
    alone = step(VARIABLES["params"], VARIABLES["spectral"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(np.asarray(a)[0], b, rtol=1e-5, atol=1e-6), together, alone)


def test_nothing_drops_from_double():
    with jax.enable_x64(True):
        variables = jax.tree.map(lambda a: np.asarray(a, np.float64), VARIABLES)
        y = jax.eval_shape(MODULE.clone(dtype=jnp.float64).apply, variables, X.astype(np.float64))
        assert y.dtype == jnp.float64
        after = jax.eval_shape(spectral.power_iteration, variables["params"], variables["spectral"])
        assert {a.dtype for a in jax.tree.leaves(after)} == {jnp.dtype(jnp.float64)}
