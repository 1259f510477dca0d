"""What happens to an image before a network that takes one size and three channels."""

import jax
import jax.numpy as jnp
import numpy as np


def to_rgb(images: jax.Array) -> jax.Array:
    """Images [B, H, W, 3] as they are; gray ones [B, H, W, 1] with their channel three times."""
    return images if images.shape[3] == 3 else jnp.repeat(images, 3, axis=3)


def bilinear_tf1(images: jax.Array, height: int, width: int) -> jax.Array:
    """Bilinear resize as TensorFlow 1 does it: `align_corners=False` without half-pixel centres, no antialiasing.

    Formula: output i lies at i * in / out of the input, between its floor and the next one, at most the last

    The first output pixel thus equals the first input pixel, and the image is shifted by up to half a pixel. The
    network of the FID was always fed this way, so other resizing gives other numbers.

    References:
      Parmar, Zhang, Zhu: On Aliased Resizing and Surprising Subtleties in GAN Evaluation, 2021, arXiv 2104.11222.
      TensorFlow 1: `resize_bilinear_op.cc` and `image_resizer_state.h`.
    """
    for axis, size in ((2, width), (1, height)):
        low, high, weight = _places(images.shape[axis], size)
        weight = weight.reshape([-1 if a == axis else 1 for a in range(4)])
        below, above = jnp.take(images, low, axis=axis), jnp.take(images, high, axis=axis)
        images = below + (above - below) * weight
    return images


def _places(size: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input indices below and above each output, and the weight of the one above; all in float32 as TensorFlow does."""
    place = np.arange(wanted, dtype=np.float32) * np.float32(np.float32(size) / np.float32(wanted))
    low = np.floor(place).astype(np.int32)
    return low, np.minimum(low + 1, size - 1), place - low.astype(np.float32)


def bilinear(images: jax.Array, height: int, width: int) -> jax.Array:
    """Bilinear resize of images float32 [B, H, W, C] with half-pixel centres, antialiased when it shrinks."""
    return jax.image.resize(images, (images.shape[0], height, width, images.shape[3]), "linear", antialias=True)
