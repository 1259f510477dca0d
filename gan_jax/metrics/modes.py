"""Modes of a known mixture: how many of them generated examples reach, how well, and how evenly."""

from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics import arguments
from gan_jax.metrics.divergences import jensen_shannon, kullback_leibler

CHUNK = 2**22  # coordinates at a time
SHARE = 0.01  # of the examples, for a mode to be held


def modes(samples: Any, means: Any, std: float, radius: float = 3.0, loose_radius: float = 10.0) -> "Modes":
    """Count the modes of equally likely isotropic Gaussians that generated examples reach.

    An example is of *high quality* if it lies nearer than ``radius`` standard deviations to its nearest mean. One of
    these suffices to *capture* a mode, which a broad cloud of examples does by accident; a mode is *held* if more
    than 1% of all examples lie within the loose radius of it.

    For the divergences every example, of high quality or not, counts for its nearest mode, as in PacGAN.

    Args:
      samples: finite numbers [N, D]. The papers take 2500.
      means: the modes [K, D].
      std: their standard deviation, above 0.
      radius: in standard deviations, above 0; 3 in VEEGAN and PacGAN.
      loose_radius: the same, at least ``radius``; 10 is 0.1 on a ring of standard deviation 0.01.

    Returns:
      Modes.

    Raises:
      MetricError: a shape, number or option is not allowed.

    References:
      Srivastava et al., VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning, 2017,
        arXiv:1705.07761, section 4.1.
      Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2017, arXiv:1712.04086,
        section 4.1; its released code records the Jensen-Shannon divergence too.
    """
    means = arguments.matrix("means", means)
    samples = arguments.matrix("samples", samples, columns=means.shape[1])
    std, radius = arguments.positive("std", std), arguments.positive("radius", radius)
    if arguments.positive("loose_radius", loose_radius) < radius:
        raise MetricError(f"loose_radius={loose_radius!r} is below radius={radius!r}; allowed: at least that")
    mode, distance = nearest_mode(samples, means)
    num, total = len(means), len(samples)
    close, near = (np.bincount(mode[distance < r * std], minlength=num) for r in (radius, loose_radius))
    histogram = np.bincount(mode, minlength=num) / total
    uniform = np.full(num, 1 / num)
    return Modes(
        captured=int(np.sum(close > 0)),
        held=int(np.sum(near > SHARE * total)),
        high_quality=float(close.sum() / total),
        near=float(near.sum() / total),
        reverse_kl=kullback_leibler(histogram, uniform),
        jensen_shannon=jensen_shannon(histogram, uniform),
        histogram=tuple(float(share) for share in histogram),
    )


def nearest_mode(samples: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest mean, the first of equally near ones, and the distance to it: int64 [N], float64 [N]."""
    rows = max(1, CHUNK // means.size)
    index, distance = [], []
    for start in range(0, len(samples), rows):
        squared = np.sum(np.square(samples[start : start + rows, None, :] - means[None]), axis=-1)
        index.append(np.argmin(squared, axis=1))
        distance.append(np.sqrt(np.min(squared, axis=1)))
    return np.concatenate(index), np.concatenate(distance)


class Modes(NamedTuple):
    """How generated examples lie on K known modes.

    Attributes:
      captured: modes with at least one example of high quality, 0 to K.
      held: modes with more than 1% of all examples within the loose radius, 0 to K.
      high_quality: share of examples within the radius of their nearest mean.
      near: share within the loose radius.
      reverse_kl: KL(shares of the modes || uniform), nats, 0 to log K.
      jensen_shannon: JSD of the same, nats.
      histogram: each mode's share of all examples, by the nearest mean; sums to 1.
    """

    captured: int
    held: int
    high_quality: float
    near: float
    reverse_kl: float
    jensen_shannon: float
    histogram: tuple[float, ...]
