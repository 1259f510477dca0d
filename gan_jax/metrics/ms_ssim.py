"""Multi-scale structural similarity between generated images: near 1 if they are all alike."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics.metric import NEITHER, Metric, Value
from gan_jax.metrics.rows import check_rows

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, from fine to coarse
WINDOW, WINDOW_STD = 11, 1.5
K1, K2 = 0.01, 0.03
SMALLEST_SIDE = 2 * WINDOW  # for two scales
CHUNK = 2**21  # pixels at a time


def ms_ssim(fake_images: np.ndarray, key: jax.Array, pairs: int = 1000) -> dict[str, Value]:
    """Mean MS-SSIM over random pairs of different images of one set; `class_ms_ssim` is within classes.

    Values of images with room for other numbers of scales do not compare. Odena et al. take 100 pairs of each class.

    References:
      Odena, Olah, Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs, 2017, arXiv:1610.09585,
        section 4.2.
    """
    x = check_images(fake_images)
    values = of_pairs(x, key, pairs)
    error, stamp = float(values.std(ddof=1) / np.sqrt(pairs)), {"scales": len(sides(min(x.shape[1:3])))}
    return {"ms_ssim": Value(float(values.mean()), error, "pairs (standard error)", stamp)}


def check_images(images: np.ndarray) -> np.ndarray:
    """At least two images [N, H, W, C] in [-1, 1] with room for two scales, as float64."""
    if min(images.shape[1:3]) < SMALLEST_SIDE:
        shape = list(images.shape)
        raise MetricError(f"images have the shape {shape}; allowed: [N, H, W, C] with H and W at least {SMALLEST_SIDE}")
    return check_rows(images, "images", least=2, largest=1.0).astype(np.float64)


def of_pairs(images: np.ndarray, key: jax.Array, pairs: int) -> np.ndarray:
    """MS-SSIM of random pairs of different images, [pairs]."""
    first_key, other_key = jax.random.split(key)
    first = np.asarray(jax.random.randint(first_key, (pairs,), 0, len(images)))
    # 1 to N - 1 further on, round the end: uniform over all others.
    other = (first + 1 + np.asarray(jax.random.randint(other_key, (pairs,), 0, len(images) - 1))) % len(images)
    return multi_scale_similarity(images[first], images[other])


def sides(side: int) -> list[int]:
    """The lengths of an image's shorter side at each scale: at most 5, the last at least 11 pixels."""
    found = [side]
    while len(found) < len(WEIGHTS) and -(-found[-1] // 2) >= WINDOW:
        found.append(-(-found[-1] // 2))
    return found


def multi_scale_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """MS-SSIM of each pair of images in [-1, 1], [P, H, W, C], averaged over channels: [P] in [0, 1].

    At each scale images are compared in Gaussian windows of 11 x 11 pixels that lie wholly inside; between scales 2 x 2
    pixels are averaged, an odd last row or column counting double. The paper's five weights, cut to the scales that
    there are and divided by their sum, are exponents of the contrasts of all scales and of the last one's whole
    similarity. A mean contrast below 0 (images that are negatives of each other) has no such power; it counts as 0, as
    in TensorFlow's ssim_multiscale, and with it the pair. All in float64.

    References:
      Wang, Simoncelli, Bovik, Multi-scale structural similarity for image quality assessment, 2003, equations 3 to 7.
      Wang, Bovik, Sheikh, Simoncelli, Image quality assessment: from error visibility to structural similarity, 2004,
        equations 12 to 16.
    """
    scales = len(sides(min(a.shape[1:3])))
    size = max(1, min(len(a), CHUNK // int(np.prod(a.shape[1:]))))
    with jax.enable_x64(True):
        left, right = (jnp.asarray(np.asarray(x, np.float64) / 2 + 0.5) for x in (a, b))
        return np.asarray(_similarities(left, right, scales, size))


@partial(jax.jit, static_argnums=(2, 3))
def _similarities(a: jax.Array, b: jax.Array, scales: int, size: int) -> jax.Array:
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])

    def one(pair: tuple[jax.Array, jax.Array]) -> jax.Array:
        a, b = pair
        product = jnp.ones(a.shape[-1], jnp.float64)
        for scale in range(scales):
            if scale:
                a, b = _halved(a), _halved(b)
            luminance, contrast = _compared(a, b)
            last = jnp.mean(luminance * contrast if scale == scales - 1 else contrast, axis=(0, 1))
            product = product * jnp.maximum(last, 0.0) ** weights[scale]
        return jnp.mean(product)

    return jax.lax.map(one, (a, b), batch_size=size)


def _compared(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Luminance, and contrast times structure, of images [H, W, C] in [0, 1] at each window [H - 10, W - 10, C]."""
    mean_a, mean_b = _blurred(a), _blurred(b)
    variances = _blurred(a * a) + _blurred(b * b) - mean_a * mean_a - mean_b * mean_b
    covariance = _blurred(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    luminance = (2.0 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    return luminance, (2.0 * covariance + c2) / (variances + c2)


def _blurred(x: jax.Array) -> jax.Array:
    """Means [H - 10, W - 10, C] under the Gaussian window, one axis after the other."""
    for axis in (0, 1):
        x = jnp.moveaxis(jnp.tensordot(jnp.asarray(_window(x.shape[axis])), x, axes=(1, axis)), 0, axis)
    return x


def _window(length: int) -> np.ndarray:
    """The window at each place along an axis, as a matrix [length - 10, length]: compiles faster than a convolution."""
    offset = np.arange(WINDOW) - (WINDOW - 1) / 2
    weights = np.exp(-0.5 * (offset / WINDOW_STD) ** 2)
    rows = [np.pad(weights / weights.sum(), (i, length - WINDOW - i)) for i in range(length - WINDOW + 1)]
    return np.stack(rows)


def _halved(x: jax.Array) -> jax.Array:
    height, width, channels = x.shape
    x = jnp.pad(x, ((0, height % 2), (0, width % 2), (0, 0)), mode="symmetric")
    return jnp.mean(x.reshape(-(-height // 2), 2, -(-width // 2), 2, channels), axis=(1, 3))


METRIC = Metric(ms_ssim, {"ms_ssim": NEITHER})
