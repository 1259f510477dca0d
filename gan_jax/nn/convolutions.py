"""Two-dimensional convolution and transposed convolution, NHWC by HWIO, fast on every backend and in every derivative.

Accelerators get XLA's own convolution. XLA's CPU compiler has a fast kernel for some convolutions only: the gradients
of a strided one fall to a naive loop in the body of a `scan` or `fori_loop`, 50 times slower, and so do those of a
transposed one anywhere. CPUs get matrix products, see `cpu.patches`. There is no custom rule: forward mode, reverse
mode and every nesting of the two work.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.nn.cpu import patches

Pair = tuple[int, int]
Padding = str | Sequence[tuple[int, int]]

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

    Arguments and errors are as of `conv`, with strides between the inputs' places in the output and padding around the
    spread x; "SAME" makes H' = H * strides[0], zeros make H' = (H - 1) * strides[0] + 1 + top + bottom - h + 1.

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
            return patches.gather(x.astype(wide), kernel.astype(wide), strides, padding, size).astype(x.dtype)
        return patches.scatter(x.astype(wide), kernel.astype(wide), dilation, padding, size).astype(x.dtype)

    return lax.platform_dependent(x, kernel, cpu=product, default=plain)
