"""The inception score: whether classes are sure for each example and even over all of them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import entr

from gan_jax.metrics.metric import HIGHER, Metric, Value
from gan_jax.metrics.rows import LARGEST, blocks, check_rows


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
    bounds = [split * len(logits) // splits for split in range(splits + 1)]
    scores = [_score(logits[start:stop]) for start, stop in itertools.pairwise(bounds)]
    return {"inception_score": Value(float(np.mean(scores)), float(np.std(scores)), "splits")}


def _score(logits: np.ndarray) -> float:
    probability, entropy = np.zeros(logits.shape[1]), 0.0
    with jax.enable_x64(True):
        for rows in blocks(len(logits)):
            total, entropies = _sums(logits[rows])
            probability, entropy = probability + np.asarray(total), entropy + float(entropies)
        of_mean = float(jnp.sum(entr(probability / len(logits))))
    return float(np.exp(of_mean - entropy / len(logits)))


@jax.jit
def _sums(logits: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sums over rows of p(y | x), [K], and of its entropy, both float64."""
    log_p = jax.nn.log_softmax(logits.astype(jnp.float64), axis=1)
    p = jnp.exp(log_p)
    return jnp.sum(p, axis=0), -jnp.sum(p * log_p)


METRIC = Metric(inception_score, {"inception_score": HIGHER})
