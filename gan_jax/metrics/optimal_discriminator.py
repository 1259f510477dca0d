"""How far a discriminator is from the best one, where the data's density is known and the generator can be sampled."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics.divergences import jensen_shannon
from gan_jax.metrics.grid import cell_centres, count, log_mass
from gan_jax.metrics.grid_divergence import POINTS
from gan_jax.metrics.metric import LOWER, Metric, Value
from gan_jax.metrics.rows import check_rows


def discriminator_distance(
    fake: np.ndarray, density: Any, discriminator: Callable[[np.ndarray], np.ndarray], cells: int = 50
) -> dict[str, Value]:
    """Compare D = sigmoid(logit) with D* = p_data / (p_data + p_g) on a grid, weighted by (p_data + p_g) / 2.

    The distance is the root of the mean of (D - D*)^2, in [0, 1]; the excess cost, D's cross-entropy less that of D*
    in nats, at least 0 but for rounding, is twice what the estimate of the Jensen-Shannon divergence falls short of.

    Only for losses whose logits are log-odds (``AdversarialLoss.log_odds``). Both densities are taken as constant in a
    cell: p_g is a histogram of the samples in the box, since the generator has no density. With few samples the
    counting noise alone puts a perfect discriminator at a distance of about sqrt(cells^D / (16 N)).

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, proposition 1.
    """
    support = density.support
    counts, outside = count(fake, support, cells)
    if not counts.any():
        raise MetricError(f"samples: none of {outside} lie in support={support!r}; allowed: at least one")
    # The mass of a cell, since a mode may be narrower than the cell and miss its centre.
    log_p = log_mass(density.log_density, support, cells, POINTS)
    logits = check_rows(discriminator(cell_centres(support, cells)), "logits").astype(np.float64)
    p = np.exp(log_p - log_p.max())
    p, q = p / p.sum(), counts / counts.sum()
    best = np.divide(p, p + q, out=np.full_like(p, 0.5), where=p + q > 0)
    gap = np.abs(np.exp(-np.logaddexp(0.0, -logits)) - best)
    cost = np.sum(p * np.logaddexp(0.0, -logits) + q * np.logaddexp(0.0, logits))
    least = np.log(4) - 2 * jensen_shannon(p, q)
    return {
        "discriminator_distance": Value(float(np.sqrt(np.sum((p + q) / 2 * gap**2)))),
        "discriminator_excess_cost": Value(float(cost - least)),
    }


METRIC = Metric(discriminator_distance, {"discriminator_distance": LOWER, "discriminator_excess_cost": LOWER})
