"""Which points lie in the nearest-neighbour balls of the other set: one pass for precision, recall, density, coverage.

The ball of a row reaches to its k-th nearest other row of its own set. A closed ball has its sphere (<=), an open one
does not (<); they differ only where distances are exactly equal, above all for balls of radius 0 around duplicates.
"""

from typing import NamedTuple

import numpy as np

from gan_jax.metrics.distances import centred, common_centre, kth_neighbour, squared_distances
from gan_jax.metrics.rows import blocks, check_pair


class Hits(NamedTuple):
    """What lies in which balls.

    Attributes:
      around_fake: number of balls of real rows that hold each fake row, [m] int64.
      around_real: number of balls of fake rows that hold each real row, [n] int64.
      filled: whether the ball of each real row holds a fake row, [n] bool.
    """

    around_fake: np.ndarray
    around_real: np.ndarray
    filled: np.ndarray


def count_hits(real: np.ndarray, fake: np.ndarray, k: int, *, closed: bool) -> Hits:
    """Compares every distance across the sets, of more than k rows each, with both radii, a block at a time."""
    real, fake = check_pair(real, fake, least=k + 1)
    centre, inside = common_centre(real, fake), np.less_equal if closed else np.less
    real_radii, fake_radii = kth_neighbour(real, k, centre), kth_neighbour(fake, k, centre)
    around_fake, around_real = np.zeros(len(fake), np.int64), np.zeros(len(real), np.int64)
    filled = np.zeros(len(real), bool)
    for i in blocks(len(real)):
        for j in blocks(len(fake)):
            distances = squared_distances(centred(real[i], centre), centred(fake[j], centre))
            in_real = inside(distances, real_radii[i, None])
            around_fake[j] += in_real.sum(axis=0)
            around_real[i] += inside(distances, fake_radii[None, j]).sum(axis=1)
            filled[i] |= in_real.any(axis=1)
    return Hits(around_fake, around_real, filled)
