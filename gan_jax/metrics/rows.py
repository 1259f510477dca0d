"""Rows of numbers: their check, and their blocks, so that features of 50,000 images are never copied whole."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gan_jax.errors import MetricError

ROWS = 1024  # of a block: float64 blocks of 2048 features take 16 MiB, and matrix products of them are efficient
FINITE = float(np.finfo(np.float64).max)
LARGEST = 1e15  # magnitude of a feature: its square, summed over any number of features, still fits float32


def blocks(num: int, rows: int = ROWS) -> Iterator[slice]:
    """Slices of at most `rows` rows that cover `num` rows in order."""
    for start in range(0, num, rows):
        yield slice(start, min(start + rows, num))


def check_rows(x: Any, name: str, *, least: int = 1, largest: float = FINITE) -> np.ndarray:
    """Numbers [n, ...] as an array of the dtype they came in.

    Raises:
      MetricError: there are fewer than ``least`` rows, or one is NaN, infinite or of a magnitude above ``largest``.
    """
    array = np.asarray(x)
    if len(array) < least:
        raise MetricError(f"{name} must have at least {least} rows, got {len(array)}")
    for rows in blocks(len(array)):
        # NaN compares false, so one comparison finds it too.
        good = np.abs(array[rows].astype(np.float64)) <= largest
        if not good.all():
            row, *place = np.argwhere(~good)[0]
            value, row = float(array[rows][(row, *place)]), rows.start + row
            allowed = "" if largest == FINITE else f" of magnitude at most {largest:g}"
            raise MetricError(f"{name} must be finite numbers{allowed}, got {value} in row {row}")
    return array


def check_pair(real: Any, fake: Any, *, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of both sets through `check_rows`, as `real` and `fake`."""
    real = check_rows(real, "real", least=least, largest=LARGEST)
    return real, check_rows(fake, "fake", least=least, largest=LARGEST)
