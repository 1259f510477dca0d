"""Checks of what metrics are given. Each failure is one line: the argument, what it is, what is allowed."""

from typing import Any

import numpy as np

from gan_jax.errors import MetricError


def matrix(name: str, x: Any, *, rows: int = 1, columns: int | None = None) -> np.ndarray:
    """A matrix of examples, as float64.

    Args:
      name: of the argument, for messages.
      x: numbers [N, D].
      rows: fewest rows.
      columns: D; any from 1 if None.

    Returns:
      float64 [N, D].

    Raises:
      MetricError: the shape is another, or a value is not finite.
    """
    x = np.asarray(x)
    wanted = f"[N, {'D' if columns is None else columns}] with N at least {rows}"
    if x.ndim != 2 or len(x) < rows or x.shape[1] < 1 or columns not in (None, x.shape[1]):
        raise MetricError(f"{name} has the shape {list(x.shape)}; allowed: {wanted}")
    return finite(name, x)


def finite(name: str, x: Any) -> np.ndarray:
    """Numbers as float64.

    Raises:
      MetricError: they are no numbers, or one is not finite; names the first row that has one.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "fiu" and x.dtype.name != "bfloat16":
        raise MetricError(f"{name} has the dtype {x.dtype}; allowed: real numbers")
    x = x.astype(np.float64)
    bad = ~np.isfinite(x.reshape(len(x), -1)).all(axis=1)
    if bad.any():
        raise MetricError(
            f"{name} is not finite in {int(bad.sum())} of {len(x)} rows, first in row {int(np.argmax(bad))}; "
            "allowed: finite numbers"
        )
    return x


def whole(name: str, value: Any, least: int) -> int:
    """A whole number.

    Raises:
      MetricError: it is none, or below ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise MetricError(f"{name}={value!r} is not possible; allowed: a whole number of at least {least}")
    return int(value)


def positive(name: str, value: Any) -> float:
    """A number above 0.

    Raises:
      MetricError: it is not finite or not above 0.
    """
    if isinstance(value, (bool, str)) or not (np.isfinite(value) and value > 0):
        raise MetricError(f"{name}={value!r} is not possible; allowed: a number above 0")
    return float(value)
