"""Sliced Wasserstein distance: the average over directions of what is simple in one dimension."""

import jax
import numpy as np

from gan_jax.metrics.metric import LOWER, Metric, Value
from gan_jax.metrics.rows import check_rows

CHUNK = 2**22  # projected values at a time


def sliced_wasserstein(
    real_features: np.ndarray, fake_features: np.ndarray, key: jax.Array, projections: int = 1000, p: int = 2
) -> dict[str, Value]:
    """SW_p = (E W_p^p)^(1/p): the p-Wasserstein distance of projections, over uniformly random directions; p is 1 or 2.

    In one dimension the distance is that of the quantile functions, (integral |F^-1(u) - G^-1(u)|^p du)^(1/p). Both are
    steps, so that it is a finite sum, exact for unequal numbers of examples too. All in float64. The standard error is
    over directions; how much the value would vary with other examples is not in it.

    References:
      Rabin, Peyre, Delon, Bernot, Wasserstein Barycenter and Its Application to Texture Mixing, 2011, equation 5.
      Bonneel, Rabin, Peyre, Pfister, Sliced and Radon Wasserstein Barycenters of Measures, 2015, section 2.
      Kolouri, Pope, Martin, Rohde, Sliced-Wasserstein Autoencoder, 2018, arXiv:1804.01947, equation 7.
    """
    real = check_rows(real_features, "real").astype(np.float64)
    fake = check_rows(fake_features, "fake").astype(np.float64)
    directions = np.asarray(jax.random.normal(key, (projections, real.shape[1])), np.float64)
    powers = _distances(real, fake, directions / np.linalg.norm(directions, axis=1, keepdims=True), p)
    mean, error = float(powers.mean()), float(powers.std(ddof=1) / np.sqrt(projections))
    value = mean ** (1 / p)
    # The error of a root, to first order; where the mean is 0 all the projections' distances are.
    error = error / (p * value ** (p - 1)) if mean > 0 else 0.0
    return {"sliced_wasserstein": Value(value, error, "projections (standard error)")}


def quantile_steps(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pieces on which the quantile functions of n and of m sorted values are both constant.

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


METRIC = Metric(sliced_wasserstein, {"sliced_wasserstein": LOWER})
