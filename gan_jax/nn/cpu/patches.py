"""Convolution as matrix products, for CPUs alone: programs for GPUs and TPUs never enter.

- *gather*: collect the patch of inputs under each output, then multiply (any convolution without input dilation);
  where a kernel covers two or three strides and layers are not small, in the form of `winograd.py` with about half
  the products;
- *scatter*, the transpose of that: multiply each input by the whole kernel, then add the patches of outputs up where
  they overlap (any convolution without strides). No product is spent on the zeros between dilated inputs.

So autodiff of one runs at the speed of the other. Products are of matrices: with more axes XLA would transpose the
patches, the largest array of all, for the kernel's gradient. Patches of large batches are made and dropped in parts.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.nn.cpu import winograd

Pair = tuple[int, int]
Map = Callable[[jax.Array], jax.Array]

# Patches made at a time, in numbers (8 MiB of float32): they stay in the cache, and memory is that of the images alone.
PATCH_NUMBERS = 2**21


def gather(x: jax.Array, kernel: jax.Array, strides: Pair, padding: tuple[Pair, Pair], size: Pair) -> jax.Array:
    """Convolution of images x [B, H, W, C], with `size` rows and columns of outputs."""
    convolve, numbers = _convolution(kernel, strides, padding, size)
    return _in_parts(convolve, x, numbers)


def scatter(x: jax.Array, kernel: jax.Array, dilation: Pair, padding: tuple[Pair, Pair], size: Pair) -> jax.Array:
    """Convolution of stride 1 of x spread by `dilation`: the transpose of a convolution that steps by that."""
    inputs = x.shape[1], x.shape[2]
    turned = [
        (before := k - 1 - pair[0], (n - 1) * d + k - m - before)
        for k, pair, n, d, m in zip(kernel.shape[:2], padding, inputs, dilation, size, strict=True)
    ]
    convolve, numbers = _convolution(kernel[::-1, ::-1].swapaxes(2, 3), dilation, (turned[0], turned[1]), inputs)

    def part(x: jax.Array) -> jax.Array:
        outputs = jax.ShapeDtypeStruct((x.shape[0], *size, kernel.shape[3]), x.dtype)
        (y,) = jax.linear_transpose(convolve, outputs)(x)
        return y

    return _in_parts(part, x, numbers)


def _convolution(kernel: jax.Array, strides: Pair, padding: tuple[Pair, Pair], size: Pair) -> tuple[Map, int]:
    """Convolution with a kernel as a function of the images, and how many numbers its patches of one image hold."""
    height, width, channels, features = kernel.shape
    # Barriers keep XLA from turning the weight gradient into a product whose *large* factor must be transposed.
    if winograd.suits(kernel.shape, strides, size):
        factors = lax.optimization_barrier(winograd.factors(kernel, strides))
        fewer = partial(winograd.convolve, right=factors, strides=strides, padding=padding, size=size)
        return fewer, winograd.numbers(kernel.shape, strides, size)
    weights = lax.optimization_barrier(kernel.reshape(-1, features).T)

    def convolve(x: jax.Array) -> jax.Array:
        patches = _patches(x, (height, width), strides, padding, size)
        y = lax.dot_general(patches, weights, (((1,), (1,)), ((), ())))
        return y.reshape(x.shape[0], *size, features)

    return convolve, size[0] * size[1] * height * width * channels


def _patches(x: jax.Array, kernel: Pair, strides: Pair, padding: tuple[Pair, Pair], size: Pair) -> jax.Array:
    """The patch of x under each output, one a row: [B, H, W, C] to [B * H' * W', h * w * C].

    Pixels are put into cells of `strides`, whose columns lie together in memory; a patch is made of whole cells.
    """
    (height, width), (down, across), channels = kernel, strides, x.shape[3]
    reach = -(-height // down), -(-width // across)
    cells = size[0] + reach[0] - 1, size[1] + reach[1] - 1
    (top, _), (left, _) = padding
    edges = (top, cells[0] * down - top - x.shape[1], 0), (left, cells[1] * across - left - x.shape[2], 0)
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *edges, (0, 0, 0)))
    x = x.reshape(-1, cells[0], down, cells[1], across * channels).swapaxes(2, 3)
    parts = [x[:, :, i : i + size[1], :, : (width - i * across) * channels] for i in range(reach[1])]
    x = jnp.concatenate(parts, axis=4).reshape(-1, cells[0], size[1], down * width * channels)
    parts = [x[:, i : i + size[0], :, : (height - i * down) * width * channels] for i in range(reach[0])]
    return jnp.concatenate(parts, axis=3).reshape(-1, height * width * channels)


def _in_parts(part: Map, x: jax.Array, numbers: int) -> jax.Array:
    """part(x), by a loop over equal parts of the batch whose patches, `numbers` an example, fit the limit."""
    # Derivatives make the patches again instead of keeping them: they are cheap to make, and large.
    part = jax.checkpoint(part, prevent_cse=False)
    batch = x.shape[0]
    if batch * numbers <= PATCH_NUMBERS:
        return part(x)
    most = max(1, PATCH_NUMBERS // numbers)
    examples = max(n for n in range(1, batch + 1) if batch % n == 0 and n <= most)
    y = lax.map(part, x.reshape(batch // examples, examples, *x.shape[1:]))
    return y.reshape(batch, *y.shape[2:])
