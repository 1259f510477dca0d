"""The inception score: whether classes are sure for each example and even over all of them."""

import numpy as np
from scipy.special import entr, log_softmax

from gan_jax.metrics.metric import HIGHER, Metric, Value
from gan_jax.metrics.rows import LARGEST, check_rows


def inception_score(fake_logits: np.ndarray, splits: int = 10) -> dict[str, Value]:
    """The inception score of class logits, with Inception's or any other classifier's: in [1, K] for K classes.

    Formula: exp(mean_i KL(p(y | x_i) || p(y))), p(y) = mean_i p(y | x_i), in each split of the rows in their order.

    It is computed as exp(H(p(y)) - mean_i H(p(y | x_i))) in float64. The released code takes 50,000 samples in 10
    splits. The score grows with a split's rows, so only values of equal numbers compare; split s of n rows is rows
    s n // splits to (s + 1) n // splits, as there.

    References:
      Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen: Improved Techniques for Training GANs, 2016,
      arXiv 1606.03498, section 4, and its released code.
    """
    logits = check_rows(fake_logits, "logits", least=splits, largest=LARGEST)
    bounds = [split * len(logits) // splits for split in range(1, splits)]
    scores = [_score(part) for part in np.split(logits, bounds)]
    return {"inception_score": Value(float(np.mean(scores)), float(np.std(scores)), "splits")}


def _score(logits: np.ndarray) -> float:
    log_p = log_softmax(logits.astype(np.float64), axis=1)
    p = np.exp(log_p)
    return float(np.exp(entr(p.mean(axis=0)).sum() + np.mean(np.sum(p * log_p, axis=1))))


METRIC = Metric(inception_score, {"inception_score": HIGHER})
