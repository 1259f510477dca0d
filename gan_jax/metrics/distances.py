"""Squared Euclidean distances of feature vectors, a block of rows at a time; what the neighbour metrics share.

Distances come from matrix products, |x|^2 + |y|^2 - 2 x.y, which cancels where the norms are large beside the distance.
So rows are first moved by a common centre, and all is float64 whatever the features are: the metrics compare distances,
and float32 would decide close comparisons by rounding. Two rows whose squared distance is below the rounding error of
this formula, d eps (|x|^2 + |y|^2), are taken as equal: duplicates are at distance 0 exactly.
"""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.rows import blocks

CENTRE_BITS = 16


def common_centre(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """About the mean of all rows, [d] float64, as `centre` of the functions below.

    It has 16 significant bits: integers and other short numbers less it are still short, their distances are exact,
    and equal distances compare as equal.
    """
    total = np.zeros(real.shape[1])
    for features in (real, fake):
        for rows in blocks(len(features)):
            total += features[rows].astype(np.float64).sum(axis=0)
    fraction, exponent = np.frexp(total / (len(real) + len(fake)))
    return np.ldexp(np.round(np.ldexp(fraction, CENTRE_BITS)), exponent - CENTRE_BITS)


def centred(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """A block of rows in float64 less the centre, [n, d]."""
    return rows.astype(np.float64) - centre


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|x_i - y_j|^2 of `centred` rows, float64 [n, m]; exactly 0 below the rounding error."""
    with jax.enable_x64(True):
        return np.asarray(_squared_distances(x, y))


@jax.jit
def _squared_distances(x: jax.Array, y: jax.Array) -> jax.Array:
    norms = jnp.sum(jnp.square(x), axis=1)[:, None] + jnp.sum(jnp.square(y), axis=1)[None, :]
    squared = norms - 2.0 * jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    # Each of the three sums of d products is wrong by at most d eps / 2 times the norms that it is made of.
    rounding = x.shape[1] * np.finfo(np.float64).eps * norms
    return jnp.where(squared > rounding, squared, 0.0)


def kth_neighbour(features: np.ndarray, k: int, centre: np.ndarray) -> np.ndarray:
    """Squared distance of each row to its k-th nearest other row: [n] float64.

    The row itself is left out, a duplicate of it is not. Each pair of blocks is multiplied once, for both its sides.
    """
    nearest = np.full((len(features), k), np.inf)

    def take(rows: slice, distances: np.ndarray) -> None:
        found = np.concatenate([nearest[rows], distances], axis=1)
        nearest[rows] = np.partition(found, k - 1, axis=1)[:, :k]

    for first in blocks(len(features)):
        x = centred(features[first], centre)
        own = squared_distances(x, x).copy()
        np.fill_diagonal(own, np.inf)
        take(first, own)
        for second in blocks(len(features) - first.stop):
            other = slice(first.stop + second.start, first.stop + second.stop)
            distances = squared_distances(x, centred(features[other], centre))
            take(first, distances)
            take(other, distances.T)
    return nearest.max(axis=1)


def nearest_across(x: np.ndarray, y: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance of each row to the nearest row of the other set: [n] and [m] float64."""
    of_x, of_y = np.full(len(x), np.inf), np.full(len(y), np.inf)
    for i in blocks(len(x)):
        for j in blocks(len(y)):
            distances = squared_distances(centred(x[i], centre), centred(y[j], centre))
            of_x[i] = np.minimum(of_x[i], distances.min(axis=1))
            of_y[j] = np.minimum(of_y[j], distances.min(axis=0))
    return of_x, of_y
