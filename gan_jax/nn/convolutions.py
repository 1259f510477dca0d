"""Two-dimensional convolution and transposed convolution, NHWC by HWIO, fast on every backend and in every derivative.

Accelerators get XLA's own convolution. XLA's CPU compiler has a fast kernel for some convolutions only: the gradients
of a strided one fall to a naive loop in the body of a `scan` or `fori_loop`, 50 times slower, and so do those of a
transposed one anywhere. On CPUs a convolution is therefore written as matrix products:

- *gather*: collect the patch of inputs under each output, then multiply (any convolution without input dilation);
  where a kernel covers two or three strides and layers are not small, in the form of `winograd.py` with about half
  the products;
- *scatter*, the transpose of that: multiply each input by the whole kernel, then add the patches of outputs up where
  they overlap (any convolution without strides). No product is spent on the zeros between dilated inputs.

So autodiff of one runs at the speed of the other. Products are of matrices: with more axes XLA would transpose the
patches, the largest array of all, for the kernel's gradient. There is no custom rule: forward mode, reverse mode and
every nesting of the two work. Patches of large batches are made and dropped in parts.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.nn import winograd

Pair = tuple[int, int]
Map = Callable[[jax.Array], jax.Array]
Padding = str | Sequence[tuple[int, int]]

# Patches made at a time, in numbers (8 MiB of float32): they stay in the cache, and memory is that of the images alone.
PATCH_NUMBERS = 2**21

PADDINGS = "SAME, VALID or ((top, bottom), (left, right))"


def conv(x: jax.Array, kernel: jax.Array, *, strides: Pair = (1, 1), padding: Padding = "SAME") -> jax.Array:
    """Convolution (cross-correlation, as everywhere in deep learning) of images with a kernel.

    Equal to `jax.lax.conv_general_dilated` with NHWC inputs and an HWIO kernel, up to rounding.

    Args:
      x: [B, H, W, C].
      kernel: [h, w, C, F], of the dtype of x.
      strides: vertical and horizontal step between outputs, at least 1.
      padding: "SAME", "VALID" or ((top, bottom), (left, right)) zeros around x; negative numbers crop.

    Returns:
      [B, H', W', F], H' = floor((H + top + bottom - h) / strides[0]) + 1, in the dtype of x.

    Raises:
      ValueError: if shapes, strides or padding do not fit.
    """
    _check(x, kernel, strides)
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(f"padding: {padding!r} is not allowed; choose {PADDINGS}")
        padding = lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    return _apply(x, kernel, (strides[0], strides[1]), (1, 1), _pairs(padding))


def conv_transpose(x: jax.Array, kernel: jax.Array, *, strides: Pair = (1, 1), padding: Padding = "SAME") -> jax.Array:
    """Transposed ("fractionally strided") convolution of images with a kernel that is not flipped.

    Equal to `jax.lax.conv_transpose`, up to rounding: x, spread with strides - 1 zeros between pixels and padded, is
    convolved with stride 1.

    Args:
      x: [B, H, W, C].
      kernel: [h, w, C, F], of the dtype of x.
      strides: vertical and horizontal step between the inputs' places in the output, at least 1.
      padding: "SAME" (output H * strides[0]), "VALID", or ((top, bottom), (left, right)) zeros around the spread x.

    Returns:
      [B, H', W', F], H' = (H - 1) * strides[0] + 1 + top + bottom - h + 1, in the dtype of x.

    Raises:
      ValueError: if shapes, strides or padding do not fit.

    References:
      Shi et al.: Is the deconvolution layer the same as a convolutional layer?, 2016, arXiv 1609.07009.
    """
    _check(x, kernel, strides)
    if isinstance(padding, str):
        padding = [_transpose_padding(k, s, padding) for k, s in zip(kernel.shape[:2], strides, strict=True)]
    return _apply(x, kernel, (1, 1), (strides[0], strides[1]), _pairs(padding))


def _check(x: jax.Array, kernel: jax.Array, strides: Pair) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(f"x {x.shape}, kernel {kernel.shape}: give [B, H, W, C] and [h, w, C, F] with the same C")
    if x.dtype != kernel.dtype:
        raise ValueError(f"x {x.dtype}, kernel {kernel.dtype}: give one dtype")
    if len(strides) != 2 or min(strides) < 1:
        raise ValueError(f"strides: {strides!r} is not allowed; give two whole numbers of at least 1")


def _pairs(padding: Sequence[tuple[int, int]]) -> tuple[Pair, Pair]:
    try:
        (top, bottom), (left, right) = padding
    except (TypeError, ValueError):
        raise ValueError(f"padding: {padding!r} is not allowed; choose {PADDINGS}") from None
    return (top, bottom), (left, right)


def _transpose_padding(size: int, stride: int, padding: str) -> Pair:
    """Zeros before and after the spread input; SAME makes the output `stride` times as long, VALID complete."""
    if padding == "SAME":
        total = size + stride - 2
        before = size - 1 if stride > size - 1 else -(-total // 2)
    elif padding == "VALID":
        total = size + stride - 2 + max(size - stride, 0)
        before = size - 1
    else:
        raise ValueError(f"padding: {padding!r} is not allowed; choose {PADDINGS}")
    return before, total - before


# As a jitted function it is traced once for layers of one shape, not in every pass; `inline` leaves no call behind.
@partial(jax.jit, static_argnums=(2, 3, 4), inline=True)
def _apply(x: jax.Array, kernel: jax.Array, strides: Pair, dilation: Pair, padding: tuple[Pair, Pair]) -> jax.Array:
    """The convolution of x, spread by `dilation`, in the form that suits the backend and the shapes."""
    spread = [(n - 1) * d + 1 for n, d in zip(x.shape[1:3], dilation, strict=True)]
    rows, columns = [
        (n + sum(pair) - k) // s + 1 for n, pair, k, s in zip(spread, padding, kernel.shape[:2], strides, strict=True)
    ]
    size = rows, columns
    if min(size) < 1:
        raise ValueError(f"x {x.shape}, kernel {kernel.shape}, padding {padding}: the output would be empty")

    def plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x, kernel, strides, padding, lhs_dilation=dilation, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
        # CPUs multiply half precision in float32 anyway; sums of overlapping patches should be rounded only once.
        wide = jnp.float64 if x.dtype == jnp.float64 else jnp.float32
        gathered, scattered = rows * columns * kernel.shape[2], x.shape[1] * x.shape[2] * kernel.shape[3]
        if strides != (1, 1) or (dilation == (1, 1) and gathered <= scattered):
            return _gather(x.astype(wide), kernel.astype(wide), strides, padding, size).astype(x.dtype)
        return _scatter(x.astype(wide), kernel.astype(wide), dilation, padding, size).astype(x.dtype)

    return lax.platform_dependent(x, kernel, cpu=product, default=plain)


def _gather(x: jax.Array, kernel: jax.Array, strides: Pair, padding: tuple[Pair, Pair], size: Pair) -> jax.Array:
    """Convolution of an input that is not spread."""
    convolve, numbers = _convolution(kernel, strides, padding, size)
    return _in_parts(convolve, x, numbers)


def _scatter(x: jax.Array, kernel: jax.Array, dilation: Pair, padding: tuple[Pair, Pair], size: Pair) -> jax.Array:
    """Convolution of stride 1 of a spread input: the transpose of one that steps by `dilation`."""
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
