"""Modes of a known mixture: how many of them generated examples reach, how well, and how evenly."""

from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from gan_jax.errors import ConfigError
from gan_jax.metrics.divergences import jensen_shannon, kullback_leibler
from gan_jax.metrics.metric import HIGHER, LOWER, Metric, Value
from gan_jax.metrics.rows import check_rows

SHARE = 0.01  # of the examples, for a mode to be held


def modes(fake: np.ndarray, density: Any, radius: float = 3.0, loose_radius: float = 10.0) -> dict[str, Value]:
    """Count the modes of equally likely isotropic Gaussians that generated examples reach.

    An example is of *high quality* if it lies nearer than ``radius`` standard deviations to its nearest mean. One of
    these suffices to *capture* a mode, which a broad cloud of examples does by accident; a mode is *held* if more
    than 1% of all examples lie within the loose radius of it, which is 0.1 on a ring of standard deviation 0.01. The
    shares of all examples within either radius are "high_quality" and "near_modes".

    For the divergences of the modes' histogram from the uniform one, in nats, every example, of high quality or not,
    counts for its nearest mode, as in PacGAN. The papers take 2500 examples and a radius of 3.

    References:
      Srivastava et al., VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational Learning, 2017,
        arXiv:1705.07761, section 4.1.
      Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2017, arXiv:1712.04086,
        section 4.1; its released code records the Jensen-Shannon divergence too.
    """
    if density.means is None or density.std is None:
        raise ConfigError(f"modes needs separate modes; {density.name} has none")
    distances = cdist(check_rows(fake, "samples"), density.means)
    mode, distance = distances.argmin(axis=1), distances.min(axis=1)
    num, total = len(density.means), len(fake)
    close, near = (np.bincount(mode[distance < r * density.std], minlength=num) for r in (radius, loose_radius))
    histogram = np.bincount(mode, minlength=num) / total
    uniform = np.full(num, 1 / num)
    return {
        "modes_captured": Value(float(np.sum(close > 0))),
        "modes_held": Value(float(np.sum(near > SHARE * total))),
        "high_quality": Value(float(close.sum() / total)),
        "near_modes": Value(float(near.sum() / total)),
        "mode_reverse_kl": Value(kullback_leibler(histogram, uniform)),
        "mode_jensen_shannon": Value(jensen_shannon(histogram, uniform)),
    }


METRIC = Metric(
    modes,
    {
        "modes_captured": HIGHER,
        "modes_held": HIGHER,
        "high_quality": HIGHER,
        "near_modes": HIGHER,
        "mode_reverse_kl": LOWER,
        "mode_jensen_shannon": LOWER,
    },
)
