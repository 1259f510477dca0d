"""Resizing against plain loops."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.extractors.resizing import bilinear, bilinear_tf1, to_rgb


def tf1_loop(image, height, width):
    """TensorFlow 1's kernel, one output at a time, in float32."""
    result = np.zeros((height, width, image.shape[2]), np.float32)
    scale_y = np.float32(image.shape[0]) / np.float32(height)
    scale_x = np.float32(image.shape[1]) / np.float32(width)
    for i in range(height):
        for j in range(width):
            y, x = np.float32(i) * scale_y, np.float32(j) * scale_x
            top, left = math.floor(y), math.floor(x)
            bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
            down, across = y - np.float32(top), x - np.float32(left)
            above = image[top, left] + (image[top, right] - image[top, left]) * across
            below = image[bottom, left] + (image[bottom, right] - image[bottom, left]) * across
            result[i, j] = above + (below - above) * down
    return result


@pytest.mark.parametrize("shape", [(8, 6), (28, 28), (1, 3), (50, 41), (29, 29), (30, 29)])
def test_tensorflow_1_against_a_loop(shape):
    images = np.random.default_rng(0).uniform(0.0, 255.0, (2, *shape, 2)).astype(np.float32)
    expected = np.stack([tf1_loop(image, 29, 31) for image in images])
    for resize in (bilinear_tf1, jax.jit(bilinear_tf1, static_argnums=(1, 2))):
        np.testing.assert_allclose(resize(jnp.asarray(images), 29, 31), expected, rtol=1e-6, atol=1e-4)


def test_tensorflow_1_is_not_centred():
    """A doubled row begins with its first pixel and repeats its last: by hand."""
    row = jnp.array([0.0, 1.0, 3.0]).reshape(1, 1, 3, 1)
    np.testing.assert_array_equal(bilinear_tf1(row, 1, 6).ravel(), [0.0, 0.5, 1.0, 2.0, 3.0, 3.0])
    np.testing.assert_allclose(bilinear(row, 1, 6).ravel(), [0.0, 0.25, 0.75, 1.5, 2.5, 3.0], atol=1e-6)


@pytest.mark.parametrize("resize", [bilinear_tf1, bilinear])
def test_the_same_size_and_constants_stay(resize):
    images = jax.random.uniform(jax.random.key(0), (2, 9, 7, 3))
    np.testing.assert_allclose(resize(images, 9, 7), images, atol=1e-6)
    np.testing.assert_allclose(resize(jnp.full((1, 5, 4, 1), 0.25), 9, 3), 0.25, atol=1e-6)


def test_antialiasing_averages_what_shrinks():
    """One bright pixel in 16 x 16 keeps its share of the mean in 4 x 4."""
    images = jnp.zeros((1, 16, 16, 1)).at[0, 6, 6, 0].set(16.0)
    assert float(jnp.mean(bilinear(images, 4, 4))) == pytest.approx(float(jnp.mean(images)), rel=1e-5)


def test_gray_is_repeated():
    gray = jax.random.uniform(jax.random.key(0), (2, 3, 3, 1))
    np.testing.assert_array_equal(to_rgb(gray), np.broadcast_to(gray, (2, 3, 3, 3)))
    colour = jax.random.uniform(jax.random.key(0), (2, 3, 3, 3))
    np.testing.assert_array_equal(to_rgb(colour), colour)
