"""The networks of CycleGAN against their papers: what a logit sees, counts by hand, normalization by NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks import patch, translator
from gan_jax.nn import layers
from gan_jax.threefry import fast

FAST = {"xla_backend_optimization_level": 0}


def count(module, *shape):
    variables = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, *shape)))
    return sum(a.size for a in jax.tree.leaves(variables))


@pytest.mark.parametrize(("strided", "field", "side"), [(1, 16, 12), (2, 34, 5), (3, 70, 1)])
def test_a_logit_sees_the_field_of_the_paper(strided, field, side, monkeypatch):
    monkeypatch.setattr(patch, "instance_norm", lambda x, dtype: x)  # by which each logit would see the whole image
    module = patch.Discriminator((96, 96, 1), channels=1, layers=strided, initializer="he_2015")
    x = np.random.default_rng(0).normal(size=(1, 96, 96, 1)).astype(np.float32)

    def middle(key, x):
        logits = module.init_with_output(fast(key), x)[0]
        return logits[0, logits.shape[1] // 2, logits.shape[2] // 2]

    slope = np.asarray(jax.jit(jax.grad(middle, 1), compiler_options=FAST)(jax.random.key(0), x))[0, :, :, 0]
    assert [np.ptp(axis) + 1 for axis in np.nonzero(slope)] == [field, field]
    small = patch.Discriminator((28, 28, 1), channels=1, layers=strided)
    logits = jax.eval_shape(lambda key: small.init_with_output(key, jnp.zeros((2, 28, 28, 1)))[0], jax.random.key(0))
    assert logits.shape == (2, side, side)


def test_parameter_counts_by_hand():
    """A layer whose map is normalized has a kernel alone."""
    assert count(patch.Discriminator((64, 64, 3)), 64, 64, 3) == 16 * (
        3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512
    ) + 64 + 1  # fmt: skip
    ends, steps = 49 * (1 + 3) * 8, 2 * 9 * (8 * 16 + 16 * 32)
    module = translator.Generator((28, 28, 3), channels=8, blocks=2)
    assert count(module, 28, 28, 1) == ends + steps + 2 * 2 * 9 * 32 * 32 + 3


def test_instance_norm_is_that_of_numpy_for_each_example_alone():
    x = np.random.default_rng(0).normal(3, 2, (3, 5, 4, 2)).astype(np.float32)
    want = (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(layers.instance_norm(x, jnp.float32), want, atol=1e-5)
    half = layers.instance_norm(jnp.asarray(x, jnp.bfloat16), jnp.bfloat16)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.float32(half), want, atol=0.05)


def test_the_translator_moves_with_its_image():
    """Four pixels are one of the smallest map: away from the edges a shifted image becomes a shifted result."""
    module = translator.Generator((128, 128, 1), channels=1, blocks=1, initializer="he_2015")
    rng = np.random.default_rng(0)
    inner = rng.normal(size=(1, 16, 16, 1)).astype(np.float32)
    images = np.concatenate(
        [np.pad(inner, ((0, 0), (a, 112 - a), (b, 112 - b), (0, 0))) for a, b in ((56, 56), (60, 48))]
    )
    both = jax.jit(lambda key: module.init_with_output(fast(key), images)[0], compiler_options=FAST)
    one, other = np.asarray(both(jax.random.key(0)))
    np.testing.assert_allclose(np.roll(one, (4, -8), (0, 1))[48:80, 48:80], other[48:80, 48:80], atol=1e-5)
    assert one[56:72, 56:72].std() > 0.1


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (translator.Generator((30, 28, 1)), (30, 28, 1), r"shape: \(30, 28, 1\) is not allowed; give sides that are"),
        (
            translator.Generator((28, 28, 1)),
            (64,),
            r"inputs of shape \(64,\) given; this network translates images of 28",
        ),
        (
            translator.Generator((28, 28, 1), blocks=-1),
            (28, 28, 1),
            "blocks=-1 is not possible; allowed: a whole number of at least 0",
        ),
        (patch.Discriminator((16, 16, 1)), (16, 16, 1), r"layers: 3 is not allowed with images of \(16, 16, 1\)"),
        (
            patch.Discriminator((16, 16, 1), layers=0),
            (16, 16, 1),
            "layers=0 is not possible; allowed: a whole number of at least 1",
        ),
        (patch.Discriminator((2,)), (2,), r"shape: \(2,\) is not allowed; give \(height, width, channels\)"),
    ],
)
def test_impossible_options_are_refused(module, shape, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((2, *shape)))
