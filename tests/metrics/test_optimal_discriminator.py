from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from support.values import numbers

from gan_jax.data import synthetic
from gan_jax.errors import MetricError
from gan_jax.losses import cross_entropy
from gan_jax.metrics.grid import cell_centres
from gan_jax.metrics.optimal_discriminator import discriminator_distance

SUPPORT, CELLS = ((-6.0, 7.0),), 65
X = cell_centres(SUPPORT, CELLS)
DATA = SimpleNamespace(log_density=synthetic.gaussian((0.0,), 1.0).log_density, support=SUPPORT)
BEST = 0.5 - X[:, 0]  # log N(x; 0, 1) / N(x; 1, 1)
SAMPLES = np.random.default_rng(0).normal(1.0, 1.0, (200_000, 1))


def measure(logits, samples=SAMPLES):
    return numbers(discriminator_distance(samples, DATA, lambda x: logits, CELLS))


def test_the_best_discriminator_is_near_0():
    distance, excess = measure(BEST)
    assert distance < 2 * np.sqrt(CELLS / (16 * len(SAMPLES)))
    assert abs(excess) < 1e-3


def test_half_everywhere_has_a_closed_form():
    # D = 1/2 costs log 4, and the best one log 4 - 2 JSD.
    distance, excess = measure(np.zeros(CELLS))
    p, q = stats.norm.pdf(X[:, 0]), stats.norm.pdf(X[:, 0], 1)
    m = (p + q) / 2
    divergence = (stats.entropy(p, m) + stats.entropy(q, m)) / 2
    np.testing.assert_allclose(excess, 2 * divergence, rtol=0.02)
    gap = np.abs(p / (p + q) - 0.5)
    np.testing.assert_allclose(distance, np.sqrt(np.sum(m * gap**2) / m.sum()), rtol=0.02)


def test_the_excess_is_what_the_cost_on_samples_is_above_the_least():
    real = np.random.default_rng(1).normal(size=200_000)
    logits = lambda x: 0.3 - 0.5 * x
    cost = lambda f: float(np.mean(cross_entropy(*(np.float32(f(x)) for x in (real, SAMPLES[:, 0])))))
    excess = cost(logits) - cost(lambda x: 0.5 - x)
    assert abs(measure(logits(X[:, 0]))[1] - excess) < 5e-3


def test_a_sure_and_wrong_discriminator_is_far():
    distance, excess = measure(np.where(BEST > 0, -1e4, 1e4))
    assert distance > 0.5
    assert np.isfinite(excess)


def test_refusals():
    with pytest.raises(MetricError, match="logits must be finite numbers, got inf in row 0"):
        measure(np.full(CELLS, np.inf))
    with pytest.raises(MetricError, match="samples: none of 4 lie in support"):
        measure(BEST, np.full((4, 1), 50.0))
