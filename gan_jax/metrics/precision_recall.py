"""Improved precision and recall: the part of each set inside the nearest-neighbour balls of the other."""

import numpy as np

from gan_jax.metrics.balls import count_hits
from gan_jax.metrics.metric import HIGHER, Metric, Value


def precision_recall(real_features: np.ndarray, fake_features: np.ndarray, k: int = 3) -> dict[str, Value]:
    """Improved precision and recall.

    Formula: precision = mean_j 1[some i: |fake_j - real_i| <= NND_k(real_i)], recall with the sets exchanged.

    NND_k is the distance to the k-th nearest other row of the same set. The balls are closed, as in the paper's
    equation 1; `prdc.prdc` has open ones, which differ only where distances are equal. The paper's number of rows is
    50,000 a set and its k is 3; values at other sizes or k are not comparable.

    References:
      Kynkaanniemi, Karras, Laine, Lehtinen, Aila: Improved Precision and Recall Metric for Assessing Generative Models,
      2019, arXiv 1904.06991, equations 1 and 2.
    """
    hits = count_hits(real_features, fake_features, k, closed=True)
    return {
        "precision": Value(float(np.mean(hits.around_fake > 0))),
        "recall": Value(float(np.mean(hits.around_real > 0))),
    }


METRIC = Metric(precision_recall, {"precision": HIGHER, "recall": HIGHER})
