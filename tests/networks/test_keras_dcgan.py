"""The Keras tutorial's networks: parameters counted by hand, shapes, dropout by example."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks import keras_dcgan
from gan_jax.threefry import fast


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_parameter_counts():
    """Kernels 25 x in x out; two values a channel in each norm; the tutorial's 7 x 7 x 256 and 4 x 4 x 512."""
    generator = jax.eval_shape(keras_dcgan.Generator((28, 28, 1)).init, jax.random.key(0), jnp.zeros((2, 100)))
    maps = 25 * (256 * 128 + 128 * 64 + 64 * 32 + 32 * 1) + 1
    assert count(generator["params"]) == 100 * 7 * 7 * 256 + maps + 2 * (256 + 128 + 64 + 32)
    discriminator = jax.eval_shape(
        keras_dcgan.Discriminator((28, 28, 1)).init, jax.random.key(0), jnp.zeros((2, 28, 28, 1))
    )
    maps = 25 * (1 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64 + 128 + 256 + 512
    assert count(discriminator["params"]) == maps + 4 * 4 * 512 + 1


def test_shapes_ranges_and_dropout():
    generator, discriminator = keras_dcgan.Generator((8, 8, 3), depth=8), keras_dcgan.Discriminator((8, 8, 3), depth=2)
    z, keys = np.random.default_rng(0).standard_normal((4, 5), np.float32), jax.random.split(jax.random.key(1), 4)

    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 1})
    def run(key, z, keys, others):
        key, keys, others = fast(key), fast(keys), fast(others)
        x, _ = generator.apply(generator.init(key, z), z, train=True, keys=keys, mutable=["batch_stats"])
        return x, discriminator.apply(discriminator.init(key, x), x, train=True, keys=others)

    x, logits = run(jax.random.key(2), z, keys, keys)
    assert x.shape == (4, 8, 8, 3)
    assert np.abs(x).max() <= 1.0
    same, dropped = run(jax.random.key(2), z, keys, keys[::-1])
    np.testing.assert_array_equal(same, x)
    assert not np.allclose(logits, dropped)


def test_a_side_that_is_no_multiple_of_four_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        keras_dcgan.Generator((30, 30, 1)).init(jax.random.key(0), jnp.zeros((2, 5)))
