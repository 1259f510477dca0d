"""Values of runs, summaries and ranks against closed forms, enumeration, and laws."""

import itertools
import math

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables_of_runs import INF, METRIC, NAN, PROTOCOL, error_of, of_values, row, table

from gan_jax.sweeps.aggregate import compare, rank, sensitivity, summarize
from gan_jax.sweeps.table import UNFINISHED, run_values

pytestmark = pytest.mark.filterwarnings("error")


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
