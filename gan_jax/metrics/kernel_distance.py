"""The kernel distance: squared maximum mean discrepancy under a cubic kernel; with Inception features it is the KID.

Matrix products are taken in the precision of the features (float32, or float64 if they are float64 or integers), since
their rounding averages out over the pairs of rows. It is small to begin with because a common centre c is taken off
first and put back in float64: x.y = (x - c).(y - c) + c.(x - c) + c.(y - c) + c.c. The kernel, its sums and their
difference, which cancels, are float64 too.
"""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.distances import common_centre
from gan_jax.metrics.metric import LOWER, Metric, Value
from gan_jax.metrics.rows import check_pair


def kernel_distance(
    real_features: np.ndarray, fake_features: np.ndarray, key: jax.Array, subsets: int = 100, subset_size: int = 1000
) -> dict[str, Value]:
    """Unbiased estimates of MMD^2 on random subsets, as the released script reports them: their mean and deviation.

    Formula: 1 / (s (s-1)) sum_{i != j} (k(x_i, x_j) + k(y_i, y_j)) - 2 / s^2 sum_ij k(x_i, y_j),
    k(x, y) = (x.y / d + 1)^3

    An estimate is below 0 about as often as above where the distributions are equal. The deviation, over the subsets,
    is not the error of the mean. 100 subsets of 1000 rows are the script's.

    References:
      Binkowski, Sutherland, Arbel, Gretton: Demystifying MMD GANs, 2018, arXiv 1801.01401, section 4 and its released
      code.
      Gretton, Borgwardt, Rasch, Scholkopf, Smola: A Kernel Two-Sample Test, 2012, equation 3.
    """
    real, fake = check_pair(real_features, fake_features, least=subset_size)
    centre = common_centre(real, fake)
    estimates = []
    for subset in range(subsets):
        rows_real, rows_fake = subset_rows(key, subset, len(real), len(fake), subset_size)
        estimates.append(_of_subset(real[rows_real], fake[rows_fake], centre))
    return {"kid": Value(float(np.mean(estimates)), float(np.std(estimates)), "subsets")}


def subset_rows(key: jax.Array, subset: int, num_real: int, num_fake: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of real and of fake in a subset, by its number, [size] each, without repetition."""
    of_real, of_fake = jax.random.split(jax.random.fold_in(key, subset))
    choose = lambda key, num: np.asarray(jax.random.permutation(key, np.arange(num, dtype=np.int32))[:size])
    return choose(of_real, num_real), choose(of_fake, num_fake)


def _as_float(features: np.ndarray) -> np.ndarray:
    """Rows as they are if float32 or float64; shorter floats and integers wider, so that no product of them rounds."""
    if features.dtype in (np.float32, np.float64):
        return features
    return features.astype(np.float32 if jnp.issubdtype(features.dtype, jnp.floating) else np.float64)


def _of_subset(x: np.ndarray, y: np.ndarray, centre: np.ndarray) -> float:
    size = len(x)
    # The centre has so few digits that it is the same number in every dtype.
    x, y = (rows - centre.astype(rows.dtype) for rows in (_as_float(x), _as_float(y)))
    own = sum(every - diagonal for every, diagonal in (_sums(x, x, centre), _sums(y, y, centre)))
    return own / (size * (size - 1)) - 2.0 * _sums(x, y, centre)[0] / size**2


def _sums(x: np.ndarray, y: np.ndarray, centre: np.ndarray) -> tuple[float, float]:
    """The sums of the kernel over all pairs of rows, which come less the centre, and over pairs of one place."""
    of_x, of_y = (rows.astype(np.float64) @ centre + centre @ centre / 2.0 for rows in (x, y))
    # By NumPy, which takes a product of a matrix with itself at half the cost; XLA's on CPUs are slower here.
    products = x @ y.T
    with jax.enable_x64(True):
        every, diagonal = _kernel_sums(products, of_x, of_y, float(x.shape[1]))
    return float(every), float(diagonal)


@jax.jit
def _kernel_sums(products: jax.Array, of_x: jax.Array, of_y: jax.Array, dim: float) -> tuple[jax.Array, jax.Array]:
    base = (products.astype(jnp.float64) + of_x[:, None] + of_y[None, :]) / dim + 1.0
    kernel = base * base * base
    return jnp.sum(kernel), jnp.trace(kernel)


METRIC = Metric(kernel_distance, {"kid": LOWER})
