"""One battery over every network: shapes, precision, randomness by example, parts of a batch, gradients, options."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.told import Told, of_one_input

from gan_jax.networks import DISCRIMINATORS, GENERATORS
from gan_jax.threefry import fast

SMALL = {  # options that make a network small, and turn on every layer it has
    "generator": {
        "mlp": {"widths": (5, 4), "batch_norm": True},
        "maxout": {"widths": (5,)},
        "dcgan": {"channels": 2},
        "keras_dcgan": {"depth": 8},
        "mirza": {},
        "projection": {"channels": 2},
        "translator": {"channels": 1, "blocks": 1},
    },
    "discriminator": {
        "mlp": {"widths": (5, 4), "dropout": 0.3},
        "maxout": {"widths": (5, 4), "pieces": 2},
        "dcgan": {"channels": 2, "dropout": 0.3},
        "keras_dcgan": {"depth": 1},
        "mirza": {},
        "patch": {"channels": 2, "layers": 2},
        "projection": {"channels": 2, "spectral_norm": False},
        "salimans": {"widths": (5, 4)},
    },
}
OUT = {"patch": (2, 2)}  # what a discriminator returns of an example, where it is not one logit
SHAPE = (16, 16, 1)
LATENT = 3
BATCH = 4

# Compilation is most of the battery's time, and the programs run once: little optimization makes it 5 times faster.
FAST = {"xla_backend_optimization_level": 1}

COMPILED: dict = {}

# All share the layers that see a batch or an example's key; through convolutions slopes would be slow to compile.
OF_SLOPES = ("mlp", "maxout")


def build(kind, name, dtype=jnp.float32, shape=SHAPE):
    table = GENERATORS if kind == "generator" else DISCRIMINATORS
    return of_one_input(table[name], shape, **SMALL[kind][name], dtype=dtype)


def inputs(kind, name, batch=BATCH, shape=SHAPE):
    shape = (batch, LATENT) if kind == "generator" and name != "translator" else (batch, *shape)
    return np.random.default_rng(7).standard_normal(shape, np.float32)


def start(kind, name):
    """Module and variables, made once: initialization compiles many small programs."""
    if (kind, name) not in COMPILED:
        module = build(kind, name)
        init = jax.jit(lambda key, x: module.init(fast(key), x), compiler_options=FAST)
        COMPILED[kind, name] = module, jax.tree.map(np.asarray, init(jax.random.key(0), inputs(kind, name)))
    return COMPILED[kind, name]


def train(module, variables, x, keys, axis_name=None):
    return module.apply(variables, x, train=True, keys=keys, axis_name=axis_name, mutable=["batch_stats"])


def cast(tree, dtype):
    return jax.tree.map(lambda a: a.astype(dtype), tree)


KEYS = fast(jax.random.split(jax.random.key(3), BATCH))
everything = pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=pytest.mark.slow if name == "mirza" else ())  # large, and of layers of others
        for kind in SMALL
        for name in SMALL[kind]
    ],
)


def test_the_battery_covers_every_network():
    assert {kind: set(SMALL[kind]) for kind in SMALL} == {
        "generator": set(GENERATORS),
        "discriminator": set(DISCRIMINATORS),
    }


@everything
def test_options_can_become_config_fields(kind, name):
    module = build(kind, name)
    fields = {f.name: f for f in dataclasses.fields(module.network if isinstance(module, Told) else module)}
    assert next(iter(fields)) == "shape"
    for field in set(fields) - {"shape", "num_classes", "dtype", "parent", "name"}:
        assert isinstance(fields[field].default, int | float | str | bool | tuple), field


@everything
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["f32", "bf16"])
def test_shapes_and_precision(kind, name, dtype):
    module = build(kind, name, dtype)
    x = inputs(kind, name)
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    assert {a.dtype for a in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
    want = jax.ShapeDtypeStruct((BATCH, *(SHAPE if kind == "generator" else OUT.get(name, ()))), jnp.float32)
    for training in (False, True):
        y, new = jax.eval_shape(
            lambda v, x, training=training: module.apply(v, x, train=training, keys=KEYS, mutable=["batch_stats"]),
            variables,
            x,
        )
        assert (y.shape, y.dtype) == (want.shape, want.dtype)
        assert {a.dtype for a in jax.tree.leaves(new)} <= {jnp.dtype(jnp.float32)}


@everything
def test_half_precision_is_near_single_and_nothing_drops_from_double(kind, name):
    module, variables = start(kind, name)
    x = inputs(kind, name)
    half_module = build(kind, name, jnp.bfloat16)
    both = jax.jit(lambda v, x: (module.apply(v, x), half_module.apply(v, x)), compiler_options=FAST)
    single, half = both(variables, x)
    scale = max(1.0, float(np.abs(single).max()))
    np.testing.assert_allclose(half, single, atol=0.1 * scale)
    with jax.enable_x64(True):
        module = build(kind, name, jnp.float64)
        variables, x = cast(variables, jnp.float64), x.astype(np.float64)
        double = jax.jit(module.apply, compiler_options=FAST)(variables, x)
        np.testing.assert_allclose(double, single, atol=1e-5 * scale)
        assert not np.array_equal(np.asarray(double), np.asarray(double, np.float32))
        trained = jax.eval_shape(lambda v, x: train(module, v, x, KEYS), variables, x)
        assert {a.dtype for a in jax.tree.leaves((double, trained))} == {jnp.dtype(jnp.float64)}


@everything
def test_parts_of_a_batch_give_what_the_whole_gives_in_values_statistics_and_gradients(kind, name):
    module, variables = start(kind, name)
    with jax.enable_x64(True):  # so that only the mathematics is compared, not the rounding
        module = build(kind, name, jnp.float64)
        variables, x = cast(variables, jnp.float64), inputs(kind, name).astype(np.float64)
        stats = {"batch_stats": variables.get("batch_stats", {})}

        def whole(params, x, keys):
            y, new = train(module, {"params": params, **stats}, x, keys)
            return jnp.mean(jnp.sin(y)), (y, new)

        def parts(params, x, keys):
            def device(x, keys):
                y, new = train(module, {"params": params, **stats}, x, keys, "d")
                return y, jax.lax.pmean(new, "d")

            split = lambda a: a.reshape(2, BATCH // 2, *a.shape[1:])
            y, new = jax.vmap(device, axis_name="d")(split(x), split(keys))
            y = y.reshape(BATCH, *y.shape[2:])
            return jnp.mean(jnp.sin(y)), (y, jax.tree.map(lambda a: a[0], new))

        def both(params, x, keys):
            run = [whole, parts]
            if name in OF_SLOPES:
                run = [jax.value_and_grad(function, (0, 1), has_aux=True) for function in run]
            return [function(params, x, keys) for function in run]

        one, two = jax.jit(both, compiler_options=FAST)(variables["params"], x, KEYS)
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(one))
    assert name not in OF_SLOPES or any(np.abs(a).max() > 0 for a in jax.tree.leaves(one[1]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11), one, two)


@everything
def test_training_noise_is_off_in_evaluation(kind, name):
    module, variables = start(kind, name)
    x = inputs(kind, name)
    evaluate = jax.jit(module.apply, compiler_options=FAST)
    y = evaluate(variables, x)
    np.testing.assert_array_equal(y, evaluate(variables, x))
    np.testing.assert_allclose(y[:2], evaluate(variables, x[:2]), rtol=1e-5, atol=1e-6)
    if kind == "discriminator" and name not in ("patch", "projection"):
        with pytest.raises(ValueError, match="keys: None is not allowed"):
            jax.eval_shape(lambda v, x: train(module, v, x, None), variables, x)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_discriminator_names_the_shape_it_takes(name):
    module, variables = start("discriminator", name)
    with pytest.raises(
        ValueError, match=r"shape: examples of shape \(8, 8, 1\) given; this network takes \(16, 16, 1\)"
    ):
        jax.eval_shape(module.apply, variables, jnp.zeros((2, 8, 8, 1)))
