import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from gan_jax.errors import MetricError
from gan_jax.metrics.kernel_distance import kernel_distance, kernel_distance_of_all, subset_rows

RNG = np.random.default_rng(5)
REAL = np.abs(0.5 * RNG.standard_normal((1100, 16))).astype(np.float32)
FAKE = np.abs(0.6 * RNG.standard_normal((2124, 16))).astype(np.float32)


def brute(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    within = []
    for rows in (x, y):
        kernel = (rows @ rows.T / rows.shape[1] + 1) ** 3
        np.fill_diagonal(kernel, 0)
        within.append(kernel.sum() / (len(rows) * (len(rows) - 1)))
    return sum(within) - 2 * np.mean((x @ y.T / x.shape[1] + 1) ** 3)


def test_kernel_distance_of_all_is_the_formula():
    exact = brute(REAL, FAKE)
    assert kernel_distance_of_all(REAL, FAKE) == pytest.approx(exact, rel=1e-6)
    assert kernel_distance_of_all(REAL.astype(np.float64), FAKE.astype(np.float64)) == pytest.approx(exact, rel=1e-11)


def test_kernel_distance_of_float32_features_with_a_large_mean():
    x, y = REAL + np.float32(30), FAKE + np.float32(30)
    assert kernel_distance_of_all(x, y) == pytest.approx(brute(x, y), rel=1e-6)


def test_kernel_distance_is_the_formula_on_its_subsets():
    key = jax.random.key(3)
    found = kernel_distance(REAL, FAKE, key, subsets=7, subset_size=61)
    rows = [subset_rows(key, subset, 1100, 2124, 61) for subset in range(7)]
    exact = [brute(REAL[i], FAKE[j]) for i, j in rows]
    assert found.mean == pytest.approx(np.mean(exact), rel=1e-6)
    assert found.std == pytest.approx(np.std(exact), rel=1e-6)


def test_kernel_distance_on_the_whole_set_is_the_estimate_of_all():
    found = kernel_distance(REAL[:61], FAKE[:61], jax.random.key(0), subsets=3, subset_size=61)
    assert found.mean == pytest.approx(brute(REAL[:61], FAKE[:61]), rel=1e-6)
    assert found.std < 1e-6 * abs(found.mean)


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
        wide = kernel_distance(REAL, FAKE, jax.random.key(3), subsets=7, subset_size=61)
    assert kernel_distance(REAL, FAKE, jax.random.key(3), subsets=7, subset_size=61) == wide
    assert kernel_distance(REAL, FAKE, jax.random.key(4), subsets=7, subset_size=61) != wide


@given(st.lists(st.integers(-20, 20), min_size=9, max_size=9))
def test_kernel_distance_in_one_dimension_is_its_sums_of_powers(values):
    x, y = np.array(values[:4]), np.array(values[4:])
    power = lambda z, p: int(np.sum(z**p))
    own = lambda z: (
        sum(c * (power(z, p) ** 2 - power(z, 2 * p)) for c, p in ((1, 3), (3, 2), (3, 1))) / (len(z) * (len(z) - 1))
    )
    across = sum(c * power(x, p) * power(y, p) for c, p in ((1, 3), (3, 2), (3, 1))) / 20
    found = kernel_distance_of_all(x[:, None], y[:, None])
    assert found == pytest.approx(own(x) + own(y) - 2 * across, rel=1e-9, abs=1e-4)


def test_kernel_distance_is_unbiased():
    draws = np.array([kernel_distance_of_all(*RNG.standard_normal((2, 20, 3))) for _ in range(600)])
    error = draws.std() / np.sqrt(len(draws))
    assert abs(draws.mean()) < 4 * error
    # The biased estimate would be off by (E k(x, x) - E k(x, y)) 2 / 20 = 0.5 or so.
    assert error < 0.05
    assert draws.min() < 0


def test_kernel_distance_laws():
    x, y = REAL.astype(np.float64), FAKE.astype(np.float64)
    value = kernel_distance_of_all(x, y)
    q = ortho_group.rvs(16, random_state=1)
    assert kernel_distance_of_all(x[::-1], RNG.permutation(y)) == pytest.approx(value, rel=1e-10)
    assert kernel_distance_of_all(x @ q, y @ q) == pytest.approx(value, rel=1e-10)
    assert kernel_distance_of_all(np.tile(x, 2), np.tile(y, 2)) == pytest.approx(value, rel=1e-10)


def test_kernel_distance_of_constants():
    x, y = np.full((9, 4), 2.0, np.float32), np.full((7, 4), 1.0, np.float32)
    assert kernel_distance_of_all(x, x[:7]) == 0.0
    assert kernel_distance_of_all(x, y) == pytest.approx(125 + 8 - 2 * 27, rel=1e-12)


def test_kernel_distance_of_short_floats_is_that_of_the_same_numbers():
    x, y = jnp.asarray(REAL[:61], jnp.bfloat16), jnp.asarray(FAKE[:61], jnp.bfloat16)
    exact = brute(np.asarray(x, np.float32), np.asarray(y, np.float32))
    assert kernel_distance_of_all(x, y) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"subsets": 0}, "subsets must be an integer of at least 1, got 0"),
        ({"subset_size": 1}, "subset_size must be an integer of at least 2, got 1"),
        ({"subset_size": 10.0}, "subset_size must be an integer of at least 2, got 10.0"),
        ({"subset_size": 62}, "real must have at least 62 rows, got 61"),
        ({"key": jax.random.PRNGKey(0)}, "key must be one typed key"),
        ({"key": 0}, "key must be one typed key"),
        ({"key": jax.random.split(jax.random.key(0))}, "key must be one typed key"),
    ],
)
def test_kernel_distance_refuses(arguments, line):
    arguments = {"key": jax.random.key(0), "subset_size": 61, **arguments}
    with pytest.raises(MetricError, match=line):
        kernel_distance(REAL[:61], FAKE[:61], **arguments)


def test_kernel_distance_of_all_needs_two_rows():
    with pytest.raises(MetricError, match="fake must have at least 2 rows, got 1"):
        kernel_distance_of_all(REAL[:61], FAKE[:1])
