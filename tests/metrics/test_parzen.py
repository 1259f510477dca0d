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
    found = parzen(*(2 * x - 1 for x in (samples, validation, test)))
    assert found["parzen_sigma"].value == best
    np.testing.assert_allclose(found["parzen"].value, score[best][1].mean(), rtol=1e-6)
    np.testing.assert_allclose(found["parzen"].spread, np.std(score[best][1]) / np.sqrt(50), rtol=1e-6)
    assert found["parzen"].stamp == {"n_validation": 30}


def test_the_grid_is_that_of_2014():
    np.testing.assert_allclose(SIGMAS, np.logspace(-1, 0, 10))
    assert (SIGMAS[0], SIGMAS[-1]) == (0.1, 1.0)


def test_one_centre_is_a_gaussian():
    x = np.array([[0.25, 0.75], [0.0, 1.0]])
    by_hand = -0.5 * np.array([0.125, 0.0]) / 0.25 - 2 * np.log(0.5 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(log_likelihood(np.array([[0.0, 1.0]]), x, [0.5])[0], by_hand, rtol=1e-12)


def test_far_centres_do_not_underflow():
    found = log_likelihood(np.zeros((3, 784)), np.ones((2, 784)), [0.1])
    np.testing.assert_allclose(found, -784 / 0.02 - 784 * np.log(0.1 * np.sqrt(2 * np.pi)), rtol=1e-12)


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
        ({"fake_images": pixels(0, 4) * 4}, "samples must be finite numbers of magnitude at most 1, got"),
        ({"real_images": pixels(0, 1)}, "test must have at least 2 rows, got 1"),
        ({"validation_images": np.full((2, 5), np.nan)}, "validation must be finite numbers .* got nan in row 0"),
    ],
)
def test_refusals(change, said):
    given = {"fake_images": pixels(0, 4), "validation_images": pixels(1, 4), "real_images": pixels(2, 4), **change}
    with pytest.raises(MetricError, match=said):
        parzen(**given)
