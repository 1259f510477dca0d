"""Density and coverage: how thickly fake rows lie among the real ones, and how many real ones they reach."""

from typing import NamedTuple

import jax
import numpy as np

from gan_jax.metrics.balls import count_hits
from gan_jax.metrics.distances import common_centre, kth_neighbour
from gan_jax.metrics.features import check_count, check_pair


class DensityCoverage(NamedTuple):
    """How fake rows lie among real ones.

    Attributes:
      density: at least 0; about 1 for equal distributions, and it can be above.
      coverage: in [0, 1]; about 1 - 2^-k for equal distributions and many rows.
    """

    density: float
    coverage: float


def density_coverage(real: jax.Array | np.ndarray, fake: jax.Array | np.ndarray, *, k: int = 5) -> DensityCoverage:
    """Density and coverage.

    Formula: density = 1 / (k m) sum_j sum_i 1[|fake_j - real_i| < NND_k(real_i)],
    coverage = 1 / n sum_i 1[some j: |fake_j - real_i| < NND_k(real_i)].

    NND_k is the distance to the k-th nearest other real row. The balls are open, as in the released code: around a row
    with k duplicates the radius is 0 and nothing is inside, so both values of sets of constants are 0.

    Args:
      real: [n, d], n > k, finite.
      fake: [m, d], m >= 1, finite.
      k: at least 1, 5 in the paper.

    Raises:
      MetricError: an argument is not so.

    References:
      Naeem, Oh, Uh, Choi, Yoo: Reliable Fidelity and Diversity Metrics for Generative Models, 2020, arXiv 2002.09797,
      equations 3 and 4.
    """
    k = check_count(k, "k")
    real, fake = check_pair(real, fake, least=k + 1, least_fake=1)
    centre = common_centre(real, fake)
    no_balls = np.zeros(len(fake))  # open and of radius 0: those of the fake rows are not asked about
    hits = count_hits(real, fake, kth_neighbour(real, k, centre), no_balls, centre, closed=False)
    return DensityCoverage(float(np.mean(hits.around_fake)) / k, float(np.mean(hits.filled)))
