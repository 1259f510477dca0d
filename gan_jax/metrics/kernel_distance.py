"""The kernel distance: squared maximum mean discrepancy under a cubic kernel; with Inception features it is the KID.

Matrix products are taken in the precision of the features (float32, or float64 if they are float64 or integers), since
their rounding averages out over the pairs of rows. It is small to begin with because a common centre c is taken off
first and put back in float64: x.y = (x - c).(y - c) + c.(x - c) + c.(y - c) + c.c. The kernel, its sums and their
difference, which cancels, are float64 too.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.distances import common_centre
from gan_jax.metrics.features import blocks, check_count, check_key, check_pair


class KernelDistance(NamedTuple):
    """Over the subsets.

    Attributes:
      mean: of the estimates.
      std: their standard deviation, normalized by the number of subsets; not the error of the mean.
    """

    mean: float
    std: float


def kernel_distance(
    real: jax.Array | np.ndarray,
    fake: jax.Array | np.ndarray,
    key: jax.Array,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
) -> KernelDistance:
    """Unbiased estimates of MMD^2 on random subsets, as the released script reports them.

    Formula: 1 / (s (s-1)) sum_{i != j} (k(x_i, x_j) + k(y_i, y_j)) - 2 / s^2 sum_ij k(x_i, y_j),
    k(x, y) = (x.y / d + 1)^3

    An estimate is below 0 about as often as above where the distributions are equal.

    Args:
      real: [n, d], n >= `subset_size`, finite.
      fake: [m, d], m >= `subset_size`, finite.
      key: one typed key, which alone decides the subsets.
      subsets: at least 1; 100 in the released script.
      subset_size: at least 2; 1000 in the released script.

    Raises:
      MetricError: an argument is not so.

    References:
      Binkowski, Sutherland, Arbel, Gretton: Demystifying MMD GANs, 2018, arXiv 1801.01401, section 4 and its released
      code.
      Gretton, Borgwardt, Rasch, Scholkopf, Smola: A Kernel Two-Sample Test, 2012, equation 3.
    """
    subsets, size = check_count(subsets, "subsets"), check_count(subset_size, "subset_size", least=2)
    key = check_key(key)
    real, fake = check_pair(real, fake, least=size)
    centre = common_centre(real, fake)
    estimates = []
    for subset in range(subsets):
        rows_real, rows_fake = subset_rows(key, subset, len(real), len(fake), size)
        estimates.append(_of_subset(real[rows_real], fake[rows_fake], centre))
    return KernelDistance(float(np.mean(estimates)), float(np.std(estimates)))


def kernel_distance_of_all(real: jax.Array | np.ndarray, fake: jax.Array | np.ndarray) -> float:
    """The unbiased estimate of MMD^2 from all pairs of rows, in blocks; the formula is `kernel_distance`'s.

    Args:
      real: [n, d], n >= 2, finite.
      fake: [m, d], m >= 2, finite.

    Raises:
      MetricError: an argument is not so.

    References:
      Binkowski, Sutherland, Arbel, Gretton: Demystifying MMD GANs, 2018, arXiv 1801.01401, equation 4.
    """
    x, y = check_pair(real, fake, least=2)
    centre = common_centre(x, y)
    across = sum(_sum(_centred(x[i], centre), _centred(y[j], centre)) for i in blocks(len(x)) for j in blocks(len(y)))
    own = [_sum_within(features, centre) / (len(features) * (len(features) - 1)) for features in (x, y)]
    return own[0] + own[1] - 2 * across / (len(x) * len(y))


def subset_rows(key: jax.Array, subset: int, num_real: int, num_fake: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of real and of fake in a subset, [size] each, without repetition.

    Args:
      key: one typed key.
      subset: its number, from 0.
      num_real: rows to choose from.
      num_fake: rows to choose from.
      size: at most either number.
    """
    of_real, of_fake = jax.random.split(jax.random.fold_in(key, subset))
    choose = lambda key, num: np.asarray(jax.random.permutation(key, np.arange(num, dtype=np.int32))[:size])
    return choose(of_real, num_real), choose(of_fake, num_fake)


def _as_float(features: np.ndarray) -> np.ndarray:
    """Rows as they are if float32 or float64; shorter floats and integers wider, so that no product of them rounds."""
    if features.dtype in (np.float32, np.float64):
        return features
    return features.astype(np.float32 if jnp.issubdtype(features.dtype, jnp.floating) else np.float64)


class _Centred(NamedTuple):
    """Rows less the centre c, in their own dtype, and c.(x - c) + c.c / 2 of each, float64."""

    rows: np.ndarray
    along: np.ndarray


def _centred(x: np.ndarray, centre: np.ndarray) -> _Centred:
    x = _as_float(x)
    rows = x - centre.astype(x.dtype)  # the centre has so few digits that it is the same number in x's dtype
    return _Centred(rows, rows.astype(np.float64) @ centre + centre @ centre / 2.0)


def _sum(x: _Centred, y: _Centred, *, below: bool = False) -> float:
    """The sum of k(x_i, y_j), or of those with i > j."""
    # By NumPy, which takes a product of a matrix with itself at half the cost; XLA's on CPUs are slower here.
    with jax.enable_x64(True):
        return float(_sum_of_kernel(x.rows @ y.rows.T, x.along, y.along, x.rows.shape[1], below))


@partial(jax.jit, static_argnums=(3, 4))
def _sum_of_kernel(products: jax.Array, x: jax.Array, y: jax.Array, dim: int, below: bool) -> jax.Array:
    base = (products.astype(jnp.float64) + x[:, None] + y[None, :]) / dim + 1.0
    kernel = base * base * base
    return jnp.sum(jnp.tril(kernel, -1) if below else kernel)


def _of_subset(x: np.ndarray, y: np.ndarray, centre: np.ndarray) -> float:
    size, real, fake = len(x), _centred(x, centre), _centred(y, centre)
    own = _sum(real, real, below=True) + _sum(fake, fake, below=True)
    return 2.0 * own / (size * (size - 1)) - 2.0 * _sum(real, fake) / size**2


def _sum_within(x: np.ndarray, centre: np.ndarray) -> float:
    """The sum of k(x_i, x_j) over i != j."""
    total = 0.0
    for first in blocks(len(x)):
        own = _centred(x[first], centre)
        total += _sum(own, own, below=True)
        for second in blocks(first.start):
            total += _sum(own, _centred(x[second], centre))
    return 2 * total
