"""What metrics ask of their arguments, and rows in blocks: features of 50,000 images are never copied whole."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import MetricError

ROWS = 1024  # of a block: float64 blocks of 2048 features take 16 MiB, and matrix products of them are efficient
LARGEST = 1e15  # magnitude of a feature: its square, summed over any number of features, still fits float32


def blocks(num: int, rows: int = ROWS) -> Iterator[slice]:
    """Slices of at most `rows` rows that cover `num` rows in order."""
    for start in range(0, num, rows):
        yield slice(start, min(start + rows, num))


def check_features(features: Any, name: str, *, least: int) -> np.ndarray:
    """The features as a NumPy array [n, d] of the dtype they came in, checked.

    Args:
      features: [n, d], n >= `least`, d >= 1, real numbers of magnitude at most 1e15.
      name: what the error line calls them.
      least: rows needed.

    Raises:
      MetricError: not 2-D, not numbers, too few rows, NaN, infinite or too large; the first such row is named.
    """
    array = np.asarray(features)
    if array.ndim != 2 or array.shape[1] == 0:
        raise MetricError(f"{name} must be a 2-D array [rows, columns] with columns, got shape {array.shape}")
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise MetricError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if len(array) < least:
        raise MetricError(f"{name} must have at least {least} rows, got {len(array)}")
    for rows in blocks(len(array)):
        # NaN compares false, so one comparison finds it too.
        good = np.abs(array[rows].astype(np.float64)) <= LARGEST
        if not good.all():
            row, column = np.argwhere(~good)[0]
            value = array[rows][row, column]
            raise MetricError(
                f"{name} must be finite numbers of magnitude at most {LARGEST:g}, "
                f"got {float(value)} in row {rows.start + row}, column {column}"
            )
    return array


def check_pair(real: Any, fake: Any, *, least: int, least_fake: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Both sets through `check_features`, as `real` and `fake`, and of one dimension.

    Args:
      real: [n, d].
      fake: [m, d].
      least: rows needed of each.
      least_fake: rows needed of `fake`, where they are not `least`.

    Raises:
      MetricError: as `check_features`; or the dimensions differ.
    """
    real = check_features(real, "real", least=least)
    fake = check_features(fake, "fake", least=least if least_fake is None else least_fake)
    if real.shape[1] != fake.shape[1]:
        raise MetricError(f"fake must have as many columns as real, {real.shape[1]}, got {fake.shape[1]}")
    return real, fake


def check_count(value: Any, name: str, *, least: int = 1) -> int:
    """The integer itself, at least `least`.

    Raises:
      MetricError: something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise MetricError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def check_key(key: Any) -> jax.Array:
    """The typed key itself.

    Raises:
      MetricError: not one typed key.
    """
    if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()):
        raise MetricError(f"key must be one typed key, as of jax.random.key(0), got {type(key).__name__}")
    return key
