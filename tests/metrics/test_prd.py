import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.values import numbers
from threadpoolctl import threadpool_limits

from gan_jax.errors import MetricError
from gan_jax.metrics.prd import clustered, prd, prd_curve

RNG = np.random.default_rng(19)
CENTRES = 50 * np.eye(4, dtype=np.float32)
histograms = arrays(np.int64, 5, elements=st.integers(0, 30)).filter(lambda x: x.sum() > 0)


@pytest.fixture(autouse=True)
def _one_thread():
    """Threads of k-means that wait for each other on a busy machine take 20 times as long as one."""
    with threadpool_limits(1):
        yield


def modes(counts):
    which = np.repeat(np.arange(4), counts)
    return CENTRES[which] + RNG.standard_normal((len(which), 4)).astype(np.float32)


def curve(real, fake, seed=0, clusters=20, angles=1001, runs=2):
    return clustered(real, fake, jax.random.key(seed), clusters, angles, runs)


def best(precision, recall, beta):
    pairs = [(p, r) for p, r in zip(precision, recall) if p > 0 and r > 0]
    return max((1 + beta**2) / (beta**2 / r + 1 / p) for p, r in pairs)


@given(histograms, histograms)
def test_prd_curve_is_the_definition(real, fake):
    p, q = real / real.sum(), fake / fake.sum()
    precision, recall = prd_curve(real, fake, angles=101)
    for index in range(1, 100):
        slope = math.tan(index / 100 * math.pi / 2)
        assert precision[index] == pytest.approx(sum(min(slope * a, b) for a, b in zip(p, q)), rel=1e-6, abs=1e-12)
        assert recall[index] == pytest.approx(sum(min(a, b / slope) for a, b in zip(p, q)), rel=1e-6, abs=1e-12)
    assert np.all((precision >= 0) & (precision <= 1) & (recall >= 0) & (recall <= 1))
    # The ends: how much of each lies where the other has anything.
    assert precision[-1] == pytest.approx(q[p > 0].sum(), abs=1e-8)
    assert recall[0] == pytest.approx(p[q > 0].sum(), abs=1e-8)


@given(histograms, histograms)
def test_prd_curve_of_exchanged_distributions_is_the_curve_exchanged(real, fake):
    precision, recall = prd_curve(real, fake)
    exchanged = prd_curve(fake, real)
    np.testing.assert_allclose(exchanged[0], recall[::-1], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(exchanged[1], precision[::-1], rtol=1e-5, atol=1e-9)
    assert len(precision) == 1001


def test_prd_of_dropped_modes():
    """Real rows in four modes, fake ones in two of them, so unequally that the curve bends."""
    real, fake = modes([50, 50, 50, 50]), modes([150, 50, 0, 0])
    precision, recall = curve(real, fake, clusters=4)
    exact = prd_curve(np.array([1, 1, 1, 1]), np.array([3, 1, 0, 0]))
    np.testing.assert_allclose(precision, exact[0], rtol=1e-12)
    np.testing.assert_allclose(recall, exact[1], rtol=1e-12)
    assert precision.max() == pytest.approx(1)
    assert recall.max() == pytest.approx(0.5)
    f8, f8_inverse = numbers(prd(real, fake, jax.random.key(0), clusters=4, runs=2))
    assert f8 == pytest.approx(best(*exact, 8), rel=1e-9)
    assert f8_inverse == pytest.approx(best(*exact, 1 / 8), rel=1e-9)
    assert f8 < 0.52
    assert f8_inverse > 0.9


def test_prd_of_copies_is_perfect():
    real = modes([50, 50, 50, 50])
    precision, recall = curve(real, real[::-1])
    slopes = np.tan(np.linspace(1e-10, np.pi / 2 - 1e-10, 1001))
    np.testing.assert_allclose(precision, np.minimum(slopes, 1), rtol=1e-9)
    np.testing.assert_allclose(recall, np.minimum(1 / slopes, 1), rtol=1e-9)


def test_prd_of_disjoint_sets_is_zero():
    found = prd(modes([100, 0, 0, 0]), modes([0, 100, 0, 0]), jax.random.key(1), clusters=2, runs=2)
    assert numbers(found) == (0, 0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # fewer distinct rows than clusters
def test_prd_of_constants():
    ones = np.ones((30, 2), np.float32)
    assert numbers(prd(ones, ones, jax.random.key(0), runs=1)) == pytest.approx((1, 1))
    assert numbers(prd(ones, 2 * ones, jax.random.key(0), runs=1)) == (0, 0)


def test_prd_depends_on_its_key_alone():
    real, fake = RNG.standard_normal((2, 200, 3)).astype(np.float32)
    first, again, other = (curve(real, fake, seed, angles=11) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, curve(real, fake, angles=11, runs=1))


def test_prd_needs_as_many_rows_as_clusters():
    rows = np.zeros((12, 2))
    with pytest.raises(MetricError, match="clusters must be at most the rows of real and fake, 24, got 25"):
        prd(rows, rows, jax.random.key(0), clusters=25)
