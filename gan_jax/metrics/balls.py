"""Which points lie in the nearest-neighbour balls of the other set: one pass for precision, recall, density, coverage.

The ball of a row reaches to its k-th nearest other row of its own set. A closed ball has its sphere (<=), an open one
does not (<); they differ only where distances are exactly equal, above all for balls of radius 0 around duplicates.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
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
    centre = common_centre(real, fake)
    real_radii, fake_radii = kth_neighbour(real, k, centre), kth_neighbour(fake, k, centre)
    around_fake, around_real = np.zeros(len(fake), np.int64), np.zeros(len(real), np.int64)
    filled = np.zeros(len(real), bool)
    with jax.enable_x64(True):
        for i in blocks(len(real)):
            for j in blocks(len(fake)):
                x, y = centred(real[i], centre), centred(fake[j], centre)
                of_fake, of_real, held = _count_hits(x, y, real_radii[i], fake_radii[j], closed=closed)
                around_fake[j] += np.asarray(of_fake)
                around_real[i] += np.asarray(of_real)
                filled[i] |= np.asarray(held)
    return Hits(around_fake, around_real, filled)


@functools.partial(jax.jit, static_argnames="closed")
def _count_hits(
    real: jax.Array, fake: jax.Array, real_radii: jax.Array, fake_radii: jax.Array, *, closed: bool
) -> tuple[jax.Array, jax.Array, jax.Array]:
    distances = squared_distances(real, fake)
    compare = jnp.less_equal if closed else jnp.less
    in_real_ball = compare(distances, real_radii[:, None])
    in_fake_ball = compare(distances, fake_radii[None, :])
    return (
        jnp.sum(in_real_ball, axis=0, dtype=jnp.int64),
        jnp.sum(in_fake_ball, axis=1, dtype=jnp.int64),
        jnp.any(in_real_ball, axis=1),
    )
