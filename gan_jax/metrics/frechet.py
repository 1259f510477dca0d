"""The Frechet distance between Gaussians fitted to two sets of features; with Inception features it is the FID.

The trace of (C1 C2)^1/2 is found without a square root of a matrix. With any factors C1 = A A^T and C2 = B B^T it is
the sum of the singular values of A^T B. The factors are pivoted Cholesky ones, which end at a covariance's rank: so
singular covariances (fewer rows than columns, constant columns) need no offset on the diagonal, and no eigenvalue that
is rounding noise of size eps is turned into one of size eps^1/2.

All is NumPy and LAPACK in float64 rather than compiled by JAX: BLAS forms X^T X with half the work, XLA does not.
"""

import numpy as np
import scipy.linalg

from gan_jax.errors import MetricError
from gan_jax.metrics.metric import LOWER, Metric, Value
from gan_jax.metrics.rows import blocks, check_pair

RANK = 1e-12  # what is left of a column's variance, beside the columns before it, when it is rounding error
INDEFINITE = 1e-9  # what the factors may miss of a correlation
Moments = tuple[np.ndarray, np.ndarray]  # mean [d] and covariance [d, d], float64


def frechet(real_features: np.ndarray, fake_features: np.ndarray) -> dict[str, Value]:
    """The Frechet distance of the Gaussians fitted to the features."""
    real, fake = check_pair(real_features, fake_features, least=2)
    return {"frechet": Value(frechet_distance(moments(real), moments(fake)))}


def moments(features: np.ndarray) -> Moments:
    """Mean, and covariance normalized by n - 1, of features [n, d]: from two passes over blocks of rows."""
    num, dim = features.shape
    total, covariance = np.zeros(dim), np.zeros((dim, dim))
    for rows in blocks(num):
        total += features[rows].astype(np.float64).sum(axis=0)
    mean = total / num
    for rows in blocks(num):
        centred = features[rows].astype(np.float64) - mean
        covariance += centred.T @ centred
    covariance /= num - 1
    return mean, covariance


def frechet_distance(real: Moments, fake: Moments) -> float:
    """The squared 2-Wasserstein distance of two Gaussians, at least 0.

    Formula: |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^1/2)

    It depends on the numbers of rows: with n rows it is biased upwards by about 1 / n times a constant of the
    distributions, so only values from equal numbers compare. 50,000 fake rows against the whole training set are usual.
    The paper's code adds 1e-6 to the diagonals where its matrix square root fails; this one does not fail.

    References:
      Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter: GANs Trained by a Two Time-Scale Update Rule Converge to a
      Local Nash Equilibrium, 2017, arXiv 1706.08500, equation 6.
      Dowson, Landau: The Frechet distance between multivariate normal distributions, 1982.
    """
    (mean1, cov1), (mean2, cov2) = real, fake
    product = _factor(cov1).T @ _factor(cov2)
    root = scipy.linalg.svdvals(product, overwrite_a=True, check_finite=False).sum() if product.size else 0.0
    distance = np.sum(np.square(mean1 - mean2)) + np.trace(cov1) + np.trace(cov2) - 2 * root
    # The exact value is at least 0; of equal moments rounding can leave -1e-16 times the traces.
    return max(float(distance), 0.0)


def _factor(covariance: np.ndarray) -> np.ndarray:
    """A [d, rank] with covariance = A A^T."""
    variances = np.diagonal(covariance)
    # As correlations, so that a column of small scale counts as much for the rank as one of large scale.
    scale = np.sqrt(np.where(variances > 0, variances, 1.0))
    correlation = covariance / np.outer(scale, scale)
    lower, pivots, rank, _ = scipy.linalg.lapack.dpstrf(correlation, tol=RANK, lower=1)
    factor = np.empty((len(scale), rank))
    factor[pivots - 1] = np.tril(lower)[:, :rank]
    missed = np.abs(correlation - factor @ factor.T).max(initial=0.0)
    if missed > INDEFINITE:
        raise MetricError(f"a covariance must be positive semidefinite; its Cholesky factor misses {missed:.3g} of 1")
    return scale[:, None] * factor


METRIC = Metric(frechet, {"frechet": LOWER})
