"""Parzen-window estimate of the log-likelihood, the number by which the first GANs were compared."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.metric import HIGHER, NEITHER, Metric, Value
from gan_jax.metrics.rows import check_rows

SIGMAS = tuple(float(s) for s in np.logspace(-1, 0, 10))
CHUNK = 2**22  # distances at a time, 32 MiB


def parzen(fake_images: np.ndarray, validation_images: np.ndarray, real_images: np.ndarray) -> dict[str, Value]:
    """Mean log-likelihood of real images under a Gaussian at every generated one, by the protocol of 2014.

    The width is the one of ``SIGMAS`` under which the validation images are likeliest. For MNIST: 10,000 samples, the
    first 1000 of train[50000:60000], the 10,000 test images, pixels from 0 to 1. The estimate is a poor one in many
    dimensions: samples of k-means centroids score above true data (Theis et al.). In nats, of a density, so that it
    may be above 0; the standard error is over the test images. All in float64.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, section 5, table 1; and their released
        code, goodfeli/adversarial, parzen_ll.py.
      Breuleux, Bengio, Vincent, Quickly Generating Representative Samples from an RBM-Derived Process, 2011.
      Theis, van den Oord, Bethge, A note on the evaluation of generative models, 2016, arXiv:1511.01844, section 5.2.
    """
    samples = _pixels(fake_images, "samples")
    validation, test = _pixels(validation_images, "validation"), _pixels(real_images, "test", least=2)
    sigma = SIGMAS[int(np.argmax(log_likelihood(samples, validation, SIGMAS).mean(axis=1)))]
    likelihood = log_likelihood(samples, test, [sigma])[0]
    stamp = {"n_validation": len(validation)}
    error = float(likelihood.std() / math.sqrt(len(test)))
    return {
        "parzen": Value(float(likelihood.mean()), error, "examples (standard error)", stamp),
        "parzen_sigma": Value(sigma, stamp=stamp),
    }


def log_likelihood(centres: np.ndarray, x: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """Log mean_j N(x; centre_j, sigma^2) in nats, float64 [S, N] of S widths and N examples [N, D]."""
    with jax.enable_x64(True):
        exponents = np.asarray(_log_mean_exp(centres, x, jnp.asarray(sigmas, jnp.float64))).T
    normalizer = x.shape[1] * np.log(np.asarray(sigmas, np.float64) * math.sqrt(2 * math.pi))
    return exponents - normalizer[:, None]


def _pixels(images: np.ndarray, name: str, least: int = 1) -> np.ndarray:
    """Images in [-1, 1] as rows of pixels in [0, 1]."""
    images = check_rows(images, name, least=least, largest=1.0)
    return images.reshape(len(images), -1).astype(np.float64) / 2 + 0.5


@jax.jit
def _log_mean_exp(centres: jax.Array, x: jax.Array, sigmas: jax.Array) -> jax.Array:
    """Log mean_j exp(-|x - centre_j|^2 / (2 sigma^2)), float64 [N, S]."""
    size = jnp.sum(jnp.square(centres), axis=1)

    def one(x: jax.Array) -> jax.Array:
        squared = jnp.maximum(size - 2.0 * (centres @ x) + jnp.sum(jnp.square(x)), 0.0)  # rounding may go below 0

        def under(sigma: jax.Array) -> jax.Array:
            return jax.scipy.special.logsumexp(-0.5 * squared / jnp.square(sigma)) - math.log(len(centres))

        return jax.lax.map(under, sigmas)

    return jax.lax.map(one, x, batch_size=max(1, min(len(x), CHUNK // len(centres))))


METRIC = Metric(parzen, {"parzen": HIGHER, "parzen_sigma": NEITHER})
