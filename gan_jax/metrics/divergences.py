"""Divergences of two histograms, in nats and float64; 0 log 0 is 0."""

import numpy as np
from scipy.special import rel_entr


def kullback_leibler(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) of probabilities [K]: in [0, inf], infinite where q is 0 and p is not.

    References:
      Kullback, Leibler, On Information and Sufficiency, 1951.
    """
    return max(float(rel_entr(p, q).sum()), 0.0)  # the divergence is not negative, its rounding may be


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """JSD(p, q) of probabilities [K]: in [0, log 2].

    References:
      Lin, Divergence Measures Based on the Shannon Entropy, 1991.
    """
    total = p + q
    # Twice x over the total, not x over half of it: half of the smallest number is 0.
    parts = [float(np.sum(x[x > 0] * np.log(2 * x[x > 0] / total[x > 0]))) for x in (p, q)]
    return max(sum(parts) / 2, 0.0)
