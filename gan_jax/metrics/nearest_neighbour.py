"""The 1-nearest-neighbour two-sample test: whether a row's nearest neighbour tells its set."""

import numpy as np

from gan_jax.metrics.distances import common_centre, kth_neighbour, nearest_across
from gan_jax.metrics.metric import NEITHER, Metric, Value
from gan_jax.metrics.rows import check_pair


def nearest_neighbour(real_features: np.ndarray, fake_features: np.ndarray) -> dict[str, Value]:
    """Leave-one-out accuracy of the 1-nearest-neighbour classifier that tells real from fake rows; of each set, too.

    For sets of equal size from one distribution it is about 0.5, for disjoint ones 1. Both far from 0.5 in opposite
    directions, say real 0.1 and fake 0.9, is mode collapse. Below 0.5 the fake rows are too near the real ones: copies
    of the real set have accuracy 0. With sets of unequal size chance is not 0.5 and the larger set does better.

    A tie between the nearest neighbour in the own and in the other set counts as half right, what a coin would give.

    References:
      Lopez-Paz, Oquab: Revisiting Classifier Two-Sample Tests, 2016, arXiv 1610.06545, section 3.
      Xu, Huang, Yuan, Guo, Sun, Wu, Weinberger: An empirical study on evaluation metrics of generative adversarial
      networks, 2018, arXiv 1806.07755, section 2 (leave-one-out, real and fake apart).
    """
    real, fake = check_pair(real_features, fake_features, least=2)
    centre = common_centre(real, fake)
    across_real, across_fake = nearest_across(real, fake, centre)
    right_real = _right(kth_neighbour(real, 1, centre), across_real)
    right_fake = _right(kth_neighbour(fake, 1, centre), across_fake)
    return {
        "nearest_neighbour": Value(float(np.concatenate([right_real, right_fake]).mean())),
        "nearest_neighbour_real": Value(float(right_real.mean())),
        "nearest_neighbour_fake": Value(float(right_fake.mean())),
    }


def _right(own: np.ndarray, across: np.ndarray) -> np.ndarray:
    """1 where the nearest neighbour is in the own set, 0 where it is not, 1/2 for a tie."""
    return np.where(own == across, 0.5, (own < across).astype(np.float64))


METRIC = Metric(
    nearest_neighbour,
    {"nearest_neighbour": NEITHER, "nearest_neighbour_real": NEITHER, "nearest_neighbour_fake": NEITHER},
)
