"""How far a discriminator is from the best one, where the data's density is known and the generator can be sampled."""

from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics import arguments
from gan_jax.metrics.divergences import jensen_shannon
from gan_jax.metrics.grid import Support, count


def distance_to_optimal_discriminator(
    logits: Any, log_p_data: Any, samples: Any, support: Support, cells: int
) -> "DiscriminatorDistance":
    """Compare D = sigmoid(logit) with D* = p_data / (p_data + p_g) on a grid, weighted by (p_data + p_g) / 2.

    Only for losses whose logits are log-odds (``AdversarialLoss.log_odds``). Both densities are taken as constant in a
    cell: p_data is its value at the centre and p_g a histogram of samples, since the generator has no density. With
    few samples the counting noise alone puts a perfect discriminator at a distance of about sqrt(cells^D / (16 N)).

    Args:
      logits: the discriminator's at ``grid.cell_centres(support, cells)``, finite numbers [cells^D].
      log_p_data: the data's log density there, or its log mass in each cell, up to a constant, [cells^D]; -inf where
        it is 0.
      samples: generated, finite numbers [N, D]; those outside the box are left out.
      support: D = 1 or 2 pairs (low, high).
      cells: along each axis, at least 2.

    Returns:
      DiscriminatorDistance.

    Raises:
      MetricError: a shape or number is not allowed, no sample lies in the box, or p_data is 0 in all of it.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, proposition 1.
    """
    cells = arguments.whole("cells", cells, 2)
    counts, outside = count(samples, support, cells)
    logits, log_p = np.asarray(logits, np.float64), np.asarray(log_p_data, np.float64)
    for name, x in (("logits", logits), ("log_p_data", log_p)):
        if x.shape != counts.shape:
            raise MetricError(f"{name} has the shape {list(x.shape)}; allowed: [{len(counts)}], one for each cell")
    arguments.finite("logits", logits)
    if not (log_p < np.inf).all() or not (log_p > -np.inf).any():
        raise MetricError("log_p_data is NaN or +inf somewhere, or -inf everywhere; allowed: finite, or -inf")
    if not counts.any():
        raise MetricError(f"samples: none of {outside} lie in support={support!r}; allowed: at least one")
    p = np.exp(log_p - log_p.max())
    p, q = p / p.sum(), counts / counts.sum()
    either = p + q > 0
    best = np.divide(p, p + q, out=np.full_like(p, 0.5), where=either)
    probability = np.exp(-np.logaddexp(0.0, -logits))
    gap = np.abs(probability - best)
    weight = (p + q) / 2
    cost = np.sum(p * np.logaddexp(0.0, -logits) + q * np.logaddexp(0.0, logits))
    least = np.log(4) - 2 * jensen_shannon(p, q)
    return DiscriminatorDistance(
        distance=float(np.sqrt(np.sum(weight * gap**2))),
        mean_absolute=float(np.sum(weight * gap)),
        excess_cost=float(cost - least),
        outside=outside / (outside + float(counts.sum())),
    )


class DiscriminatorDistance(NamedTuple):
    """A discriminator's distance from the best one.

    Attributes:
      distance: root of the mean of (D - D*)^2, in [0, 1].
      mean_absolute: mean of |D - D*|, in [0, 1].
      excess_cost: its cross-entropy less that of D*, nats, at least 0 but for rounding: twice what the estimate of the
        Jensen-Shannon divergence from its cost falls short of.
      outside: share of the samples outside the box.
    """

    distance: float
    mean_absolute: float
    excess_cost: float
    outside: float
