"""Precision, recall, density and coverage together, from one pass over each pair of sets."""

from typing import NamedTuple

import jax
import numpy as np

from gan_jax.metrics.balls import count_hits
from gan_jax.metrics.distances import common_centre, kth_neighbour
from gan_jax.metrics.features import check_count, check_pair


class PRDC(NamedTuple):
    """How two sets lie in each other's nearest-neighbour balls.

    Attributes:
      precision: part of the fake rows that lie in the ball of a real row, in [0, 1].
      recall: part of the real rows that lie in the ball of a fake row, in [0, 1].
      density: number of real rows' balls that hold a fake row, on average, over k; at least 0, can be above 1.
      coverage: part of the real rows whose ball holds a fake row, in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: jax.Array | np.ndarray, fake: jax.Array | np.ndarray, *, k: int = 5) -> PRDC:
    """Precision, recall, density and coverage, all with open balls, as the package `prdc` 0.2 has them.

    Density and coverage are those of `density_coverage`. Precision and recall differ from `precision_recall` at the
    same k only where a distance equals a radius: sets of constants, with radii 0, have 0 of all four here, and
    precision and recall 1 there if the constants are equal.

    Args:
      real: [n, d], n > k, finite.
      fake: [m, d], m > k, finite.
      k: at least 1.

    Raises:
      MetricError: an argument is not so.

    References:
      Naeem, Oh, Uh, Choi, Yoo: Reliable Fidelity and Diversity Metrics for Generative Models, 2020, arXiv 2002.09797,
      equations 1 to 4, and its released code.
    """
    k = check_count(k, "k")
    real, fake = check_pair(real, fake, least=k + 1)
    centre = common_centre(real, fake)
    radii = kth_neighbour(real, k, centre), kth_neighbour(fake, k, centre)
    hits = count_hits(real, fake, *radii, centre, closed=False)
    return PRDC(
        precision=float(np.mean(hits.around_fake > 0)),
        recall=float(np.mean(hits.around_real > 0)),
        density=float(np.mean(hits.around_fake)) / k,
        coverage=float(np.mean(hits.filled)),
    )
