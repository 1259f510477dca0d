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


def squared_distances(x: jax.Array, y: jax.Array) -> jax.Array:
    """|x_i - y_j|^2 of `centred` rows, under `jax.enable_x64(True)` only; exactly 0 below the rounding error."""
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
    with jax.enable_x64(True):
        for first in blocks(len(features)):
            x = centred(features[first], centre)
            nearest[first] = _own_block(nearest[first], x)
            for second in blocks(len(features) - first.stop):
                other = slice(first.stop + second.start, first.stop + second.stop)
                y = centred(features[other], centre)
                nearest[first], nearest[other] = _two_blocks(nearest[first], nearest[other], x, y)
    return nearest[:, -1]


def nearest_across(x: np.ndarray, y: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance of each row to the nearest row of the other set: [n] and [m] float64."""
    of_x, of_y = np.full(len(x), np.inf), np.full(len(y), np.inf)
    with jax.enable_x64(True):
        for i in blocks(len(x)):
            for j in blocks(len(y)):
                rows, columns = _nearest_across(centred(x[i], centre), centred(y[j], centre))
                of_x[i], of_y[j] = np.minimum(of_x[i], rows), np.minimum(of_y[j], columns)
    return of_x, of_y


@jax.jit
def _own_block(nearest: jax.Array, x: jax.Array) -> jax.Array:
    distances = squared_distances(x, x)
    return _smallest(nearest, jnp.where(jnp.eye(len(x), dtype=bool), jnp.inf, distances))


@jax.jit
def _two_blocks(nearest_x: jax.Array, nearest_y: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    distances = squared_distances(x, y)
    return _smallest(nearest_x, distances), _smallest(nearest_y, distances.T)


@jax.jit
def _nearest_across(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    distances = squared_distances(x, y)
    return jnp.min(distances, axis=1), jnp.min(distances, axis=0)


def _smallest(nearest: jax.Array, distances: jax.Array) -> jax.Array:
    """The k smallest of each row of [n, k] and [n, m] together, ascending, equal ones repeated: [n, k].

    k passes that take the least value out; `lax.top_k` sorts, and in float64 on a CPU takes 30 times as long.
    """
    k = nearest.shape[1]

    def take(rows: jax.Array, _: None) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        least = jnp.min(rows, axis=1)
        here = rows == least[:, None]
        return jnp.where(here, jnp.inf, rows), (least, jnp.sum(here, axis=1, dtype=jnp.int32))

    _, (values, counts) = jax.lax.scan(take, jnp.concatenate([nearest, distances], axis=1), length=k)
    # The value in place p is the first one up to which more than p were taken.
    up_to = jnp.cumsum(counts, axis=0)
    places = jnp.arange(k, dtype=jnp.int32)
    order = jax.vmap(lambda place: jnp.sum(up_to <= place, axis=0, dtype=jnp.int32))(places)
    return jnp.take_along_axis(values, order, axis=0).T
