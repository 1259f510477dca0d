"""Parzen-window estimate of the log-likelihood, the number by which the first GANs were compared."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics import arguments

SIGMAS = tuple(float(s) for s in np.logspace(-1, 0, 10))
CHUNK = 2**22  # distances at a time, 32 MiB


def parzen(samples: Any, validation: Any, test: Any, sigmas: Sequence[float] = SIGMAS) -> "Parzen":
    """Mean log-likelihood of test examples under a Gaussian at every generated one, by the protocol of 2014.

    The width is the one of ``sigmas`` under which the validation examples are likeliest. For MNIST: 10,000 samples, the
    first 1000 of train[50000:60000], the 10,000 test images. The estimate is a poor one in many dimensions: samples of
    k-means centroids score above true data (Theis et al.). All in float64.

    Args:
      samples: generated, numbers in [0, 1], [M, D].
      validation: real, in [0, 1], [V, D].
      test: real, in [0, 1], [T, D], T at least 2.
      sigmas: widths to choose from, each above 0.

    Returns:
      Parzen.

    Raises:
      MetricError: a shape, number or width is not allowed.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, section 5, table 1; and their released
        code, goodfeli/adversarial, parzen_ll.py.
      Breuleux, Bengio, Vincent, Quickly Generating Representative Samples from an RBM-Derived Process, 2011.
      Theis, van den Oord, Bethge, A note on the evaluation of generative models, 2016, arXiv:1511.01844, section 5.2.
    """
    samples = _pixels("samples", samples)
    validation = _pixels("validation", validation, columns=samples.shape[1])
    test = _pixels("test", test, rows=2, columns=samples.shape[1])
    widths = [arguments.positive("sigmas", sigma) for sigma in sigmas]
    if not widths:
        raise MetricError("sigmas is empty; allowed: at least one width above 0")
    tried = log_likelihood(samples, validation, widths).mean(axis=1)
    best = int(np.argmax(tried))
    likelihood = log_likelihood(samples, test, [widths[best]])[0]
    return Parzen(
        log_likelihood=float(likelihood.mean()),
        standard_error=float(likelihood.std() / math.sqrt(len(test))),
        sigma=widths[best],
        at_edge=widths[best] in (min(widths), max(widths)),
    )


def log_likelihood(centres: np.ndarray, x: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """Log mean_j N(x; centre_j, sigma^2) of each example under each width.

    Args:
      centres: float64 [M, D].
      x: float64 [N, D].
      sigmas: S widths.

    Returns:
      float64 [S, N], in nats.
    """
    with jax.enable_x64(True):
        exponents = np.asarray(_log_mean_exp(centres, x, jnp.asarray(sigmas, jnp.float64))).T
    normalizer = x.shape[1] * np.log(np.asarray(sigmas, np.float64) * math.sqrt(2 * math.pi))
    return exponents - normalizer[:, None]


def _pixels(name: str, x: Any, rows: int = 1, columns: int | None = None) -> np.ndarray:
    x = arguments.matrix(name, x, rows=rows, columns=columns)
    if x.min() < 0 or x.max() > 1:
        raise MetricError(f"{name} has values from {x.min():.4g} to {x.max():.4g}; allowed: pixels from 0 to 1")
    return x


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


class Parzen(NamedTuple):
    """A Parzen-window estimate.

    Attributes:
      log_likelihood: mean over the test examples, in nats; a density's, so that it may be above 0.
      standard_error: their standard deviation over the root of their number.
      sigma: the chosen width.
      at_edge: whether that is the smallest or largest of those tried: the best may lie beyond it.
    """

    log_likelihood: float
    standard_error: float
    sigma: float
    at_edge: bool
