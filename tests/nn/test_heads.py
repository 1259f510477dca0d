"""Heads on trunks and labels beside inputs: formulas, one by one, and what a network does not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks import DISCRIMINATORS, dcgan, mlp
from gan_jax.nn import conditional, heads
from gan_jax.nn.spectral import power_iteration
from gan_jax.threefry import fast

FAST = {"xla_backend_optimization_level": 0}
SHAPE, CLASSES, BATCH = (16, 16, 1), 3, 4
SMALL = {"mlp": {"widths": (5,)}, "maxout": {"widths": (5,), "pieces": 2}, "dcgan": {"channels": 2}}
RNG = np.random.default_rng(0)
LABEL = np.int32([2, 0, 1, 2])


def started(module, *inputs):
    """The variables that a module draws, and what it makes of the inputs."""
    both = lambda key: (variables := module.init(fast(key), *inputs), module.apply(variables, *inputs))
    return jax.tree.map(np.asarray, jax.jit(both, compiler_options=FAST)(jax.random.key(1)))


def test_the_projection_head_is_its_formula_and_its_matrices_have_norm_one():
    features = RNG.normal(size=(BATCH, 5)).astype(np.float32)
    module = heads.Projection(CLASSES, heads.Layer("glorot_2010", spectral_norm=True))
    variables, logits = started(module, features, LABEL)
    params, spectral = variables["params"], variables["spectral"]
    for _ in range(50):
        spectral = jax.jit(power_iteration)(params, spectral)
    logits = module.apply({"params": params, "spectral": spectral}, features, LABEL)
    psi, rows = (params[name]["kernel"] / np.linalg.norm(params[name]["kernel"], 2) for name in ("output", "embedding"))
    want = features @ psi[:, 0] + params["output"]["bias"][0] + (features * rows[LABEL]).sum(axis=1)
    np.testing.assert_allclose(logits, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_a_trunk_with_one_logit_is_the_discriminator_itself(name):
    whole = DISCRIMINATORS[name](SHAPE, **SMALL[name])
    x = RNG.normal(size=(BATCH, *SHAPE)).astype(np.float32)
    variables, logits = started(whole, x)
    composed = heads.Discriminator(whole, heads.Logit(heads.layer_of(whole)))
    head = {"output": variables["params"].pop("output")}
    below = {name: {"trunk": tree} for name, tree in variables.items()}
    params = {"params": {"trunk": variables["params"], "head": head}}
    again = jax.jit(composed.apply, compiler_options=FAST)({**below, **params}, x)
    np.testing.assert_allclose(again, logits, rtol=1e-5, atol=1e-6)
    shapes = jax.eval_shape(composed.init, jax.random.key(0), x)
    assert jax.tree.structure(shapes) == jax.tree.structure({**below, **params})
    assert composed.independent == whole.independent


def test_classes_and_a_logit_share_the_trunk():
    trunk = mlp.Discriminator((6,), widths=(5,), initializer="he_2015", dtype=jnp.bfloat16)
    layer = heads.layer_of(trunk)
    assert layer == ("he_2015", False, jnp.bfloat16, False)
    x = jnp.zeros((BATCH, 6))
    both = heads.Discriminator(trunk, heads.LogitAndClasses(CLASSES, layer))
    logit, classes = jax.eval_shape(lambda key: both.init_with_output(key, x)[0], jax.random.key(0))
    alone = heads.Discriminator(trunk, heads.Classes(CLASSES, layer))
    one = jax.eval_shape(lambda key: alone.init_with_output(key, x)[0], jax.random.key(0))
    assert [(a.shape, a.dtype) for a in (logit, classes, one)] == [
        ((BATCH, *rest), jnp.float32) for rest in ((), (CLASSES,), (CLASSES,))
    ]


def test_a_discriminator_that_is_no_trunk_is_refused_in_one_line():
    class Bare(mlp.nn.Module):
        def __call__(self, x, *, train=False, keys=None, axis_name=None):
            return x[:, 0]

    with pytest.raises(ValueError, match="Bare is not allowed in a game with a head of its own; give one that takes"):
        heads.Discriminator(Bare(), heads.Logit()).init(jax.random.key(0), jnp.zeros((2, 3)))


def test_labels_are_planes_of_an_image_and_numbers_of_a_vector():
    x = RNG.normal(size=(BATCH, 2, 2, 1)).astype(np.float32)
    planes = np.asarray(conditional.beside(x, np.eye(CLASSES, dtype=np.float32)[LABEL]))
    np.testing.assert_array_equal(planes[..., :1], x)
    np.testing.assert_array_equal(planes[..., 1:], np.broadcast_to(np.eye(CLASSES)[LABEL, None, None], (4, 2, 2, 3)))
    z = np.asarray(conditional.beside(x.reshape(BATCH, 4), np.eye(CLASSES, dtype=np.float32)[LABEL]))
    np.testing.assert_array_equal(z[:, 4:], np.eye(CLASSES)[LABEL])


@pytest.mark.parametrize(
    ("name", "inputs"), [("mlp", 256 + CLASSES), ("maxout", 256 + CLASSES), ("dcgan", 1 + CLASSES)]
)
def test_a_conditional_discriminator_reads_the_label_and_nothing_is_wasted_on_places(name, inputs):
    module = conditional.discriminator(DISCRIMINATORS[name](SHAPE, **SMALL[name]), conditional.Code(CLASSES))
    x = RNG.normal(size=(1, *SHAPE)).astype(np.float32).repeat(BATCH, axis=0)
    variables, logits = started(module, x, LABEL)
    first = jax.tree.leaves(variables["params"])
    assert any(inputs in leaf.shape for leaf in first)
    assert logits[0] == pytest.approx(logits[3], rel=1e-5)  # the same image with the same label
    assert len({round(float(logit), 7) for logit in logits}) == CLASSES


def test_a_conditional_generator_passes_on_what_its_network_is_given():
    module = conditional.Generator(dcgan.Generator(SHAPE, channels=1), conditional.Code(CLASSES))
    z = RNG.normal(size=(BATCH, 2)).astype(np.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), z, LABEL)
    assert variables["params"]["network"]["project"]["kernel"].shape[0] == 2 + CLASSES
    train = lambda v: module.apply(v, z, LABEL, train=True, mutable=["batch_stats"])
    images, after = jax.eval_shape(train, variables)
    assert images.shape == (BATCH, *SHAPE)
    assert jax.tree.structure(after) == jax.tree.structure({"batch_stats": variables["batch_stats"]})
    virtual = conditional.Generator(dcgan.Generator(SHAPE, channels=1, reference=4), conditional.Code(CLASSES))
    with pytest.raises(ValueError, match="reference: 4 is not allowed where a generator is told labels; give 0"):
        jax.eval_shape(virtual.init, jax.random.key(0), z, LABEL)


def test_a_gain_and_a_bias_for_each_class_after_a_batch_norm():
    module = conditional.ClassNorm(CLASSES)
    x = RNG.normal(2.0, 3.0, size=(BATCH, 2, 2, 5)).astype(np.float32)
    variables = jax.tree.map(np.asarray, module.init(jax.random.key(0), x, LABEL, True, None))
    tables = {name: RNG.normal(size=(CLASSES, 5)).astype(np.float32) for name in ("gain", "bias")}
    variables["params"] = tables
    y, after = module.apply(variables, x, LABEL, True, None, mutable=["batch_stats"])
    mean, std = x.mean(axis=(0, 1, 2)), np.sqrt(x.var(axis=(0, 1, 2)) + 1e-5)
    gain, bias = (tables[name][LABEL][:, None, None] for name in ("gain", "bias"))
    np.testing.assert_allclose(y, (x - mean) / std * gain + bias, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after["batch_stats"]["norm"]["mean"], 0.1 * mean, rtol=1e-5)
