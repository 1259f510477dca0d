"""Intervals, the best of k and paired differences against closed forms, enumeration, and SciPy."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from support.tables_of_runs import INF, NAN, error_of, numbers

from gan_jax.errors import MetricError
from gan_jax.sweeps.estimates import best_of, bootstrap_interval, deviation, paired

pytestmark = pytest.mark.filterwarnings("error")


# Intervals.


def test_the_interval_of_three_values_is_their_range():
    """Each of the 27 resamples is as likely; the least mean has 1/27 > 2.5 %."""
    assert bootstrap_interval([3.0, 1.0, 7.0]) == pytest.approx((1, 7), rel=1e-12)


def test_the_interval_of_a_few_values_is_that_of_all_resamples():
    values = np.array([0.3, 1.9, 2.0, 4.4, 8.1])
    means = np.mean(list(itertools.product(values, repeat=5)), axis=1)
    low, high = np.quantile(means, [0.05, 0.95])
    assert bootstrap_interval(values, 0.9) == pytest.approx((low, high), abs=0.1)
    medians = np.median(list(itertools.product(values, repeat=5)), axis=1)
    assert bootstrap_interval(values, 0.8, statistic=np.median) == tuple(np.quantile(medians, [0.1, 0.9]))


def test_the_interval_of_many_values_is_the_normal_one():
    values = np.random.default_rng(5).normal(3, 2, 400)
    half = stats.norm.ppf(0.975) * values.std() / 20
    assert bootstrap_interval(values) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)


@pytest.mark.parametrize(("n", "coverage"), [(3, 0.75), (5, 0.837), (10, 0.901)])
def test_the_interval_is_too_narrow_for_few_values_as_its_documentation_says(n, coverage):
    rng = np.random.default_rng(n)
    intervals = [bootstrap_interval(rng.standard_normal(n), resamples=500) for _ in range(600)]
    held = np.mean([low <= 0 <= high for low, high in intervals])
    assert abs(held - coverage) < 4 * (coverage * (1 - coverage) / 600) ** 0.5
    assert f"{100 * coverage:.0f} % for" in " ".join(bootstrap_interval.__doc__.split())


@given(numbers.filter(lambda x: len(x) > 1), st.floats(0.5, 0.99))
@settings(max_examples=50)
def test_the_interval_holds_the_mean_lies_within_the_values_and_is_the_same_again(values, confidence):
    low, high = bootstrap_interval(values, confidence, resamples=500)
    tiny = 1e-9
    assert min(values) - tiny <= low <= np.mean(values) + 0.35 * np.ptp(values) + tiny
    assert np.mean(values) - 0.35 * np.ptp(values) - tiny <= high <= max(values) + tiny
    assert low <= high
    assert (low, high) == bootstrap_interval(values, confidence, resamples=500)


@given(numbers.filter(lambda x: len(set(x)) > 1), st.floats(-5, 5), st.sampled_from([0.5, 2.0, 3.7]))
@settings(max_examples=50)
def test_the_interval_moves_and_grows_with_the_values(values, shift, scale):
    low, high = bootstrap_interval(values, resamples=300)
    moved = bootstrap_interval(np.array(values) * scale + shift, resamples=300)
    assert moved == pytest.approx((low * scale + shift, high * scale + shift), abs=1e-7)
    wide = bootstrap_interval(values, 0.99, resamples=300)
    assert wide[0] <= low + 1e-9
    assert high - 1e-9 <= wide[1]


def test_the_interval_does_not_depend_on_the_order_of_runs():
    values = [0.3, 1.9, 2.0, 4.4, 8.1]
    assert bootstrap_interval(values, resamples=100) == bootstrap_interval(values[::-1], resamples=100)


def test_intervals_of_degenerate_values():
    assert np.isnan(bootstrap_interval([])).all()
    assert np.isnan(bootstrap_interval([4.0])).all()
    assert bootstrap_interval([4.1] * 5) == (4.1, 4.1)
    assert bootstrap_interval([INF] * 3) == (INF, INF)
    assert np.isnan(bootstrap_interval([1.0, INF, 2.0])).all()
    assert error_of(lambda: bootstrap_interval([1, NAN]), MetricError) == (
        "1 of 2 values are NaN; allowed: the values of runs that have one"
    )
    assert error_of(lambda: bootstrap_interval([[1.0]]), MetricError).startswith("values of shape (1, 1); allowed")
    assert (
        error_of(lambda: bootstrap_interval([1, 2], 95)) == "confidence=95 is not possible; allowed: a number in (0, 1)"
    )
    assert error_of(lambda: bootstrap_interval([1, 2], resamples=0)).startswith("resamples=0 is not possible")


# The best of k.


@given(numbers, st.integers(1, 7), st.sampled_from(["lower", "higher"]))
def test_best_of_is_the_mean_over_all_choices(values, k, better):
    best = {"lower": min, "higher": max}[better]
    if k > len(values):
        assert math.isnan(best_of(values, k, better))
    else:
        expected = np.mean([best(chosen) for chosen in itertools.combinations(values, k)])
        assert best_of(values, k, better) == pytest.approx(expected, abs=1e-9)


def test_best_of_has_closed_forms():
    """The values 1 to n: the greatest of k is expected at k (n + 1) / (k + 1)."""
    n = 200
    for k in (1, 2, 5, 199, 200):
        assert best_of(np.arange(1, n + 1), k, "higher") == pytest.approx(k * (n + 1) / (k + 1), rel=1e-12)
        assert best_of(np.arange(1, n + 1), k, "lower") == pytest.approx((n + 1) / (k + 1), rel=1e-12)


def test_best_of_is_unbiased():
    """The best of k uniform numbers is expected at k / (k + 1), whatever the number of runs."""
    rng = np.random.default_rng(0)
    for n in (3, 6):
        assert np.mean([best_of(rng.random(n), 3, "higher") for _ in range(4000)]) == pytest.approx(0.75, abs=0.01)


def test_best_of_with_infinite_values():
    assert best_of([INF, 2.0, 1.0], 2, "lower") == pytest.approx((1 + 1 + 2) / 3)
    assert best_of([INF, 2.0, 1.0], 1, "lower") == INF
    assert best_of([INF, 2.0, 1.0], 3, "higher") == INF
    assert error_of(lambda: best_of([1], 0, "lower")) == "k=0 is not possible; allowed: a whole number of at least 1"
    assert error_of(lambda: best_of([1], 1, "less")) == "better='less' is not possible; allowed: lower, higher"
    assert "NaN" in error_of(lambda: best_of([NAN], 1, "lower"), MetricError)


# Differences between pairs.


@given(numbers)
@settings(max_examples=50)
def test_the_sign_flip_test_is_that_of_all_patterns_and_the_effect_that_of_the_t_test(values):
    d = np.array(values)
    made = paired(d)
    means = [abs(np.mean(d * signs)) for signs in itertools.product((1, -1), repeat=len(d))]
    assert made.p == pytest.approx(np.mean(np.array(means) >= abs(d.mean()) * (1 - 1e-12) - 1e-12))
    assert made.p >= 2 ** (1 - len(d)) - 1e-12
    assert made.mean == pytest.approx(d.mean())
    if len(set(values)) > 1:
        assert made.effect == pytest.approx(stats.ttest_1samp(d, 0).statistic / len(d) ** 0.5, rel=1e-6, abs=1e-9)


def test_differences_that_are_degenerate():
    assert paired([2.0, 2.0, 2.0]) == (2, 2, 2, INF, 0.25)
    assert paired([-2.0, -2.0]).effect == -INF
    zero = paired([0.0, 0.0, 0.0])
    assert (zero[:3], zero.p) == ((0, 0, 0), 1)
    assert math.isnan(zero.effect)
    assert np.isnan(paired([])).all()
    one = paired([3.0])
    assert (one.mean, one.p) == (3, 1)
    assert np.isnan([one.low, one.high, one.effect]).all()
    assert paired([INF, 1.0]).mean == INF
    assert np.isnan(paired([INF, 1.0])[1:]).all()


def test_many_differences_are_tested_at_random_the_same_way_again():
    d = np.random.default_rng(1).normal(0.4, 1, 40)
    assert paired(d).p == paired(d).p == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.01)


def test_deviation():
    assert deviation(np.array([1.0, 3.0])) == pytest.approx(2**0.5)
    assert deviation(np.array([0.1, 0.1, 0.1])) == 0
    assert math.isnan(deviation(np.array([1.0])))
    assert math.isnan(deviation(np.array([1.0, INF])))
