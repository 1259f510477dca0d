"""Precision, recall, density and coverage together, from one pass over each pair of sets."""

import numpy as np

from gan_jax.metrics.balls import count_hits
from gan_jax.metrics.metric import HIGHER, Metric, Value


def prdc(real_features: np.ndarray, fake_features: np.ndarray, k: int = 5) -> dict[str, Value]:
    """Precision, recall, density and coverage, all with open balls, as the package `prdc` 0.2 has them.

    Formula: density = 1 / (k m) sum_j sum_i 1[|fake_j - real_i| < NND_k(real_i)],
    coverage = 1 / n sum_i 1[some j: |fake_j - real_i| < NND_k(real_i)],
    with NND_k the distance to the k-th nearest other row of the same set; k is 5 in the paper.

    Precision and recall, the parts of each set that lie in a ball of the other one, differ from `precision_recall` at
    the same k only where a distance equals a radius: sets of constants, with radii 0, have 0 of all four here, and
    precision and recall 1 there if the constants are equal. Of equal distributions density is about 1, and it can be
    above, and coverage about 1 - 2^-k.

    References:
      Naeem, Oh, Uh, Choi, Yoo: Reliable Fidelity and Diversity Metrics for Generative Models, 2020, arXiv 2002.09797,
      equations 1 to 4, and its released code.
    """
    hits = count_hits(real_features, fake_features, k, closed=False)
    return {
        "precision": Value(float(np.mean(hits.around_fake > 0))),
        "recall": Value(float(np.mean(hits.around_real > 0))),
        "density": Value(float(np.mean(hits.around_fake)) / k),
        "coverage": Value(float(np.mean(hits.filled))),
    }


METRIC = Metric(prdc, {"precision": HIGHER, "recall": HIGHER, "density": HIGHER, "coverage": HIGHER})
