"""Coverage within classes, beside what real examples cover of one another."""

import jax
import numpy as np

from gan_jax.metrics.balls import count_hits
from gan_jax.metrics.classes import by_class, stamp
from gan_jax.metrics.metric import HIGHER, NEITHER, Metric, Value


def class_coverage(
    real_features: np.ndarray, real_labels: np.ndarray, fake_features: np.ndarray, fake_labels: np.ndarray,
    key: jax.Array, k: int = 5,
) -> dict[str, Value]:  # fmt: skip
    """The mean over classes of the coverage of a class's real rows by its generated ones, as `prdc` defines it.

    How much n rows cover depends on n and on the class. So each class's real rows are split at random into halves, and
    one half is covered by the other ("class_coverage_real") and by as many generated rows; "class_coverage_ratio" is
    the mean of the latter over the mean of the former, 1 for a generator as diverse as the data. The spread is the
    standard deviation over classes.

    References:
      Naeem, Oh, Uh, Choi, Yoo: Reliable Fidelity and Diversity Metrics for Generative Models, 2020, arXiv 2002.09797,
      equation 4.
    """
    pairs = by_class(real_features, real_labels, fake_features, fake_labels, least=2 * (k + 1))
    whole, by_real, by_fake = [], [], []
    for c, (real, fake) in pairs.items():
        whole.append(_covered(real, fake, k))
        order = np.asarray(jax.random.permutation(jax.random.fold_in(key, c), len(real)))
        half, other = np.array_split(real[order], 2)
        num = min(len(other), len(fake))
        by_real.append(_covered(half, other[:num], k))
        by_fake.append(_covered(half, fake[:num], k))
    among = stamp(pairs)
    return {
        "class_coverage": Value(float(np.mean(whole)), float(np.std(whole)), "classes", among),
        "class_coverage_real": Value(float(np.mean(by_real)), float(np.std(by_real)), "classes", among),
        "class_coverage_ratio": Value(float(np.mean(by_fake) / np.mean(by_real)), stamp=among),
    }


def _covered(real: np.ndarray, fake: np.ndarray, k: int) -> float:
    return float(np.mean(count_hits(real, fake, k, closed=False).filled))


METRIC = Metric(
    class_coverage, {"class_coverage": HIGHER, "class_coverage_real": NEITHER, "class_coverage_ratio": HIGHER}
)
