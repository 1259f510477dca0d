"""Summaries, ranks, comparisons and sensitivities against closed forms, enumeration, SciPy's tests, and laws."""

import itertools
import math
import warnings

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import gan_jax.sweeps
from gan_jax.errors import ConfigError, MetricError
from gan_jax.sweeps.aggregate import best_of, bootstrap_interval, compare, rank, sensitivity, summarize
from gan_jax.sweeps.estimates import deviation, paired
from gan_jax.sweeps.selection import UNFINISHED, run_values

METRIC, PROTOCOL = "frechet_lenet", "frechet_lenet:protocol"
NAN, INF = math.nan, math.inf
numbers = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=1, max_size=7)


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def row(loss, seed, value, protocol="p", **other):
    """One row of a table, as ``gan_jax.sweeps.load`` makes it."""
    columns = {
        "run": f"{loss}-{other.get('batch_size', 8)}-{seed}", "group": "", "status": "finished", "reason": "",
        "health": "", "step": 100, "steps": 100, "last": True, "seconds": 1.0, "by": "train", "loss.name": loss,
        "batch_size": 8, "seed": seed, METRIC: float(value), PROTOCOL: "" if math.isnan(value) else protocol,
        "train:generator/loss": float(seed),
    }  # fmt: skip
    return {**columns, **other}


def table(rows, fields=("loss.name",)):
    frame = pandas.DataFrame(rows, columns=list(row("", 0, 0.0)))
    frame.attrs = {"fields": list(fields), "metric": METRIC}
    return frame


def of_values(**values):
    """{loss: values by seed}."""
    return table([row(loss, seed, v) for loss, own in values.items() for seed, v in enumerate(own)])


def error_of(function, kind=ConfigError):
    with pytest.raises(kind) as caught:
        function()
    assert "\n" not in str(caught.value)
    return str(caught.value)


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


# One value a run.


def test_a_run_counts_once_by_its_last_rows_of_one_protocol():
    frame = table(
        [
            row("hinge", 0, 9.0, last=False, step=50),
            row("hinge", 0, 1.0),
            row("hinge", 0, 3.0, by="evaluate"),  # another seed of the evaluation
            row("hinge", 0, 70.0, "q", by="evaluate"),
            row("hinge", 1, 5.0, step=40),
            row("hinge", 1, 80.0, "q", by="evaluate"),
            row("hinge", 2, 90.0, "q", by="evaluate"),
            row("hinge", 3, NAN),
            row("hinge", 4, 7.0),
        ]
    )
    runs = run_values(frame, METRIC)
    assert runs.attrs["protocol"] == "p"
    assert runs.attrs["fields"] == ["loss.name"]
    np.testing.assert_array_equal(runs["value"], [2, 5, NAN, NAN, 7])
    assert list(runs["early"]) == [False, True, False, False, False]
    assert list(runs["left_out"]) == [False, False, True, False, False]
    other = run_values(frame, METRIC, "q")
    np.testing.assert_array_equal(other["value"], [70, 80, 90, NAN, NAN])
    assert list(other["left_out"]) == [False, False, False, False, True]
    of_training = run_values(frame, "train:generator/loss")
    np.testing.assert_array_equal(of_training["value"], [0, 1, 2, 3, 4])
    assert of_training.attrs["protocol"] == ""


def test_of_protocols_that_as_many_runs_have_the_first_counts():
    frame = table([row("hinge", 0, 1.0, "q"), row("hinge", 1, 2.0, "p")])
    assert run_values(frame, METRIC).attrs["protocol"] == "q"


def test_the_protocol_that_most_runs_have_counts_not_that_of_most_rows():
    rows = [row("hinge", 0, float(i), "q") for i in range(5)] + [row("hinge", s, 1.0, "p") for s in (1, 2)]
    assert run_values(table(rows), METRIC).attrs["protocol"] == "p"


def test_a_metric_that_no_run_lived_to_see_has_no_values():
    frame = table([row("hinge", 0, 1.0, status="failed")]).drop(columns=[METRIC, PROTOCOL])
    made = summarize(frame, METRIC)
    assert made.loc[0, ["n", "runs", "failed"]].tolist() == [0, 1, 1]
    assert METRIC not in frame.columns


# Summaries.


def test_a_summary_by_hand():
    frame = table(
        [
            row("hinge", 0, 4.0),
            row("hinge", 1, 1.0),
            row("hinge", 2, 7.0, status="stopped", step=30),
            row("hinge", 3, NAN, status="failed"),
            row("minimax", 0, 2.0),
            row("minimax", 1, NAN, status="non_finite"),
            row("minimax", 2, NAN, status="missing"),
            row("minimax", 3, 5.0, "q"),
            row("minimax", 4, NAN, status="interrupted"),
        ]
    )
    made = summarize(frame, METRIC)
    hinge, minimax = (made.loc[i] for i in (0, 1))
    assert (hinge["loss.name"], hinge.n, hinge.runs, hinge.early, hinge.left_out) == ("hinge", 3, 4, 1, 0)
    assert (hinge["mean"], hinge["median"], hinge["std"], hinge["best"]) == (4, 4, 3, 1)
    assert (hinge.low, hinge.high) == pytest.approx((1, 7))
    assert (hinge.best_of_1, hinge.best_of_3, hinge.enough) == (pytest.approx(4), 1, True)
    assert math.isnan(hinge.best_of_5)
    assert (hinge.stopped, hinge.failed, hinge.non_finite, hinge.missing) == (1, 1, 0, 0)
    assert (minimax.n, minimax.runs, minimax.left_out, minimax.enough) == (1, 5, 1, False)
    assert (minimax["mean"], minimax["best"], minimax.non_finite, minimax.missing, minimax.interrupted) == (
        2,
        2,
        1,
        1,
        1,
    )
    assert np.isnan(minimax[["std", "low", "high", "best_of_3"]].tolist()).all()
    assert made.attrs == {"metric": METRIC, "by": ["loss.name"], "better": "lower", "protocol": "p", "confidence": 0.95}
    assert list(made.columns) == ["loss.name", "n", "runs", "early", "left_out", *UNFINISHED, "mean", "median", "std",
                                  "low", "high", "best", "best_of_1", "best_of_3", "best_of_5", "enough"]  # fmt: skip


@given(st.permutations(range(9)), st.data())
@settings(max_examples=25)
def test_a_summary_does_not_depend_on_the_order_of_runs(order, data):
    statuses = st.sampled_from(["finished", *UNFINISHED])
    rows = [
        row(loss, seed, data.draw(st.sampled_from([1.0, 2.5, -3.0, NAN])), status=data.draw(statuses))
        for loss in "abc"
        for seed in range(3)
    ]
    made, other = (
        summarize(table(r), METRIC).set_index("loss.name").sort_index() for r in (rows, [rows[i] for i in order])
    )
    pandas.testing.assert_frame_equal(made, other)
    counted = made[[*UNFINISHED]].sum(axis=1) + [
        sum(r["status"] == "finished" for r in rows if r["loss.name"] == loss) for loss in "abc"
    ]
    assert list(counted) == list(made["runs"]) == [3, 3, 3]


def test_settings_are_in_order_of_appearance_and_may_be_tuples_or_dicts():
    rows = [
        {**row("z", 0, 1.0), "widths": (8, 8), "options": {"gamma": 1}},
        {**row("a", 1, 2.0), "widths": (4,), "options": {"gamma": 1}},
        {**row("z", 2, 3.0), "widths": (8, 8), "options": {"gamma": 2}},
    ]
    for made, options in zip(rows, ({"a": 1, "b": 2}, {"b": 2, "a": 1.0}, {"a": 1})):
        made["more"] = options
    frame = pandas.DataFrame(rows)
    assert summarize(frame, METRIC, ["more"])["n"].tolist() == [2, 1]
    assert summarize(frame, METRIC, ["loss.name"])["loss.name"].tolist() == ["z", "a"]
    assert summarize(frame, METRIC, ["widths"])[["widths", "n"]].to_numpy().tolist() == [[(8, 8), 2], [(4,), 1]]
    assert summarize(frame, METRIC, ["options"])["mean"].tolist() == [1.5, 3.0]
    assert summarize(frame, METRIC, [])[["n", "mean"]].to_numpy().tolist() == [[3, 2.0]]
    assert compare(frame, METRIC, {"widths": [8, 8], "options": {"gamma": 1}}, {"widths": (4,)}).left_out == 2


def test_which_way_is_better_comes_from_the_metric_or_the_caller():
    frame = of_values(a=[1, 2, 3]).rename(columns={METRIC: "precision_lenet", PROTOCOL: "precision_lenet:protocol"})
    assert summarize(frame, "precision_lenet").loc[0, ["best", "best_of_1"]].tolist() == [3, 2]
    assert summarize(frame, "precision_lenet", better="lower").loc[0, "best"] == 1
    training = summarize(frame, "train:generator/loss")
    assert np.isnan(training.loc[0, ["best", "best_of_1"]].tolist()).all()
    assert training.loc[0, "mean"] == 1
    assert summarize(frame, "train:generator/loss", better="lower").loc[0, "best"] == 0


def test_infinite_values_count():
    made = summarize(of_values(a=[1, INF, 2], b=[INF] * 3), METRIC)
    assert made["n"].tolist() == [3, 3]
    assert made["mean"].tolist() == [INF, INF]
    assert made["median"].tolist() == [2, INF]
    assert made["best"].tolist() == [1, INF]
    assert made["best_of_1"].tolist() == [INF, INF]
    assert np.isnan(made["std"]).all()
    assert made["low"].tolist()[1] == made["high"].tolist()[1] == INF
    assert math.isnan(made["low"].tolist()[0])
    training = of_values(a=[1, 2]).assign(**{"train:generator/loss": [INF, -INF]})
    assert math.isnan(summarize(training, "train:generator/loss").loc[0, "mean"])


def test_an_empty_table():
    empty = table([])
    assert summarize(empty, METRIC).shape == (0, 23)
    assert rank(summarize(empty, METRIC)).empty
    made = sensitivity(empty, METRIC)
    assert made.levels.empty
    assert np.isnan(made.shares).all()
    assert "no run has loss.name='a'" in error_of(
        lambda: compare(empty, METRIC, {"loss.name": "a"}, {"loss.name": "b"})
    )


# Ranks.


def test_ranks_share_a_place_where_intervals_overlap():
    frame = of_values(a=[10, 11, 12], b=[1, 2, 3], c=[2.5, 3.5, 4], d=[0, 0.1], e=[20, 21, 22], f=[0, 5, NAN, NAN])
    made = summarize(frame, METRIC)
    np.testing.assert_array_equal(rank(made), [3, 1, 1, NAN, 4, NAN])
    np.testing.assert_array_equal(rank(made, "higher"), [2, 3, 3, NAN, 1, NAN])
    assert rank(made.iloc[[4, 1]]).to_dict() == {4: 2, 1: 1}


def test_intervals_that_touch_overlap():
    np.testing.assert_array_equal(rank(summarize(of_values(a=[1, 1, 1], b=[1, 1, 1], c=[1, 2, 3]), METRIC)), [1, 1, 1])
    np.testing.assert_array_equal(
        rank(summarize(of_values(a=[INF] * 3, b=[1, 1, 1], c=[1, 1, INF]), METRIC)), [2, 1, NAN]
    )


@given(st.lists(st.lists(st.floats(-9, 9), min_size=2, max_size=5), min_size=1, max_size=5), st.randoms())
@settings(max_examples=40)
def test_ranks_follow_settings_and_swap_with_the_sign(values, shuffle):
    made = summarize(of_values(**{f"s{i}": own for i, own in enumerate(values)}), METRIC)
    order = list(range(len(values)))
    shuffle.shuffle(order)
    pandas.testing.assert_series_equal(rank(made.iloc[order]), rank(made).iloc[order])
    mirrored = made.assign(low=-made["high"], high=-made["low"])
    pandas.testing.assert_series_equal(rank(mirrored, "higher"), rank(made, "lower"))
    ranks = rank(made).dropna()
    assert ranks.empty or ranks.min() == 1


def test_three_seeds_of_one_setting_are_told_apart_as_often_as_the_documentation_says():
    """Of six values the three greatest are on one side by chance in 2 of 20 cases."""
    values = list(range(6))
    told = 0
    for first in itertools.combinations(values, 3):
        second = [v for v in values if v not in first]
        told += rank(summarize(of_values(a=first, b=second), METRIC)).max() == 2
    assert told / math.comb(6, 3) == 0.1
    assert "10 % of 10,000 pairs with three" in rank.__doc__


def test_ranks_need_a_direction():
    made = summarize(of_values(a=[1, 2, 3]), "train:generator/loss")
    assert error_of(lambda: rank(made)) == (
        "better='' for 'train:generator/loss': no way is better; allowed: lower, higher"
    )
    assert rank(made, "lower").tolist() == [1]
    assert error_of(lambda: rank(made, "up")) == "better='up' is not possible; allowed: lower, higher"


# Comparisons.

HINGE, MINIMAX = {"loss.name": "hinge"}, {"loss.name": "minimax"}


def test_a_comparison_is_paired_over_shared_seeds():
    frame = table(
        [row("hinge", s, v) for s, v in ((0, 5.0), (1, 7.0), (2, 9.0), (3, 1.0), (4, NAN), (6, 4.0))]
        + [row("minimax", s, v) for s, v in ((3, 2.0), (2, 5.0), (1, 4.0), (0, 3.0), (4, 8.0), (5, 0.0))]
    )
    made = compare(frame, METRIC, HINGE, MINIMAX)
    d = np.array([2.0, 3.0, 4.0, -1.0])
    assert (made.pairs, made.left_out, made.enough, made.better, made.protocol) == (4, 3, True, "lower", "p")
    assert made[5:10] == pytest.approx(tuple(paired(d)))
    assert made.mean == 2
    back = compare(frame, METRIC, MINIMAX, HINGE)
    assert (back.mean, back.effect, back.p) == pytest.approx((-made.mean, -made.effect, made.p))


def test_seeds_that_are_hard_for_both_do_not_hide_a_difference():
    seeds = np.array([0.0, 50.0, 100.0, 20.0, 70.0])
    made = compare(of_values(hinge=seeds, minimax=seeds + [1, 1.1, 0.9, 1, 1.2]), METRIC, HINGE, MINIMAX)
    assert made.high < 0
    assert made.effect < -5
    assert made.p == 2 / 32
    assert rank(summarize(of_values(hinge=seeds, minimax=seeds + 1), METRIC)).tolist() == [1, 1]


def test_few_pairs_are_marked_and_protocols_are_not_mixed():
    frame = table(
        [row("hinge", s, 1.0, "q" if s else "p") for s in range(3)] + [row("minimax", s, 2.0) for s in range(3)]
    )
    made = compare(frame, METRIC, HINGE, MINIMAX)
    assert (made.pairs, made.left_out, made.enough, made.mean, made.protocol) == (1, 2, False, -1, "p")
    none = compare(frame, METRIC, HINGE, MINIMAX, protocol="q")
    assert (none.pairs, none.left_out, none.enough) == (0, 3, False)
    assert np.isnan([none.mean, none.low, none.effect, none.p]).all()


def test_the_protocol_of_a_comparison_is_that_of_its_runs():
    frame = table([row(loss, s, 1.0, "q") for loss in ("hinge", "minimax") for s in range(3)]
                  + [row("wasserstein", s, 1.0, "p") for s in range(9)])  # fmt: skip
    assert compare(frame, METRIC, HINGE, MINIMAX).pairs == 3
    assert summarize(frame, METRIC)["left_out"].tolist() == [3, 3, 0]


def test_a_comparison_needs_one_run_a_seed():
    rows = [row(loss, s, 1.0, batch_size=b) for loss in ("hinge", "minimax") for b in (8, 16) for s in range(3)]
    frame = table(rows, ("loss.name", "batch_size"))
    assert error_of(lambda: compare(frame, METRIC, HINGE, MINIMAX)) == (
        "the setting {'loss.name': 'hinge'} has several runs of seed 0; give batch_size too; allowed: one each"
    )
    assert compare(frame, METRIC, {**HINGE, "batch_size": 8}, {**MINIMAX, "batch_size": 16}).pairs == 3
    assert "share the run hinge-16-0" in error_of(lambda: compare(frame, METRIC, HINGE, HINGE))


# Sensitivity.


def design(effect_of_loss, effect_of_size, noise, seeds=4):
    rng = np.random.default_rng(3)
    return table(
        [
            row(loss, seed, effect_of_loss * "abc".index(loss) + effect_of_size * size / 8 + noise * rng.normal(),
                batch_size=size)
            for loss in "abc" for size in (8, 16) for seed in range(seeds)
        ], ("loss.name", "batch_size"),
    )  # fmt: skip


def eta_squared(groups):
    """From SciPy's F."""
    within, between = sum(map(len, groups)) - len(groups), len(groups) - 1
    f = stats.f_oneway(*groups).statistic
    return between * f / (between * f + within)


def test_shares_are_those_of_the_analysis_of_variance():
    frame = design(1.0, 2.0, 0.7)
    made = sensitivity(frame, METRIC)
    for field in ("loss.name", "batch_size"):
        groups = [own[METRIC].tolist() for _, own in frame.groupby(field)]
        assert made.shares[field] == pytest.approx(eta_squared(groups))
    cells = [own[METRIC].tolist() for _, own in frame.groupby(["loss.name", "batch_size"])]
    assert made.shares["seeds"] == pytest.approx(1 - eta_squared(cells))
    assert made.shares.sum() == pytest.approx(1)
    assert (made.shares >= 0).all()
    assert made.balanced
    assert list(made.shares.index) == ["loss.name", "batch_size", "interactions", "seeds"]


def test_levels_have_their_means_and_intervals():
    frame = design(1.0, 2.0, 0.7)
    levels = sensitivity(frame, METRIC).levels
    assert levels[["factor", "level", "n"]].to_numpy().tolist() == [
        ["loss.name", "a", 8], ["loss.name", "b", 8], ["loss.name", "c", 8], ["batch_size", 8, 12],
        ["batch_size", 16, 12],
    ]  # fmt: skip
    for level in levels.itertuples():
        values = frame[frame[level.factor] == level.level][METRIC]
        assert level.mean == pytest.approx(values.mean())
        assert (level.low, level.high) == bootstrap_interval(values)


@pytest.mark.parametrize(
    ("loss", "size", "shares"), [(1, 0, [1, 0, 0, 0]), (0, 1, [0, 1, 0, 0]), (3**0.5, 2 * 2**0.5, [0.5, 0.5, 0, 0])]
)
def test_shares_without_noise_are_exact(loss, size, shares):
    """Variances of {0, 1, 2} and {1, 2}: 2/3 and 1/4."""
    np.testing.assert_allclose(sensitivity(design(loss, size, 0.0), METRIC).shares, shares, atol=1e-12)


def test_an_interaction_is_told_from_seeds_only_with_several_seeds():
    rows = [row(loss, s, float((loss == "a") == (size == 8)), batch_size=size)
            for loss in "ab" for size in (8, 16) for s in range(2)]  # fmt: skip
    frame = table(rows, ("loss.name", "batch_size"))
    np.testing.assert_allclose(sensitivity(frame, METRIC).shares, [0, 0, 1, 0], atol=1e-12)
    one = sensitivity(frame[frame["seed"] == 0], METRIC)
    np.testing.assert_allclose(one.shares, [0, 0, 1, NAN], atol=1e-12)
    alone = sensitivity(frame, METRIC, ["loss.name"]).shares
    np.testing.assert_allclose(alone, [0, 0, 1], atol=1e-12)


@given(st.lists(st.floats(-9, 9), min_size=8, max_size=8), st.floats(-5, 5), st.sampled_from([0.5, -2.0, 8.0]))
@settings(max_examples=40)
def test_shares_do_not_change_with_shift_and_scale(values, shift, scale):
    places = itertools.product("ab", (8, 16), range(2))
    values = [round(v, 2) for v in values]
    frame = table([row(*(p[0], p[2], v), batch_size=p[1]) for p, v in zip(places, values)], ("loss.name", "batch_size"))
    moved = frame.assign(**{METRIC: frame[METRIC] * scale + shift})
    made = sensitivity(frame, METRIC).shares
    if len(set(values)) > 1:
        np.testing.assert_allclose(sensitivity(moved, METRIC).shares, made, atol=1e-9)
        assert made.sum() == pytest.approx(1)
    else:
        assert made.isna().all()


def test_a_design_that_lacks_runs_is_not_balanced():
    frame = design(1.0, 2.0, 0.7)
    assert not sensitivity(frame.drop(index=0), METRIC).balanced
    assert not sensitivity(frame[(frame["loss.name"] != "a") | (frame["batch_size"] != 8)], METRIC).balanced
    lost = frame.assign(**{METRIC: frame[METRIC].where(frame.index != 5)})
    assert not sensitivity(lost, METRIC).balanced
    assert sensitivity(lost, METRIC).levels["n"].sum() == 2 * 23


def test_an_infinite_value_leaves_no_shares():
    frame = of_values(a=[1, INF], b=[2, 3])
    made = sensitivity(frame, METRIC)
    assert made.shares.isna().all()
    assert made.levels["mean"].tolist() == [INF, 2.5]


# What is refused.

FRAME = of_values(hinge=[1, 2, 3], minimax=[2, 3, 4])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: summarize(FRAME, "frechet_lent"), "there is no metric 'frechet_lent' (did you mean 'frechet_lenet'?); "
                                                   "allowed: frechet_lenet, train:generator/loss"),
        (lambda: summarize(FRAME, METRIC, ["loss.nam"]),
         "there is no field 'loss.nam' (did you mean 'loss.name'?); all"),
        (lambda: summarize(FRAME, METRIC, "loss.name"), "by='loss.name' is no list; allowed: ['loss.name']"),
        (lambda: summarize(FRAME, METRIC, protocol="x"), "there is no protocol 'x'; allowed: p"),
        (lambda: summarize(FRAME, METRIC, better="less"), "better='less' is not possible; allowed: lower, higher"),
        (lambda: summarize(pandas.DataFrame(FRAME.to_dict("list")), METRIC),
         "by=None, and the frame does not say which fields vary; allowed: a list of them"),
        (lambda: compare(FRAME, METRIC, {}, MINIMAX),
         "the setting {} has no field; allowed: at least one, such as {'loss.name': 'hinge'}"),
        (lambda: compare(FRAME, METRIC, {"loss": 1}, MINIMAX), "there is no field 'loss'"),
        (lambda: compare(FRAME, METRIC, {"loss.name": "ns"}, MINIMAX),
         "no run has loss.name='ns'; allowed: 'hinge', 'minimax'"),
        (lambda: sensitivity(FRAME, METRIC, ["x"]), "there is no field 'x'"),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_in_one_line(function, said):
    assert error_of(function).startswith(said)


def test_the_package_gives_the_names():
    for name in ("summarize", "compare", "rank", "best_of", "sensitivity", "bootstrap_interval"):
        assert getattr(gan_jax.sweeps, name) is globals()[name]
