import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from gan_jax.errors import MetricError
from gan_jax.metrics.frechet import frechet, frechet_distance, moments

RNG = np.random.default_rng(7)
BASE = np.abs(RNG.standard_normal((2500, 12)) @ RNG.standard_normal((12, 12))).astype(np.float32)
OTHER = np.abs(RNG.standard_normal((1300, 12)) @ RNG.standard_normal((12, 12)) + 0.3).astype(np.float32)


def distance(x, y):
    return frechet(x, y)["frechet"].value


def by_matrix_root(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    c1, c2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(c1 @ c2).real
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(c1 + c2 - 2 * root)


def by_singular_values_of_the_rows(x, y):
    """Right for any rank: the trace of (C1 C2)^1/2 is the sum of singular values of X Y^T, from the features alone."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    a, b = ((rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (x, y))
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.sum(a**2) + np.sum(b**2) - 2 * root


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_moments_are_numpys(offset):
    features = (BASE + np.float32(offset)).astype(np.float32)
    (mean, covariance), exact = moments(features), features.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(exact, rowvar=False), rtol=1e-9, atol=1e-11)


def test_frechet_distance_is_the_matrix_root_formula():
    assert distance(BASE, OTHER) == pytest.approx(by_matrix_root(BASE, OTHER), rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(5, 1300), (1300, 5), (5, 9), (2, 2), (13, 12)])
def test_frechet_distance_of_fewer_rows_than_columns(n, m):
    x, y = BASE[:n], OTHER[:m]
    assert distance(x, y) == pytest.approx(by_singular_values_of_the_rows(x, y), rel=1e-9)


def test_frechet_distance_of_many_columns_and_few_rows():
    x, y = RNG.standard_normal((60, 300)), RNG.standard_normal((50, 300)) * 1.2
    assert distance(x, y) == pytest.approx(by_singular_values_of_the_rows(x, y), rel=1e-10)


def test_frechet_distance_of_columns_of_very_different_scale():
    scale = np.logspace(-6, 6, 12)
    x, y = BASE[:400] * scale, OTHER[:200] * scale
    assert distance(x, y) == pytest.approx(by_singular_values_of_the_rows(x, y), rel=1e-9)
    small, others = slice(0, 4), np.s_[4:]
    fixed = x.copy(), y.copy()
    for rows in fixed:
        rows[:, others] = 0
    only_small = distance(x[:, small], y[:, small])
    assert distance(*fixed) == pytest.approx(only_small, rel=1e-9)


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9), st.floats(-5, 5)), min_size=4, max_size=4))
def test_frechet_distance_of_commuting_covariances_has_its_closed_form(values):
    first, second, means = (np.array(column) for column in zip(*values))
    q = ortho_group.rvs(4, random_state=3)
    real = q @ means, q @ np.diag(first) @ q.T
    fake = np.zeros(4), q @ np.diag(second) @ q.T
    exact = np.sum(means**2) + np.sum((np.sqrt(first) - np.sqrt(second)) ** 2)
    scale = 1 + np.sum(first) + np.sum(second)
    assert frechet_distance(real, fake) == pytest.approx(exact, rel=1e-6, abs=1e-5 * scale)


@given(st.lists(st.floats(-3, 3), min_size=8, max_size=8))
def test_frechet_distance_in_two_dimensions_has_its_closed_form(values):
    a, b = np.reshape(values[:4], (2, 2)), np.reshape(values[4:], (2, 2))
    c1, c2 = a @ a.T + 0.1 * np.eye(2), b @ b.T + 0.1 * np.eye(2)
    root = np.sqrt(np.trace(c1 @ c2) + 2 * np.sqrt(np.linalg.det(c1) * np.linalg.det(c2)))
    found = frechet_distance((np.zeros(2), c1), (np.zeros(2), c2))
    assert found == pytest.approx(np.trace(c1) + np.trace(c2) - 2 * root, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("rows", [3, 12, 13, 2500])
def test_frechet_distance_to_itself_is_zero_up_to_rounding(rows):
    of = moments(BASE[:rows])
    assert 0 <= frechet_distance(of, of) <= 1e-12 * np.trace(of[1])


def test_frechet_distance_of_constants_is_the_squared_distance_of_means():
    x, y = np.full((4, 3), 2.0), np.full((6, 3), 5.0)
    assert distance(x, y) == 27.0
    assert distance(x, x) == 0.0


def test_frechet_distance_to_a_constant_is_the_mean_squared_distance_to_it():
    y = np.tile(BASE[:1], (7, 1))
    mean, covariance = moments(BASE)
    exact = np.sum((mean - BASE[0].astype(np.float64)) ** 2) + np.trace(covariance)
    assert distance(BASE, y) == pytest.approx(exact, rel=1e-12)


def test_frechet_distance_laws():
    value = distance(BASE, OTHER)
    q = ortho_group.rvs(12, random_state=1)
    assert distance(OTHER, BASE) == pytest.approx(value, rel=1e-10)
    assert distance(BASE[::-1], RNG.permutation(OTHER)) == pytest.approx(value, rel=1e-10)
    assert distance(3.0 * BASE.astype(np.float64), 3.0 * OTHER.astype(np.float64)) == pytest.approx(
        9 * value, rel=1e-10
    )
    assert distance(BASE @ q + 50.0, OTHER @ q + 50.0) == pytest.approx(value, rel=1e-9)
    assert distance(BASE, BASE + np.float32(2)) == pytest.approx(4.0 * 12, rel=1e-5)


def test_frechet_distance_of_duplicated_columns_and_rows():
    x, y = np.hstack([BASE, BASE]), np.hstack([OTHER, OTHER])
    assert distance(x, y) == pytest.approx(2 * distance(BASE, OTHER), rel=1e-9)
    twice = np.vstack([BASE[:40], BASE[:40]])
    assert distance(twice, OTHER) == pytest.approx(by_singular_values_of_the_rows(twice, OTHER), rel=1e-9)


@pytest.mark.parametrize("bad", [np.diag([1.0, -1.0]), [[1.0, 2.0], [2.0, 1.0]], [[0.0, 1.0], [1.0, 1.0]]])
def test_frechet_distance_of_what_is_no_covariance_is_refused(bad):
    with pytest.raises(MetricError, match="a covariance must be positive semidefinite"):
        frechet_distance((np.zeros(2), np.eye(2)), (np.zeros(2), np.array(bad)))


def test_one_row_has_no_covariance():
    with pytest.raises(MetricError, match="fake must have at least 2 rows, got 1"):
        frechet(BASE, BASE[:1])
