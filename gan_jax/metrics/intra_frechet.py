"""The Frechet distance within classes; with Inception features it is the intra-FID."""

import numpy as np

from gan_jax.metrics.classes import by_class, stamp
from gan_jax.metrics.frechet import frechet_distance, moments
from gan_jax.metrics.metric import LOWER, Metric, Value
from gan_jax.metrics.rows import check_pair


def intra_frechet(
    real_features: np.ndarray, real_labels: np.ndarray, fake_features: np.ndarray, fake_labels: np.ndarray
) -> dict[str, Value]:
    """The mean over classes of the Frechet distance between a class's real and its generated features.

    It sees a generator that ignores its label, or shows one picture a class, where `frechet` does not. A class has few
    examples, and the bias of the distance is large: only values of equal numbers a class compare, which the protocol
    states. The spread is the standard deviation over classes. The paper takes 5,000 generated images a class.

    References:
      Miyato, Koyama: cGANs with Projection Discriminator, 2018, arXiv 1802.05637, section 4 (intra FID).
    """
    real, fake = check_pair(real_features, fake_features, least=1)
    pairs = by_class(real, real_labels, fake, fake_labels, least=2)
    distances = [frechet_distance(moments(real), moments(fake)) for real, fake in pairs.values()]
    return {"intra_frechet": Value(float(np.mean(distances)), float(np.std(distances)), "classes", stamp(pairs))}


METRIC = Metric(intra_frechet, {"intra_frechet": LOWER})
