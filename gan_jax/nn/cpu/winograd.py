"""Convolution with about half the products, for CPUs alone: programs for GPUs and TPUs never enter.

It is for kernels of two or three strides. With pixels collected into cells of `stride x stride`, a kernel covers 2 or 3
cells along an axis and moves by one. Two neighbouring outputs of two cells each, y0 = d0 g0 + d1 g1 and
y1 = d1 g0 + d2 g1, need three products, not four:

    a = (d0 - d1) g0,  b = d1 (g0 + g1),  c = (d2 - d1) g1;  y0 = a + b,  y1 = b + c.

Two outputs of three cells each need four products, not six. The same along the other axis gives 9 products for 16, and
16 for 36. All factors are 0, 1, -1 and 1/2, so that rounding errors stay within some two or three times a direct sum's.

References:
  Lavin and Gray: Fast algorithms for convolutional neural networks, 2015, arXiv 1509.09308, equations 5 to 8.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import product

import jax
import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]
Matrix = Sequence[Sequence[float]]
Factors = list[list[jax.Array]]

# For 2 and 3 cells under the kernel: what becomes of the cells, of the kernel, and of the products.
CELLS: dict[int, Matrix] = {
    2: ((1, -1, 0), (0, 1, 0), (0, -1, 1)),
    3: ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
}
KERNELS: dict[int, Matrix] = {
    2: ((1, 0), (1, 1), (0, 1)),
    3: ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
}
OUTPUTS: dict[int, Matrix] = {
    2: ((1, 1, 0), (0, 1, 1)),
    3: ((1, 1, 1, 0), (0, 1, -1, -1)),
}

# Measured down to these: with 12 or 16 numbers in a cell the gradients were slower than by patches.
LEAST_DEPTH = 32
LEAST_FEATURES = 16


def suits(kernel: Sequence[int], strides: Pair, size: Pair) -> bool:
    """Whether this form serves a kernel [h, w, C, F] and saves at least a quarter of the products."""
    height, width, channels, features = kernel
    if strides[0] * strides[1] * channels < LEAST_DEPTH or features < LEAST_FEATURES:
        return False
    if not set(_reach(kernel, strides)) <= CELLS.keys():
        return False
    return numbers(kernel, strides, size) <= 0.75 * size[0] * size[1] * height * width * channels


def numbers(kernel: Sequence[int], strides: Pair, size: Pair) -> int:
    """How many numbers the left factors of one image hold; times F that is the number of multiplications."""
    down, across = _reach(kernel, strides)
    cell = strides[0] * strides[1] * kernel[2]
    return (down + 1) * (across + 1) * _half(size[0]) * _half(size[1]) * cell


def factors(kernel: jax.Array, strides: Pair) -> Factors:
    """What becomes of a kernel that ``suits``: 3 or 4 rows of 3 or 4 right factors [F, numbers in a cell]."""
    (down, across), (height, width, channels, features) = strides, kernel.shape
    reach = _reach(kernel.shape, strides)
    spare = (0, reach[0] * down - height), (0, reach[1] * across - width), (0, 0), (0, 0)
    cells = jnp.pad(kernel, spare).reshape(reach[0], down, reach[1], across, channels, features)
    rows = _mix(KERNELS[reach[0]], list(cells))
    columns = [_mix(KERNELS[reach[1]], [row[:, j] for j in range(reach[1])]) for row in rows]
    return [[g.reshape(-1, features).T for g in row] for row in columns]


def convolve(x: jax.Array, right: Factors, *, strides: Pair, padding: tuple[Pair, Pair], size: Pair) -> jax.Array:
    """The convolution of x [B, H, W, C] with the ``factors`` of a kernel, [B, *size, F]; linear in both."""
    reach = len(right) - 1, len(right[0]) - 1
    (down, across), (top, _), (left, _) = strides, *padding
    batch, height, width, channels = x.shape
    tiles = _half(size[0]), _half(size[1])
    rows, columns = 2 * tiles[0] + reach[0] - 1, 2 * tiles[1] + reach[1] - 1
    edges = (0, 0, 0), (top, rows * down - top - height, 0), (left, columns * across - left - width, 0), (0, 0, 0)
    x = lax.pad(x, jnp.zeros((), x.dtype), edges).reshape(batch, rows, down, columns, across * channels)

    outputs = []
    for line, factors_of_line in zip(_mix(CELLS[reach[0]], _every_second(x, 1, reach[0])), right, strict=True):
        lefts = _mix(CELLS[reach[1]], _every_second(line, 3, reach[1]))
        products = [
            lax.dot_general(left.swapaxes(2, 3).reshape(-1, factor.shape[1]), factor, (((1,), (1,)), ((), ())))
            for left, factor in zip(lefts, factors_of_line, strict=True)
        ]
        outputs.append(_mix(OUTPUTS[reach[1]], products))
    pairs = [_mix(OUTPUTS[reach[0]], [row[j] for row in outputs]) for j in range(2)]
    y = jnp.stack([pairs[j][i] for i, j in product(range(2), range(2))], axis=1)
    y = y.reshape(batch, *tiles, 2, 2, -1).swapaxes(2, 3).reshape(batch, 2 * tiles[0], 2 * tiles[1], -1)
    return y[:, : size[0], : size[1]]


def _reach(kernel: Sequence[int], strides: Pair) -> Pair:
    """How many cells a kernel covers along each axis."""
    return -(-kernel[0] // strides[0]), -(-kernel[1] // strides[1])


def _half(n: int) -> int:
    return -(-n // 2)


def _every_second(x: jax.Array, axis: int, reach: int) -> list[jax.Array]:
    """The first, second, ... cell under every second output, along an axis of cells."""
    end = x.shape[axis] - reach
    return [lax.slice_in_dim(x, i, i + end, 2, axis) for i in range(reach + 1)]


def _mix(matrix: Matrix, parts: Sequence[jax.Array]) -> list[jax.Array]:
    """The product of a matrix of few numbers with a column of arrays."""
    return [
        reduce(jnp.add, [p if c == 1 else -p if c == -1 else c * p for c, p in zip(row, parts, strict=True) if c])
        for row in matrix
    ]
