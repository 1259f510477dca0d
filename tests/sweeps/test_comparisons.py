"""Comparisons and sensitivities against SciPy, the analysis of variance, and laws; what is refused."""

import itertools

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from support.tables_of_runs import INF, METRIC, NAN, error_of, of_values, row, table

import gan_jax.sweeps
from gan_jax.sweeps import aggregate
from gan_jax.sweeps.aggregate import compare, rank, sensitivity, summarize
from gan_jax.sweeps.estimates import bootstrap_interval, paired

pytestmark = pytest.mark.filterwarnings("error")


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
        assert getattr(gan_jax.sweeps, name) is getattr(aggregate, name)
