import time

import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from gan_jax.errors import MetricError
from gan_jax.metrics.parzen import SIGMAS, log_likelihood, parzen


def pixels(seed, num, dimension=5):
    return np.random.default_rng(seed).random((num, dimension))


@pytest.mark.parametrize("sigma", [0.01, 0.1, 1.0])
def test_against_scikit_learn(sigma):
    centres, x = pixels(0, 60), pixels(1, 40)
    oracle = KernelDensity(bandwidth=sigma, algorithm="kd_tree", rtol=0).fit(centres).score_samples(x)
    np.testing.assert_allclose(log_likelihood(centres, x, [sigma])[0], oracle, rtol=1e-10)


def test_the_protocol_by_hand():
    samples, validation, test = pixels(0, 80), pixels(1, 30), pixels(2, 50)
    score = {s: [KernelDensity(bandwidth=s).fit(samples).score_samples(x) for x in (validation, test)] for s in SIGMAS}
    best = max(SIGMAS, key=lambda s: score[s][0].mean())
    found = parzen(samples, validation, test)
    assert found.sigma == best
    np.testing.assert_allclose(found.log_likelihood, score[best][1].mean(), rtol=1e-6)
    np.testing.assert_allclose(found.standard_error, np.std(score[best][1]) / np.sqrt(50), rtol=1e-6)
    assert not found.at_edge


def test_the_grid_is_that_of_2014():
    np.testing.assert_allclose(SIGMAS, np.logspace(-1, 0, 10))
    assert (SIGMAS[0], SIGMAS[-1]) == (0.1, 1.0)


@pytest.mark.parametrize(("sigmas", "edge"), [((0.5, 0.9), True), ((0.001, 0.2, 0.9), False), ((0.2,), True)])
def test_a_width_at_the_edge_is_said(sigmas, edge):
    assert parzen(pixels(0, 80), pixels(1, 30), pixels(2, 30), sigmas).at_edge == edge


def test_one_centre_is_a_gaussian():
    x = np.array([[0.25, 0.75], [0.0, 1.0]])
    found = parzen(np.array([[0.0, 1.0]]), x, x, [0.5])
    by_hand = -0.5 * np.array([0.125, 0.0]) / 0.25 - 2 * np.log(0.5 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(found.log_likelihood, by_hand.mean(), rtol=1e-12)


def test_far_centres_do_not_underflow():
    found = parzen(np.zeros((3, 784)), np.ones((2, 784)), np.ones((2, 784)), [0.1])
    np.testing.assert_allclose(found.log_likelihood, -784 / 0.02 - 784 * np.log(0.1 * np.sqrt(2 * np.pi)), rtol=1e-12)
    assert found.standard_error == 0


def test_the_usual_size_is_quick_and_small():
    # A fifth of it each way, so a twenty-fifth of the work: well under 20 s at 10,000 each.
    samples, test = (np.random.default_rng(i).random((2000, 784), np.float32) for i in range(2))
    parzen(samples[:10], test[:10], test)
    began = time.process_time()
    parzen(samples, test[:200], test)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samples": pixels(0, 4) * 2 - 1}, "samples has values from -0.*allowed: pixels from 0 to 1"),
        ({"test": pixels(0, 4, 6)}, r"test has the shape \[4, 6\]; allowed: \[N, 5\] with N at least 2"),
        ({"test": pixels(0, 1)}, r"test has the shape \[1, 5\]"),
        ({"validation": np.full((2, 5), np.nan)}, "validation is not finite in 2 of 2 rows, first in row 0"),
        ({"sigmas": ()}, "sigmas is empty"),
        ({"sigmas": (0.1, 0.0)}, "sigmas=0.0 is not possible; allowed: a number above 0"),
    ],
)
def test_refusals(change, said):
    given = {"samples": pixels(0, 4), "validation": pixels(1, 4), "test": pixels(2, 4), **change}
    with pytest.raises(MetricError, match=said):
        parzen(**given)
