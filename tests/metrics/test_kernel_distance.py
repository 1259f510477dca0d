import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from gan_jax.errors import MetricError
from gan_jax.metrics.kernel_distance import kernel_distance, subset_rows

RNG = np.random.default_rng(5)
REAL = np.abs(0.5 * RNG.standard_normal((1100, 16))).astype(np.float32)
FAKE = np.abs(0.6 * RNG.standard_normal((2124, 16))).astype(np.float32)
PART = FAKE[:1100]


def of_all(x, y):
    """The estimate from all pairs of rows of two sets of one size."""
    return kernel_distance(x, y, jax.random.key(0), 1, len(x))["kid"].value


def subsets_of(x, y, key, subsets=7, subset_size=61):
    return kernel_distance(x, y, key, subsets, subset_size)["kid"][:2]


def brute(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    within = []
    for rows in (x, y):
        kernel = (rows @ rows.T / rows.shape[1] + 1) ** 3
        np.fill_diagonal(kernel, 0)
        within.append(kernel.sum() / (len(rows) * (len(rows) - 1)))
    return sum(within) - 2 * np.mean((x @ y.T / x.shape[1] + 1) ** 3)


def test_kernel_distance_of_all_is_the_formula():
    exact = brute(REAL, PART)
    assert of_all(REAL, PART) == pytest.approx(exact, rel=1e-6)
    assert of_all(REAL.astype(np.float64), PART.astype(np.float64)) == pytest.approx(exact, rel=1e-11)


def test_kernel_distance_of_float32_features_with_a_large_mean():
    x, y = REAL + np.float32(30), PART + np.float32(30)
    assert of_all(x, y) == pytest.approx(brute(x, y), rel=1e-6)


def test_kernel_distance_is_the_formula_on_its_subsets():
    key = jax.random.key(3)
    mean, std = subsets_of(REAL, FAKE, key)
    rows = [subset_rows(key, subset, 1100, 2124, 61) for subset in range(7)]
    exact = [brute(REAL[i], FAKE[j]) for i, j in rows]
    assert mean == pytest.approx(np.mean(exact), rel=1e-6)
    assert std == pytest.approx(np.std(exact), rel=1e-6)


def test_kernel_distance_on_the_whole_set_is_the_estimate_of_all():
    mean, std = subsets_of(REAL[:61], FAKE[:61], jax.random.key(0), 3)
    assert mean == pytest.approx(brute(REAL[:61], FAKE[:61]), rel=1e-6)
    assert std < 1e-6 * abs(mean)


def test_kernel_distance_subsets_are_without_repetition_and_of_their_own():
    drawn = [subset_rows(jax.random.key(1), subset, 50, 40, 30) for subset in range(300)]
    for rows, num in zip(zip(*drawn), (50, 40)):
        assert all(len(set(chosen.tolist())) == 30 for chosen in rows)
        times = np.bincount(np.concatenate(rows), minlength=num)
        assert len(times) == num  # none out of range
        expected, std = 300 * 30 / num, np.sqrt(300 * (30 / num) * (1 - 30 / num))
        assert np.all(np.abs(times - expected) < 5 * std)
        assert len({chosen.tobytes() for chosen in rows}) == 300
    first = subset_rows(jax.random.key(1), 0, 40, 40, 40)
    assert not np.array_equal(*first)
    other = subset_rows(jax.random.key(2), 0, 40, 40, 40)
    assert not np.array_equal(first[0], other[0])


def test_kernel_distance_depends_on_its_key_alone():
    with jax.enable_x64(True):
        wide = subsets_of(REAL, FAKE, jax.random.key(3))
    assert subsets_of(REAL, FAKE, jax.random.key(3)) == wide
    assert subsets_of(REAL, FAKE, jax.random.key(4)) != wide


@given(st.lists(st.integers(-20, 20), min_size=10, max_size=10))
def test_kernel_distance_in_one_dimension_is_its_sums_of_powers(values):
    x, y = np.array(values[:5]), np.array(values[5:])
    power = lambda z, p: int(np.sum(z**p))
    own = lambda z: (
        sum(c * (power(z, p) ** 2 - power(z, 2 * p)) for c, p in ((1, 3), (3, 2), (3, 1))) / (len(z) * (len(z) - 1))
    )
    across = sum(c * power(x, p) * power(y, p) for c, p in ((1, 3), (3, 2), (3, 1))) / 25
    found = of_all(x[:, None], y[:, None])
    assert found == pytest.approx(own(x) + own(y) - 2 * across, rel=1e-9, abs=1e-4)


def test_kernel_distance_is_unbiased():
    draws = np.array([of_all(*RNG.standard_normal((2, 20, 3))) for _ in range(600)])
    error = draws.std() / np.sqrt(len(draws))
    assert abs(draws.mean()) < 4 * error
    # The biased estimate would be off by (E k(x, x) - E k(x, y)) 2 / 20 = 0.5 or so.
    assert error < 0.05
    assert draws.min() < 0


def test_kernel_distance_laws():
    x, y = REAL.astype(np.float64), PART.astype(np.float64)
    value = of_all(x, y)
    q = ortho_group.rvs(16, random_state=1)
    assert of_all(x[::-1], RNG.permutation(y)) == pytest.approx(value, rel=1e-10)
    assert of_all(x @ q, y @ q) == pytest.approx(value, rel=1e-10)
    assert of_all(np.tile(x, 2), np.tile(y, 2)) == pytest.approx(value, rel=1e-10)


def test_kernel_distance_of_constants():
    x, y = np.full((9, 4), 2.0, np.float32), np.full((9, 4), 1.0, np.float32)
    assert of_all(x, x) == 0.0
    assert of_all(x, y) == pytest.approx(125 + 8 - 2 * 27, rel=1e-12)


def test_kernel_distance_of_short_floats_is_that_of_the_same_numbers():
    x, y = jnp.asarray(REAL[:61], jnp.bfloat16), jnp.asarray(FAKE[:61], jnp.bfloat16)
    exact = brute(np.asarray(x, np.float32), np.asarray(y, np.float32))
    assert of_all(x, y) == pytest.approx(exact, rel=1e-6)


def test_kernel_distance_needs_as_many_rows_as_a_subset():
    with pytest.raises(MetricError, match="real must have at least 62 rows, got 61"):
        kernel_distance(REAL[:61], FAKE, jax.random.key(0), subset_size=62)
