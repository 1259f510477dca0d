"""Two-dimensional convolution and transposed convolution, NHWC by HWIO, fast on every backend and in every derivative.

Accelerators get XLA's own convolution. XLA's CPU compiler has a fast kernel for some convolutions only: the gradients
of a strided one fall to a naive loop in the body of a `scan` or `fori_loop`, 50 times slower, and so do those of a
transposed one anywhere. On CPUs a convolution is therefore written as one matrix product over patches:

- *gather*: collect the patch of inputs under each output, then multiply (any convolution without input dilation);
- *scatter*: multiply each input by the whole kernel, then add the patches of outputs up where they overlap (any
  convolution without strides). No product is spent on the zeros between dilated inputs.

They are each other's transpose, so autodiff of one runs at the speed of the other. Products are of matrices: with more
axes XLA would transpose the patches, the largest array of all, for the kernel's gradient. There is no custom rule:
forward mode, reverse mode and every nesting of the two work. Patches of large batches are made and dropped in parts.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]
Padding = str | Sequence[tuple[int, int]]

# Patches made at a time, in numbers (4 MiB of float32): they stay in the cache, and memory is that of the images alone.
PATCH_NUMBERS = 2**20

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
        taps = kernel.shape[0] * kernel.shape[1]
        gathered = size[0] * size[1] * taps * x.shape[3]  # numbers in an example's patches, in either form
        scattered = x.shape[1] * x.shape[2] * taps * kernel.shape[3]
        if strides != (1, 1) or (dilation == (1, 1) and gathered <= scattered):
            y = _gather(x.astype(wide), kernel.astype(wide), strides, padding, size, gathered)
        else:
            y = _scatter(x.astype(wide), kernel.astype(wide), dilation, padding, size, scattered)
        return y.astype(x.dtype)

    return lax.platform_dependent(x, kernel, cpu=product, default=plain)


def _gather(
    x: jax.Array, kernel: jax.Array, strides: Pair, padding: tuple[Pair, Pair], size: Pair, numbers: int
) -> jax.Array:
    """Convolution as patches of inputs times the kernel."""
    height, width, _, features = kernel.shape
    # The barrier keeps XLA from turning the weight gradient into a product whose *large* factor must be transposed.
    weights = lax.optimization_barrier(kernel.reshape(-1, features).T)

    def part(x: jax.Array) -> jax.Array:
        x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (*padding[0], 0), (*padding[1], 0), (0, 0, 0)))
        # First the columns of a patch are laid side by side, then its rows: height + width copies, not their product.
        for axis, taps in ((2, width), (1, height)):
            stride, end = strides[axis - 1], (size[axis - 1] - 1) * strides[axis - 1] + 1
            x = jnp.concatenate([lax.slice_in_dim(x, i, i + end, stride, axis) for i in range(taps)], axis=3)
        y = lax.dot_general(x.reshape(-1, x.shape[3]), weights, (((1,), (1,)), ((), ())))
        return y.reshape(*x.shape[:3], features)

    return _in_parts(part, x, numbers)


def _scatter(
    x: jax.Array, kernel: jax.Array, dilation: Pair, padding: tuple[Pair, Pair], size: Pair, numbers: int
) -> jax.Array:
    """Transposed convolution as inputs times the kernel, then a sum of overlapping patches of outputs.

    Each input owns a cell of dilation[0] x dilation[1] outputs. Its patch covers cells below and to the right too: the
    rows of the patch that lie in each cell are shifted there and added, then the columns.
    """
    height, width, channels, features = kernel.shape
    (down, across), (top, left) = dilation, (kernel.shape[0] - 1 - padding[0][0], kernel.shape[1] - 1 - padding[1][0])
    weights = kernel[::-1, ::-1].transpose(2, 0, 1, 3).reshape(channels, -1)

    def part(x: jax.Array) -> jax.Array:
        batch, rows, columns, _ = x.shape
        patches = lax.dot(x.reshape(-1, channels), weights)
        y = _overlap(patches.reshape(batch, rows, columns, height, width * features), 1, 3, down)
        rows = y.shape[1]
        y = _overlap(y.reshape(batch, rows, columns, down, width, features), 2, 4, across)
        columns = y.shape[2]
        y = y.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows * down, columns * across, features)
        crop = (-top, top + size[0] - rows * down, 0), (-left, left + size[1] - columns * across, 0)
        return lax.pad(y, jnp.zeros((), y.dtype), ((0, 0, 0), *crop, (0, 0, 0)))

    return _in_parts(part, x, numbers)


def _overlap(x: jax.Array, cells: int, taps: int, cell: int) -> jax.Array:
    """Cuts axis `taps` into parts as long as a cell, shifts part i by i along axis `cells`, and adds all of them."""
    lengths = [min(cell, x.shape[taps] - start) for start in range(0, x.shape[taps], cell)]
    parts = []
    for i, part in enumerate(lax.split(x, lengths, taps)):
        place = [(0, 0, 0)] * x.ndim
        place[cells] = (i, len(lengths) - 1 - i, 0)
        place[taps] = (0, cell - lengths[i], 0)
        parts.append(lax.pad(part, jnp.zeros((), x.dtype), place))
    return reduce(jnp.add, parts)


def _in_parts(part: Callable[[jax.Array], jax.Array], x: jax.Array, numbers: int) -> jax.Array:
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
