import numpy as np
import pytest
from scipy import stats

from gan_jax.data import synthetic
from gan_jax.errors import MetricError
from gan_jax.losses import cross_entropy
from gan_jax.metrics.grid import cell_centres
from gan_jax.metrics.optimal_discriminator import distance_to_optimal_discriminator

SUPPORT, CELLS = ((-6.0, 7.0),), 65
X = cell_centres(SUPPORT, CELLS)
LOG_P = synthetic.gaussian((0.0,), 1.0).log_density(X)
BEST = 0.5 - X[:, 0]  # log N(x; 0, 1) / N(x; 1, 1)
SAMPLES = np.random.default_rng(0).normal(1.0, 1.0, (200_000, 1))


def measure(logits, samples=SAMPLES):
    return distance_to_optimal_discriminator(logits, LOG_P, samples, SUPPORT, CELLS)


def test_the_best_discriminator_is_near_0():
    found = measure(BEST)
    assert found.distance < 2 * np.sqrt(CELLS / (16 * len(SAMPLES)))
    assert abs(found.excess_cost) < 1e-3
    assert found.outside < 1e-6


def test_half_everywhere_has_a_closed_form():
    # D = 1/2 costs log 4, and the best one log 4 - 2 JSD.
    found = measure(np.zeros(CELLS))
    p, q = stats.norm.pdf(X[:, 0]), stats.norm.pdf(X[:, 0], 1)
    m = (p + q) / 2
    divergence = (stats.entropy(p, m) + stats.entropy(q, m)) / 2
    np.testing.assert_allclose(found.excess_cost, 2 * divergence, rtol=0.02)
    gap = np.abs(p / (p + q) - 0.5)
    np.testing.assert_allclose(found.mean_absolute, np.sum(m * gap) / m.sum(), rtol=0.02)
    np.testing.assert_allclose(found.distance, np.sqrt(np.sum(m * gap**2) / m.sum()), rtol=0.02)


def test_the_excess_is_what_the_cost_on_samples_is_above_the_least():
    real = np.random.default_rng(1).normal(size=200_000)
    logits = lambda x: 0.3 - 0.5 * x
    cost = lambda f: float(np.mean(cross_entropy(*(np.float32(f(x)) for x in (real, SAMPLES[:, 0])))))
    excess = cost(logits) - cost(lambda x: 0.5 - x)
    assert abs(measure(logits(X[:, 0])).excess_cost - excess) < 5e-3


def test_a_sure_and_wrong_discriminator_is_far():
    found = measure(np.where(BEST > 0, -1e4, 1e4))
    assert found.distance > 0.5
    assert np.isfinite(found.excess_cost)


def test_samples_outside_are_said():
    found = measure(BEST, np.concatenate([SAMPLES[:100], np.full((300, 1), 50.0)]))
    assert found.outside == 0.75


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"logits": np.zeros(3)}, r"logits has the shape \[3\]; allowed: \[65\]"),
        ({"log_p_data": np.zeros((65, 1))}, "log_p_data has the shape"),
        ({"logits": np.full(65, np.inf)}, "logits is not finite"),
        ({"log_p_data": np.full(65, -np.inf)}, "log_p_data is NaN or .inf somewhere, or -inf everywhere"),
        ({"log_p_data": np.full(65, np.nan)}, "log_p_data is NaN"),
        ({"samples": np.full((4, 1), 50.0)}, "samples: none of 4 lie in support"),
        ({"cells": 1}, "cells=1"),
    ],
)
def test_refusals(change, said):
    given = {"logits": BEST, "log_p_data": LOG_P, "samples": SAMPLES[:9], "support": SUPPORT, "cells": CELLS, **change}
    with pytest.raises(MetricError, match=said):
        distance_to_optimal_discriminator(**given)
