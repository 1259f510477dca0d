"""Sliced Wasserstein distance: the average over directions of what is simple in one dimension."""

from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics import arguments

CHUNK = 2**22  # projected values at a time


def sliced_wasserstein(real: Any, fake: Any, key: jax.Array, projections: int = 1000, p: int = 2) -> "Sliced":
    """SW_p = (E W_p^p)^(1/p): the p-Wasserstein distance of projections, over uniformly random directions.

    In one dimension the distance is that of the quantile functions, (integral |F^-1(u) - G^-1(u)|^p du)^(1/p). Both are
    steps, so that it is a finite sum, exact for unequal numbers of examples too. All in float64.

    Args:
      real: finite numbers [N, D].
      fake: finite numbers [M, D].
      key: typed key, of the directions.
      projections: number of directions, at least 2.
      p: 1 or 2.

    Returns:
      Sliced.

    Raises:
      MetricError: a shape, number or option is not allowed.

    References:
      Rabin, Peyre, Delon, Bernot, Wasserstein Barycenter and Its Application to Texture Mixing, 2011, equation 5.
      Bonneel, Rabin, Peyre, Pfister, Sliced and Radon Wasserstein Barycenters of Measures, 2015, section 2.
      Kolouri, Pope, Martin, Rohde, Sliced-Wasserstein Autoencoder, 2018, arXiv:1804.01947, equation 7.
    """
    real = arguments.matrix("real", real)
    fake = arguments.matrix("fake", fake, columns=real.shape[1])
    projections = arguments.whole("projections", projections, 2)
    if p not in (1, 2):
        raise MetricError(f"p={p!r} is not possible; allowed: 1, 2")
    directions = np.asarray(jax.random.normal(key, (projections, real.shape[1])), np.float64)
    powers = _distances(real, fake, directions / np.linalg.norm(directions, axis=1, keepdims=True), p)
    mean, error = float(powers.mean()), float(powers.std(ddof=1) / np.sqrt(projections))
    value = mean ** (1 / p)
    # The error of a root, to first order; where the mean is 0 all the projections' distances are.
    return Sliced(value, error / (p * value ** (p - 1)) if mean > 0 else 0.0)


def quantile_steps(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pieces on which the quantile functions of n and of m sorted values are both constant.

    Returns:
      For each piece the index into the n, the index into the m, and its length, int64, int64 and float64 [at most
      n + m - 1]; the lengths sum to 1.
    """
    # In units of 1 / (n m), where all the ends are whole numbers.
    ends = np.union1d(np.arange(1, n + 1, dtype=np.int64) * m, np.arange(1, m + 1, dtype=np.int64) * n)
    begins = np.concatenate([[0], ends[:-1]])
    return begins // m, begins // n, (ends - begins) / (n * m)


def _distances(real: np.ndarray, fake: np.ndarray, directions: np.ndarray, p: int) -> np.ndarray:
    """W_p^p of the projections on each direction [P, D], float64 [P]."""
    left, right, weight = quantile_steps(len(real), len(fake))
    rows = max(1, CHUNK // (len(real) + len(fake)))
    powers = []
    for start in range(0, len(directions), rows):
        part = directions[start : start + rows]
        # NumPy sorts as fast as a compiled program, which would be compiled for each pair of sizes.
        a, b = (np.sort(part @ x.T, axis=1) for x in (real, fake))
        powers.append((np.abs(a[:, left] - b[:, right]) ** p) @ weight)
    return np.concatenate(powers)


class Sliced(NamedTuple):
    """A sliced Wasserstein distance.

    Attributes:
      value: SW_p, at least 0, in the units of the examples.
      standard_error: of the value, over directions; how much it would vary with other examples is not in it.
    """

    value: float
    standard_error: float
