"""Precision and recall for distributions: a curve of how much of each distribution the other one holds."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics.metric import HIGHER, Metric, Value
from gan_jax.metrics.rows import check_pair

ANGLE_MARGIN = 1e-10  # keeps tan away from 0 and infinity, as in the released code


def prd(
    real_features: np.ndarray, fake_features: np.ndarray, key: jax.Array, clusters: int = 20, angles: int = 1001,
    runs: int = 10,
) -> dict[str, Value]:  # fmt: skip
    """The largest F8, which weighs recall, and F1/8, which weighs precision, on the curve of `clustered`, in [0, 1]."""
    precision, recall = clustered(real_features, fake_features, key, clusters, angles, runs)
    return {
        "prd_f8": Value(_best_f(precision, recall, 8.0)),
        "prd_f1_8": Value(_best_f(precision, recall, 1 / 8)),
    }


def clustered(
    real: np.ndarray, fake: np.ndarray, key: jax.Array, clusters: int, angles: int, runs: int
) -> tuple[np.ndarray, np.ndarray]:
    """The PRD curve of features: k-means on both sets together, then `prd_curve` of the two histograms over clusters.

    The curve is the mean over `runs` clusterings. As in the released code k-means is scikit-learn's mini-batch one, the
    best of 10 starts a run. The union of both sets is copied, so memory is twice the features'. Sets should have equal
    sizes, or the larger decides the clusters.

    References:
      Sajjadi, Bachem, Lucic, Bousquet, Gelly: Assessing Generative Models via Precision and Recall, 2018,
      arXiv 1806.00035, section 3 and algorithm 1, and its released code.
    """
    from sklearn.cluster import MiniBatchKMeans  # takes a second: not for who asks which way the values are better

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
        of_real, of_fake = (np.bincount(part, minlength=clusters) for part in np.split(labels, [len(real)]))
        curves.append(prd_curve(of_real, of_fake, angles))
    precision, recall = np.mean(curves, axis=0)
    return precision, recall


def prd_curve(real: np.ndarray, fake: np.ndarray, angles: int = 1001) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall, [angles] float64 each, of two distributions on a finite set, by their counts [K].

    Formula: precision(l) = sum min(l p, q), recall(l) = sum min(p, q / l), with p real, q fake and l the tangents of
    equally spaced angles in (0, pi / 2).

    The reference is that of `clustered`: equation 3 and algorithm 1.
    """
    p, q = real / real.sum(), fake / fake.sum()
    slopes = np.tan(np.linspace(ANGLE_MARGIN, math.pi / 2 - ANGLE_MARGIN, angles))[:, None]
    precision = np.minimum(slopes * p, q).sum(axis=1)
    recall = np.minimum(p, q / slopes).sum(axis=1)
    # Probabilities add up to 1 only up to rounding.
    return np.minimum(precision, 1.0), np.minimum(recall, 1.0)


def _best_f(precision: np.ndarray, recall: np.ndarray, beta: float) -> float:
    """The largest (1 + beta^2) precision recall / (beta^2 precision + recall) of the curve; 0 where both are 0."""
    below = beta**2 * precision + recall
    return float(np.max((1 + beta**2) * precision * recall / np.where(below > 0, below, 1.0)))


METRIC = Metric(prd, {"prd_f8": HIGHER, "prd_f1_8": HIGHER})
