import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ortho_group
from support.values import numbers

from gan_jax.errors import MetricError
from gan_jax.metrics import prdc as all_four
from gan_jax.metrics import precision_recall as two_of_them

RNG = np.random.default_rng(13)
REAL = RNG.standard_normal((1100, 5)).astype(np.float32) + np.float32(2)  # a block and 76 rows
FAKE = (1.2 * RNG.standard_normal((2124, 5)) + 2.2).astype(np.float32)  # two blocks and 76 rows: the same programs


def prdc(real, fake, **options):
    return numbers(all_four.prdc(real, fake, **options))


def precision_recall(real, fake, **options):
    return numbers(two_of_them.precision_recall(real, fake, **options))


def squared(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    return sum(np.square(x[:, i, None] - y[None, :, i]) for i in range(x.shape[1]))


def radii(x, k):
    own = squared(x, x)
    np.fill_diagonal(own, np.inf)
    return np.sort(own, axis=1)[:, k - 1]


def brute(real, fake, k, inside):
    across = squared(real, fake)
    in_real, in_fake = inside(across, radii(real, k)[:, None]), inside(across, radii(fake, k)[None, :])
    precision, recall = in_real.any(0).mean(), in_fake.any(1).mean()
    return precision, recall, in_real.sum() / (k * len(fake)), in_real.any(1).mean()


@pytest.mark.parametrize("k", [1, 5])
def test_prdc_is_the_definition(k):
    exact = brute(REAL, FAKE, k, np.less)
    assert prdc(REAL, FAKE, k=k) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("k", [1, 3])
def test_precision_recall_is_the_definition(k):
    exact = brute(REAL, FAKE, k, np.less_equal)[:2]
    assert precision_recall(REAL, FAKE, k=k) == pytest.approx(exact, rel=1e-12)
    assert precision_recall(FAKE, REAL, k=k) == pytest.approx(exact[::-1], rel=1e-12)


def test_the_number_of_neighbours_unless_told():
    assert prdc(REAL, FAKE) == prdc(REAL, FAKE, k=5)
    assert precision_recall(REAL, FAKE) == precision_recall(REAL, FAKE, k=3)


points = lambda rows: arrays(np.int64, (rows, 2), elements=st.integers(0, 3))


@given(points(9), points(7), st.sampled_from([1, 3]), st.booleans())
def test_prdc_decides_ties_exactly(real, fake, k, quarters):
    """Points of a lattice: most distances occur many times, and many points do."""
    x, y = (points.astype(np.float32) / 4 + 100 if quarters else points for points in (real, fake))
    exact = brute(real, fake, k, np.less)
    assert prdc(x, y, k=k) == pytest.approx(exact, rel=1e-12)
    assert precision_recall(x, y, k=k) == pytest.approx(brute(real, fake, k, np.less_equal)[:2], rel=1e-12)


@pytest.mark.parametrize("rearrange", [lambda x: x, lambda x: RNG.permutation(x)])
def test_prdc_of_copies_is_one(rearrange):
    copy = rearrange(REAL)
    assert prdc(REAL, copy) == (1, 1, 1, 1)
    assert precision_recall(REAL, copy) == (1, 1)


def test_prdc_of_sets_far_apart_is_zero():
    assert prdc(REAL, REAL + np.float32(1e3)) == (0, 0, 0, 0)
    assert precision_recall(REAL, REAL + np.float32(1e3)) == (0, 0)


def test_prdc_of_a_collapsed_generator():
    collapsed = REAL[:1] + 0.01 * RNG.standard_normal((2124, 5)).astype(np.float32)
    precision, recall, _, coverage = prdc(REAL, collapsed)
    assert precision == 1
    assert recall < 0.05
    assert coverage < 0.05


def test_prdc_of_constants_is_a_number():
    ones = np.ones((9, 2), np.float32)
    assert prdc(ones, ones[:7], k=3) == (0, 0, 0, 0)
    assert precision_recall(ones, ones[:7], k=3) == (1, 1)
    assert precision_recall(ones, 2 * ones[:7], k=3) == (0, 0)


def test_prdc_laws():
    value = prdc(REAL, FAKE)
    q = ortho_group.rvs(5, random_state=1)
    assert prdc(REAL[::-1], RNG.permutation(FAKE)) == pytest.approx(value, rel=1e-12)
    assert prdc(8 * REAL, 8 * FAKE) == pytest.approx(value, rel=1e-12)
    assert prdc(REAL @ q + 30.0, FAKE @ q + 30.0) == pytest.approx(value, rel=1e-12)
    assert prdc(FAKE, REAL)[:2] == pytest.approx(value[1::-1], rel=1e-12)


def test_coverage_of_equal_distributions_is_as_the_paper_says():
    """1 - (n - 1) ... (n - k) / ((2n - 1) ... (2n - k)), about 1 - 2^-k; density 1."""
    _, _, density, coverage = prdc(*RNG.standard_normal((2, 1100, 5)).astype(np.float32), k=5)
    assert coverage == pytest.approx(1 - 0.5**5, abs=0.02)
    assert density == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: prdc(REAL[:5], FAKE), "real must have at least 6 rows, got 5"),
        (lambda: prdc(REAL, FAKE[:5]), "fake must have at least 6 rows, got 5"),
        (lambda: precision_recall(REAL, FAKE[:3]), "fake must have at least 4 rows, got 3"),
    ],
)
def test_prdc_refuses(call, line):
    with pytest.raises(MetricError, match=line):
        call()


@pytest.mark.slow
def test_prdc_of_two_normal_sets_as_published():
    """The example of the README of the package prdc, which names no seed: "may fluctuate due to randomness"."""
    real, fake = np.random.default_rng(0).standard_normal((2, 10_000, 1000), np.float32)
    found = prdc(real, fake, k=5)
    assert found == pytest.approx((0.4772, 0.4705, 1.0555, 0.9735), abs=0.02)
    assert found[3] == pytest.approx(0.9735, abs=0.006)
