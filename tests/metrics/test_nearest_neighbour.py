import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ortho_group
from sklearn.neighbors import NearestNeighbors
from support.values import numbers

from gan_jax.errors import MetricError
from gan_jax.metrics import nearest_neighbour as module

RNG = np.random.default_rng(17)
REAL = RNG.standard_normal((1100, 5)).astype(np.float32)  # a block and 76 rows
FAKE = (0.8 * RNG.standard_normal((2124, 5))).astype(np.float32)  # two blocks and 76 rows: the same programs


def nearest_neighbour(real, fake):
    """The accuracies over both sets, the real rows and the fake ones."""
    return numbers(module.nearest_neighbour(real, fake))


def test_nearest_neighbour_is_scikit_learns():
    union = np.vstack([REAL, FAKE]).astype(np.float64)
    is_real = np.arange(3224) < 1100
    _, nearest = NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(union).kneighbors()
    right = is_real[nearest[:, 0]] == is_real
    found = nearest_neighbour(REAL, FAKE)
    assert found == pytest.approx((right.mean(), right[:1100].mean(), right[1100:].mean()), rel=1e-12)


def brute(real, fake):
    rows = [tuple(row) for row in (*real.tolist(), *fake.tolist())]
    right = []
    for i, row in enumerate(rows):
        least = {True: None, False: None}
        for j, other in enumerate(rows):
            distance = sum((a - b) ** 2 for a, b in zip(row, other))
            same = (i < len(real)) == (j < len(real))
            if i != j and (least[same] is None or distance < least[same]):
                least[same] = distance
        right.append(0.5 if least[True] == least[False] else float(least[True] < least[False]))
    return np.mean(right), np.mean(right[: len(real)]), np.mean(right[len(real) :])


points = lambda rows: arrays(np.int64, (rows, 2), elements=st.integers(0, 3))


@given(points(9), points(7))
def test_nearest_neighbour_counts_a_tie_as_half(real, fake):
    exact = brute(real, fake)
    assert nearest_neighbour(real, fake) == pytest.approx(exact, rel=1e-12)
    found = nearest_neighbour(real.astype(np.float32) / 4 + 100, fake.astype(np.float32) / 4 + 100)
    assert found == pytest.approx(exact, rel=1e-12)


def test_nearest_neighbour_of_the_limits():
    assert nearest_neighbour(REAL, REAL + np.float32(100)) == (1, 1, 1)
    assert nearest_neighbour(REAL, RNG.permutation(REAL)) == (0, 0, 0)
    ones = np.ones((9, 2))
    assert nearest_neighbour(ones, ones[:7]) == (0.5, 0.5, 0.5)
    assert nearest_neighbour(ones, 2 * ones[:7]) == (1, 1, 1)


def test_nearest_neighbour_of_equal_distributions_is_about_half():
    found = nearest_neighbour(*RNG.standard_normal((2, 1100, 5)))
    assert found == pytest.approx((0.5, 0.5, 0.5), abs=0.06)


def test_nearest_neighbour_of_a_collapsed_generator():
    found = nearest_neighbour(REAL, REAL[:1] + 0.001 * RNG.standard_normal((2124, 5)).astype(np.float32))
    assert min(found[1:]) > 0.99
    spread = REAL[np.arange(1100) // 100 * 100] + np.float32(1e-3) * RNG.standard_normal((1100, 5)).astype(np.float32)
    assert nearest_neighbour(REAL, spread)[2] > 0.95


def test_nearest_neighbour_laws():
    value = nearest_neighbour(REAL, FAKE)
    q = ortho_group.rvs(5, random_state=1)
    assert nearest_neighbour(REAL[::-1], RNG.permutation(FAKE)) == pytest.approx(value, rel=1e-12)
    assert nearest_neighbour(REAL @ (4 * q) + 9.0, FAKE @ (4 * q) + 9.0) == pytest.approx(value, rel=1e-12)
    exchanged = nearest_neighbour(FAKE, REAL)
    assert exchanged == pytest.approx((value[0], value[2], value[1]), rel=1e-12)


def test_nearest_neighbour_needs_two_rows():
    with pytest.raises(MetricError, match="real must have at least 2 rows, got 1"):
        nearest_neighbour(REAL[:1], FAKE)
    with pytest.raises(MetricError, match="fake must have at least 2 rows, got 1"):
        nearest_neighbour(REAL, FAKE[:1])
