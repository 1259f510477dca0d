"""Divergences between a known density and samples, in one or two dimensions, over the cells of a grid."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics.divergences import jensen_shannon, kullback_leibler
from gan_jax.metrics.grid import Support, count, log_mass
from gan_jax.metrics.metric import LOWER, Metric, Value

POINTS = 4  # of the midpoint rule in each cell, along each axis
OUTSIDE = 1e-9  # least probability of the data outside the box


def grid_divergence(fake: np.ndarray, density: Any, cells: int = 50, alpha: float = 1.0) -> dict[str, Value]:
    """KL, reverse KL and Jensen-Shannon divergence of the probabilities of cells, with one more cell for all outside.

    In nats. KL(data || generated) is large where modes are missing, KL(generated || data) where examples lie off the
    data. Cells are coarser than points, so that each value is a lower bound of the densities' divergence but for the
    noise of counting, which adds about cells^D / (2 N) to a KL. Compare values of equal N, cells, alpha and support
    only. Cells wider than the data's details hide them.

    KL(data || generated) is infinite as soon as one cell has no sample. Here, and here alone, the counts are smoothed:
    ``alpha`` is added to each; 0 adds none and gives the limit, infinity. The data's mass outside the box is what the
    quadrature does not find inside, at least 1e-9.

    References:
      Kullback, Leibler, On Information and Sufficiency, 1951. Lin, Divergence Measures Based on the Shannon Entropy,
        1991.
    """
    counts, outside = count(fake, density.support, cells)
    log_p = data_probabilities(density.log_density, density.support, cells)
    every = np.append(counts, outside)
    q = every / every.sum()
    hit = q > 0
    smooth = (every + alpha) / (every + alpha).sum()
    p = np.exp(log_p)
    # By logarithms: far from all modes a density is below the smallest number, and its logarithm is not.
    reverse = max(float(np.sum(q[hit] * (np.log(q[hit]) - log_p[hit]))), 0.0)
    return {
        "grid_kl": Value(kullback_leibler(p, smooth)),
        "grid_reverse_kl": Value(reverse),
        "grid_jensen_shannon": Value(jensen_shannon(p, q)),
    }


def data_probabilities(log_density: Callable[[jax.Array], jax.Array], support: Support, cells: int) -> np.ndarray:
    """Logarithms of the data's probability of each cell and, last, of the outside: float64 [cells^D + 1], normalized.

    Raises:
      MetricError: the mass that the quadrature finds in the box differs from 1 by more than 0.01.
    """
    inside = log_mass(log_density, support, cells, POINTS)
    mass = float(np.exp(inside).sum())
    if not abs(mass - 1) < 0.01:
        raise MetricError(
            f"the density's mass in support={support!r} comes out as {mass:.4g} with cells={cells}; allowed: within "
            "0.01 of 1, by a box that holds it and cells that resolve it"
        )
    every = np.append(inside, np.log(max(1 - mass, OUTSIDE)))
    return np.asarray(every - np.logaddexp.reduce(every))


METRIC = Metric(grid_divergence, {"grid_kl": LOWER, "grid_reverse_kl": LOWER, "grid_jensen_shannon": LOWER})
