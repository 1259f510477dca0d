import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from gan_jax.metrics.distances import common_centre, kth_neighbour, nearest_across

RNG = np.random.default_rng(11)
ROWS = RNG.standard_normal((2119, 5)).astype(np.float32)
OTHERS = RNG.standard_normal((1100, 5)).astype(np.float32)
CENTRE = common_centre(ROWS, OTHERS)


def direct(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    return sum(np.square(x[:, i, None] - y[None, :, i]) for i in range(x.shape[1]))


@pytest.mark.parametrize("k", [1, 5])
def test_kth_neighbour_is_scikit_learns(k):
    oracle = NearestNeighbors(n_neighbors=k, algorithm="kd_tree").fit(ROWS.astype(np.float64))
    distances, _ = oracle.kneighbors()  # of the fitted rows, each without itself
    np.testing.assert_allclose(kth_neighbour(ROWS, k, CENTRE), distances[:, -1] ** 2, rtol=1e-9)


def test_nearest_across_is_the_least_distance():
    exact = direct(ROWS, OTHERS)
    of_rows, of_others = nearest_across(ROWS, OTHERS, CENTRE)
    np.testing.assert_allclose(of_rows, exact.min(axis=1), rtol=1e-9)
    np.testing.assert_allclose(of_others, exact.min(axis=0), rtol=1e-9)


def test_distances_far_from_the_origin():
    x = ROWS[:1100] + np.float32(1e4)
    exact = direct(x, x)
    np.fill_diagonal(exact, np.inf)
    np.testing.assert_allclose(kth_neighbour(x, 5, common_centre(x, x)), np.sort(exact)[:, 4], rtol=1e-8)


def test_common_centre_is_about_the_mean_and_short():
    np.testing.assert_allclose(CENTRE, np.vstack([ROWS, OTHERS]).mean(0, dtype=np.float64), rtol=2.0**-16)
    fraction, _ = np.frexp(CENTRE)
    assert np.array_equal(fraction * 2**16, np.round(fraction * 2**16))
    zero = np.zeros((2, 3))
    assert np.array_equal(common_centre(zero, zero), np.zeros(3))


def test_a_duplicate_is_a_neighbour_at_distance_zero_and_the_row_itself_is_not():
    x = np.vstack([ROWS, ROWS[:3], ROWS[:1], ROWS[:1]])  # row 0 four times, rows 1 and 2 twice
    x = (x + np.float32(7)) * np.float32(1e3)
    centre = common_centre(x, x)
    first, third = kth_neighbour(x, 1, centre), kth_neighbour(x, 3, centre)
    assert set(np.flatnonzero(first == 0)) == {0, 1, 2, 2119, 2120, 2121, 2122, 2123}
    assert set(np.flatnonzero(third == 0)) == {0, 2119, 2122, 2123}


def test_distances_of_integers_are_exact():
    x = RNG.integers(0, 4, (1100, 5))
    exact = direct(x, x)
    np.fill_diagonal(exact, np.inf)
    for k in (1, 3, 5):
        assert np.array_equal(kth_neighbour(x, k, common_centre(x, x)), np.sort(exact)[:, k - 1])


def test_duplicates_of_long_numbers_are_at_distance_zero():
    """Here |x|^2 and x.x are sums of products that round, in orders of their own."""
    x = RNG.standard_normal((50, 300)) * np.logspace(-3, 3, 300) + 5.0
    both = np.vstack([x, x[::-1]])
    assert not kth_neighbour(both, 1, common_centre(x, x)).any()
    assert kth_neighbour(both, 2, common_centre(x, x)).all()
    assert not np.any(nearest_across(x, x[::-1], common_centre(x, x)))
