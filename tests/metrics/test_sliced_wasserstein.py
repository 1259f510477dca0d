import jax
import numpy as np
import pytest
from scipy import stats

from gan_jax.metrics import sliced_wasserstein as module
from gan_jax.metrics.sliced_wasserstein import quantile_steps

KEY = jax.random.key(0)


def sliced_wasserstein(real, fake, key, projections=1000, p=2):
    return module.sliced_wasserstein(real, fake, key, projections, p)["sliced_wasserstein"]


def points(seed, num, dimension=2):
    return np.random.default_rng(seed).normal(size=(num, dimension))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 5), (3, 7), (40, 25), (1, 9)])
def test_in_one_dimension_it_is_scipys_for_unequal_numbers_too(n, m):
    a, b = points(n, n, 1), points(m + 100, m, 1)
    found = sliced_wasserstein(a, b, KEY, projections=3, p=1)
    np.testing.assert_allclose(found.value, stats.wasserstein_distance(a[:, 0], b[:, 0]), rtol=1e-12)
    assert found.spread < 1e-12  # there is but one direction


@pytest.mark.parametrize(("n", "m"), [(4, 6), (7, 3), (12, 18)])
def test_unequal_numbers_equal_their_repetition_to_a_common_number(n, m):
    a, b = points(1, n, 3), points(2, m, 3)
    common = np.lcm(n, m)
    whole = sliced_wasserstein(np.repeat(a, common // n, axis=0), np.repeat(b, common // m, axis=0), KEY, 50)
    np.testing.assert_allclose(sliced_wasserstein(a, b, KEY, 50)[:2], whole[:2], rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_against_a_loop_over_the_same_directions(p):
    a, b = points(3, 30, 4), points(4, 30, 4) * 2
    directions = np.asarray(jax.random.normal(KEY, (20, 4)), np.float64)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    powers = [np.mean(np.abs(np.sort(a @ d) - np.sort(b @ d)) ** p) for d in directions]
    found = sliced_wasserstein(a, b, KEY, 20, p)
    np.testing.assert_allclose(found.value, np.mean(powers) ** (1 / p), rtol=1e-12)


def test_a_translation_has_a_closed_form():
    # |<theta, t>|^2 has the mean |t|^2 / D, and its first power that of a Beta variable's root.
    a, shift = points(5, 200, 3), np.array([[1.0, -2.0, 2.0]])
    found = sliced_wasserstein(a, a + shift, KEY, 4000)
    assert abs(found.value - 3 / np.sqrt(3)) < 4 * found.spread
    first = sliced_wasserstein(a, a + shift, KEY, 4000, 1)
    assert abs(first.value - 3 / 2) < 4 * first.spread


def test_two_gaussians_have_a_closed_form():
    grid = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    found = sliced_wasserstein(1.0 + 0.5 * grid, 2.0 * grid, KEY, 2)
    np.testing.assert_allclose(found.value, np.sqrt(1.0 + 1.5**2), rtol=1e-3)


def test_equal_sets_are_at_distance_0_in_any_order():
    a = points(6, 50, 5)
    found = sliced_wasserstein(a, a[::-1], KEY, 10)
    assert found.value < 1e-12
    assert found.spread < 1e-12
    assert sliced_wasserstein(np.zeros((4, 2)), np.zeros((3, 2)), KEY, 10)[:2] == (0.0, 0.0)


def test_the_error_is_that_of_repeated_measurements():
    a, b = points(7, 40), points(8, 40) + [3.0, 0.0]
    found = [sliced_wasserstein(a, b, jax.random.key(i), 100) for i in range(60)]
    ratio = np.std([f.value for f in found]) / np.mean([f.spread for f in found])
    assert 0.75 < ratio < 1.3


@pytest.mark.parametrize(("n", "m"), [(1, 1), (6, 4), (5, 7)])
def test_steps_cover_everything_once(n, m):
    left, right, weight = quantile_steps(n, m)
    np.testing.assert_allclose(np.bincount(left, weight), np.full(n, 1 / n), rtol=1e-12)
    np.testing.assert_allclose(np.bincount(right, weight), np.full(m, 1 / m), rtol=1e-12)
