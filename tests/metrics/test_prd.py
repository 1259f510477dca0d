import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from threadpoolctl import threadpool_limits

from gan_jax.errors import MetricError
from gan_jax.metrics.prd import prd, prd_curve

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
    found = prd(real, fake, jax.random.key(0), clusters=4, runs=2)
    exact = prd_curve(np.array([1, 1, 1, 1]), np.array([3, 1, 0, 0]))
    np.testing.assert_allclose(found.precision, exact[0], rtol=1e-12)
    np.testing.assert_allclose(found.recall, exact[1], rtol=1e-12)
    assert found.precision.max() == pytest.approx(1)
    assert found.recall.max() == pytest.approx(0.5)
    assert found.f8 == pytest.approx(best(*exact, 8), rel=1e-9)
    assert found.f8_inverse == pytest.approx(best(*exact, 1 / 8), rel=1e-9)
    assert found.f8 < 0.52
    assert found.f8_inverse > 0.9


def test_prd_of_copies_is_perfect():
    real = modes([50, 50, 50, 50])
    found = prd(real, real[::-1], jax.random.key(1), runs=2)
    slopes = np.tan(np.linspace(1e-10, np.pi / 2 - 1e-10, 1001))
    np.testing.assert_allclose(found.precision, np.minimum(slopes, 1), rtol=1e-9)
    np.testing.assert_allclose(found.recall, np.minimum(1 / slopes, 1), rtol=1e-9)
    assert (found.f8, found.f8_inverse) == pytest.approx((1, 1), rel=1e-12)


def test_prd_of_disjoint_sets_is_zero():
    found = prd(modes([100, 0, 0, 0]), modes([0, 100, 0, 0]), jax.random.key(1), clusters=2, runs=2)
    assert not found.precision.any()
    assert not found.recall.any()
    assert (found.f8, found.f8_inverse) == (0, 0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # fewer distinct rows than clusters
def test_prd_of_constants():
    ones = np.ones((30, 2), np.float32)
    assert prd(ones, ones, jax.random.key(0), runs=1)[2:] == pytest.approx((1, 1))
    assert prd(ones, 2 * ones, jax.random.key(0), runs=1)[2:] == (0, 0)


def test_prd_depends_on_its_key_alone():
    real, fake = RNG.standard_normal((2, 200, 3)).astype(np.float32)
    first, again, other = (prd(real, fake, jax.random.key(seed), runs=2, angles=11) for seed in (0, 0, 1))
    assert np.array_equal(first.precision, again.precision)
    assert not np.array_equal(first.precision, other.precision)
    one, two = (prd(real, fake, jax.random.key(0), runs=runs, angles=11) for runs in (1, 2))
    assert not np.array_equal(one.precision, two.precision)


ROWS = np.zeros((12, 2))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"clusters": 25}, "clusters must be at most the rows of real and fake, 24, got 25"),
        ({"clusters": 0}, "clusters must be an integer of at least 1, got 0"),
        ({"angles": 2}, "angles must be an integer of at least 3, got 2"),
        ({"runs": 0}, "runs must be an integer of at least 1, got 0"),
        ({"key": 3}, "key must be one typed key"),
        ({"fake": np.zeros((12, 3))}, "fake must have as many columns as real, 2, got 3"),
        ({"fake": np.full((12, 2), np.nan)}, "fake must be finite .* got nan in row 0, column 0"),
    ],
)
def test_prd_refuses(arguments, line):
    with pytest.raises(MetricError, match=line):
        prd(**{"real": ROWS, "fake": ROWS, "key": jax.random.key(0), **arguments})


@pytest.mark.parametrize("bad", [[0, 0], [-1, 2], [np.nan, 1], [[1, 2]]])
def test_prd_curve_refuses_what_is_no_histogram(bad):
    with pytest.raises(MetricError, match="real must be a histogram"):
        prd_curve(np.array(bad), np.ones(2))
    with pytest.raises(MetricError, match="fake must be a histogram"):
        prd_curve(np.ones(2), np.array(bad))
    with pytest.raises(MetricError, match="fake must be a histogram of the length of real, 2, got 3"):
        prd_curve(np.ones(2), np.ones(3))
