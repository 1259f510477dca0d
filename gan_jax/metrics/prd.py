"""Precision and recall for distributions: a curve of how much of each distribution the other one holds."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.cluster import MiniBatchKMeans

from gan_jax.errors import MetricError
from gan_jax.metrics.features import check_count, check_key, check_pair

ANGLE_MARGIN = 1e-10  # keeps tan away from 0 and infinity, as in the released code


class PRD(NamedTuple):
    """The curve and two numbers of it, all in [0, 1].

    Attributes:
      precision: [angles] float64, rising along the curve.
      recall: [angles] float64, falling.
      f8: largest F8 of the curve's points, which weighs recall.
      f8_inverse: largest F1/8, which weighs precision.
    """

    precision: np.ndarray
    recall: np.ndarray
    f8: float
    f8_inverse: float


def prd(
    real: jax.Array | np.ndarray,
    fake: jax.Array | np.ndarray,
    key: jax.Array,
    *,
    clusters: int = 20,
    angles: int = 1001,
    runs: int = 10,
) -> PRD:
    """The PRD curve of features: k-means on both sets together, then `prd_curve` of the two histograms over clusters.

    The curve is the mean over `runs` clusterings. As in the released code k-means is scikit-learn's mini-batch one, the
    best of 10 starts a run. The union of both sets is copied, so memory is twice the features'. Sets should have equal
    sizes, or the larger decides the clusters.

    Args:
      real: [n, d], finite.
      fake: [m, d], finite, n + m >= `clusters`.
      key: one typed key, which alone decides the clusterings.
      clusters: at least 1.
      angles: points of the curve, at least 3.
      runs: at least 1.

    Raises:
      MetricError: an argument is not so.

    References:
      Sajjadi, Bachem, Lucic, Bousquet, Gelly: Assessing Generative Models via Precision and Recall, 2018,
      arXiv 1806.00035, section 3 and algorithm 1, and its released code.
    """
    clusters, runs = check_count(clusters, "clusters"), check_count(runs, "runs")
    angles = check_count(angles, "angles", least=3)
    key = check_key(key)
    real, fake = check_pair(real, fake, least=1)
    if len(real) + len(fake) < clusters:
        raise MetricError(
            f"clusters must be at most the rows of real and fake, {len(real) + len(fake)}, got {clusters}"
        )
    union = np.concatenate([real, fake])
    union = union if union.dtype in (np.float32, np.float64) else union.astype(np.float64)
    curves = []
    for seed in np.asarray(jax.random.bits(key, (runs,), jnp.uint32)):
        labels = MiniBatchKMeans(clusters, n_init=10, random_state=int(seed)).fit_predict(union)
        histograms = [np.bincount(part, minlength=clusters) for part in np.split(labels, [len(real)])]
        curves.append(prd_curve(*histograms, angles=angles))
    precision, recall = np.mean(curves, axis=0)
    return PRD(precision, recall, _best_f(precision, recall, 8.0), _best_f(precision, recall, 1 / 8))


def prd_curve(real: np.ndarray, fake: np.ndarray, *, angles: int = 1001) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall, [angles] float64 each, of two distributions on the same finite set.

    Formula: precision(l) = sum min(l p, q), recall(l) = sum min(p, q / l), with p real, q fake and l the tangents of
    equally spaced angles in (0, pi / 2).

    Args:
      real: [K], at least 0 with a positive sum: counts or probabilities.
      fake: [K], the same.
      angles: at least 3.

    Raises:
      MetricError: the shapes differ, or a histogram is negative, not finite or all zero.

    References:
      Sajjadi, Bachem, Lucic, Bousquet, Gelly: Assessing Generative Models via Precision and Recall, 2018,
      arXiv 1806.00035, equation 3 and algorithm 1.
    """
    angles = check_count(angles, "angles", least=3)
    p, q = _distribution(real, "real"), _distribution(fake, "fake")
    if p.shape != q.shape:
        raise MetricError(f"fake must be a histogram of the length of real, {len(p)}, got {len(q)}")
    slopes = np.tan(np.linspace(ANGLE_MARGIN, math.pi / 2 - ANGLE_MARGIN, angles))[:, None]
    precision = np.minimum(slopes * p, q).sum(axis=1)
    recall = np.minimum(p, q / slopes).sum(axis=1)
    # Probabilities add up to 1 only up to rounding.
    return np.minimum(precision, 1.0), np.minimum(recall, 1.0)


def _distribution(histogram: np.ndarray, name: str) -> np.ndarray:
    histogram = np.asarray(histogram, np.float64)
    if histogram.ndim != 1 or not (np.isfinite(histogram).all() and (histogram >= 0).all() and histogram.sum() > 0):
        raise MetricError(f"{name} must be a histogram [K] of finite numbers of at least 0, not all 0")
    return histogram / histogram.sum()


def _best_f(precision: np.ndarray, recall: np.ndarray, beta: float) -> float:
    """The largest (1 + beta^2) precision recall / (beta^2 precision + recall) of the curve; 0 where both are 0."""
    below = beta**2 * precision + recall
    return float(np.max((1 + beta**2) * precision * recall / np.where(below > 0, below, 1.0)))
