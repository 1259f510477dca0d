"""Improved precision and recall: the part of each set inside the nearest-neighbour balls of the other."""

from typing import NamedTuple

import jax
import numpy as np

from gan_jax.metrics.balls import count_hits
from gan_jax.metrics.distances import common_centre, kth_neighbour
from gan_jax.metrics.features import check_count, check_pair


class PrecisionRecall(NamedTuple):
    """Both in [0, 1], 1 being best.

    Attributes:
      precision: part of the fake rows that lie in the ball of a real row.
      recall: part of the real rows that lie in the ball of a fake row.
    """

    precision: float
    recall: float


def precision_recall(real: jax.Array | np.ndarray, fake: jax.Array | np.ndarray, *, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall.

    Formula: precision = mean_j 1[some i: |fake_j - real_i| <= NND_k(real_i)], recall with the sets exchanged.

    NND_k is the distance to the k-th nearest other row of the same set. The balls are closed, as in the paper's
    equation 1; `prdc.prdc` has open ones, which differ only where distances are equal. The paper's number of rows is
    50,000 a set and its k is 3; values at other sizes or k are not comparable.

    Args:
      real: [n, d], n > k, finite.
      fake: [m, d], m > k, finite.
      k: at least 1.

    Raises:
      MetricError: an argument is not so.

    References:
      Kynkaanniemi, Karras, Laine, Lehtinen, Aila: Improved Precision and Recall Metric for Assessing Generative Models,
      2019, arXiv 1904.06991, equations 1 and 2.
    """
    k = check_count(k, "k")
    real, fake = check_pair(real, fake, least=k + 1)
    centre = common_centre(real, fake)
    radii = kth_neighbour(real, k, centre), kth_neighbour(fake, k, centre)
    hits = count_hits(real, fake, *radii, centre, closed=True)
    return PrecisionRecall(float(np.mean(hits.around_fake > 0)), float(np.mean(hits.around_real > 0)))
