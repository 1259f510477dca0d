"""The Keras tutorial's networks: parameters counted by hand, shapes, dropout by example."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks import keras_dcgan


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
    z, keys = jax.random.normal(jax.random.key(0), (4, 5)), jax.random.split(jax.random.key(1), 4)
    variables = generator.init(jax.random.key(2), z)
    x, _ = jax.jit(lambda v: generator.apply(v, z, train=True, keys=keys, mutable=["batch_stats"]))(variables)
    assert x.shape == (4, 8, 8, 3)
    assert float(jnp.abs(x).max()) <= 1.0
    variables = discriminator.init(jax.random.key(3), x)
    apply = jax.jit(lambda x, keys: discriminator.apply(variables, x, train=True, keys=keys))
    whole = apply(x, keys)
    parts = jnp.concatenate([apply(x[:2], keys[:2]), apply(x[2:], keys[2:])])
    np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-6)
    assert not np.allclose(whole, apply(x, keys[::-1]))


def test_a_side_that_is_no_multiple_of_four_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        keras_dcgan.Generator((30, 30, 1)).init(jax.random.key(0), jnp.zeros((2, 5)))
