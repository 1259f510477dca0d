"""Spaces: the algebra of points, and draws that stand still."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from gan_jax.errors import ConfigError
from gan_jax.sweeps.space import (
    choice,
    grid,
    integers,
    log_uniform,
    only,
    product,
    random,
    uniform,
    union,
    when,
    zipped,
)
from gan_jax.sweeps.sweep import Halving, Resources, Sweep

RATE = "optimizer.generator.learning_rate"
scalars = st.one_of(st.integers(-5, 5), st.booleans(), st.text("ab", max_size=2), st.floats(-2, 2))


def spaces(names):
    lists = st.lists(scalars, min_size=1, max_size=3, unique_by=lambda v: (isinstance(v, bool), v))
    return st.dictionaries(st.sampled_from(names), lists, max_size=2).map(grid)


def error_of(function):
    with pytest.raises(ConfigError) as caught:
        function()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The algebra.


@given(spaces("ab"), spaces("cd"), spaces("ef"))
def test_product_multiplies_sizes_is_associative_and_has_a_unit(a, b, c):
    assert len(product(a, b)) == len(a) * len(b)
    assert product(a, product(b, c)) == product(product(a, b), c) == product(a, b, c)
    assert product(a, grid({})) == product(grid({}), a) == a
    assert product() == grid({})


@given(spaces("ab"), spaces("cd"))
def test_product_orders_points_as_nested_loops_and_fields_as_they_come(a, b):
    made = product(a, b)
    assert list(made) == [{**p, **q} for p in a for q in b]
    assert made.fields == (*a.fields, *b.fields)
    assert all(tuple(point) == made.fields for point in made)


@given(spaces("ab"), spaces("bc"))
def test_union_keeps_order_and_has_each_point_once(a, b):
    assert union(a, a) == a
    made = union(a, b)
    assert made.points[: len(a)] == a.points
    keys = [frozenset((f, isinstance(v, bool), v) for f, v in point.items()) for point in (*a, *b)]
    assert len(made) == len(set(keys))
    assert union(union(a, b), a) == made


def test_union_adds_sizes_of_spaces_without_a_common_point():
    assert len(union(grid({"a": [1, 2]}), grid({"b": [1, 2]}), grid({"a": [3]}))) == 5


def test_one_and_true_are_two_values_and_one_and_one_point_zero_are_one():
    assert len(union(grid({"a": [1]}), grid({"a": [True]}), grid({"a": [1.0]}))) == 2
    assert len(grid({"a": [1, True, "1", (1,)]})) == 4


def test_grid_varies_the_last_field_fastest():
    assert list(grid({"a": [1, 2], "b": ["x", "y"]})) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_zipped_walks_in_lockstep_and_may_repeat_a_value():
    assert list(zipped({"a": [1, 1, 2], "b": [3, 4, 4]})) == [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 4}]


def test_values_become_plain_python():
    space = grid({"a": np.array([1.5, 2.5]), "b": np.arange(2), "c": [[1, 2]], "d": [np.bool_(True)], "e": range(1)})
    point = space.points[0]
    assert {f: type(v) for f, v in point.items()} == {"a": float, "b": int, "c": tuple, "d": bool, "e": int}
    assert grid({"loss.options": [{"gamma": [1]}]}).points == ({"loss.options": {"gamma": (1,)}},)
    for linspace in (np.linspace, jnp.linspace):
        assert grid({"a": linspace(0, 1, 3)}) == grid({"a": [0.0, 0.5, 1.0]})
    assert [p["a"] for p in grid({"a": np.logspace(-1, 0, 2, dtype=np.float32)})] == [0.10000000149011612, 1.0]
    halving = Halving(np.int32(8), np.int64(2), "kid_lenet")
    made = Sweep(space, seeds=np.int64(2), halving=halving, resources=Resources(np.float32(2)))
    assert made.each_seed == (0, 1)
    assert Sweep(space, seeds=np.arange(2)).seeds == (0, 1)
    assert [type(v) for v in (made.seeds, made.halving.first, made.resources.cpus)] == [int, int, float]
    assert random(np.int64(2), {"a": uniform(np.float32(0), 1)}, np.int64(3)) == random(2, {"a": uniform(0, 1)}, 3)


LOSSES = grid({"loss.name": ["hinge", "wasserstein", "minimax"], "batch_size": [8, 16]})
CLIP = grid({"optimizer.discriminator.clip_weights": [0.01, 0.1]})


def test_when_multiplies_what_matches_in_its_place():
    made = when(LOSSES, {"loss.name": "wasserstein"}, CLIP)
    assert len(made) == 2 + 2 * 2 + 2
    assert list(made) == [
        point for p in LOSSES for point in ([{**p, **q} for q in CLIP] if p["loss.name"] == "wasserstein" else [p])
    ]
    assert when(LOSSES, {}, CLIP) == product(LOSSES, CLIP)
    assert when(LOSSES, {"loss.name": ["hinge", "wasserstein", "minimax"]}, CLIP) == product(LOSSES, CLIP)
    assert len(when(LOSSES, {"loss.name": ("hinge", "minimax"), "batch_size": 8}, CLIP)) == 6 + 2
    both = when(made, {"loss.name": "hinge"}, CLIP)  # the same field, of other points
    assert len(both) == 2 * 2 + 2 * 2 + 2


def test_when_takes_a_tuple_for_one_value_where_a_point_has_it():
    space = grid({"generator.mlp.widths": [(8, 8), (16,)]})
    assert len(when(space, {"generator.mlp.widths": (8, 8)}, CLIP)) == 3
    assert len(when(space, {"generator.mlp.widths": [(8, 8), (16,)]}, CLIP)) == 4


def test_only_keeps_what_the_predicate_holds_for():
    kept = only(LOSSES, lambda p: p["batch_size"] == 8)
    assert [p["loss.name"] for p in kept] == ["hinge", "wasserstein", "minimax"]


# Draws.

DRAWS = {RATE: log_uniform(1e-5, 1e-2), "batch_size": integers(32, 40), "ema.decay": uniform(0, 0.5),
         "loss.name": choice(["hinge", "minimax", "wasserstein"])}  # fmt: skip


@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.sets(st.sampled_from(sorted(DRAWS)), min_size=1))
def test_a_draw_depends_on_neither_the_number_of_points_nor_other_fields_nor_their_order(n, seed, fields):
    whole = random(30, DRAWS, seed)
    part = random(n, {field: DRAWS[field] for field in sorted(fields, reverse=True)}, seed)
    assert list(part) == [{field: p[field] for field in fields} for p in whole.points[:n]]


def test_fields_and_seeds_are_drawn_apart():
    first, other = random(50, {"a": uniform(0, 1), "b": uniform(0, 1)}), random(50, {"a": uniform(0, 1)}, seed=1)
    a, b, c = ([p[f] for p in s] for s, f in ((first, "a"), (first, "b"), (other, "a")))
    assert len({*a, *b, *c}) == 150
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.4
    assert abs(np.corrcoef(a, c)[0, 1]) < 0.4


def test_draws_have_their_distribution():
    points = random(2000, DRAWS, seed=7).points
    logs = np.log10([p[RATE] for p in points])
    assert -5 <= logs.min() < -4.99
    assert -2.01 < logs.max() <= -2
    assert stats.kstest(logs, "uniform", (-5, 3)).pvalue > 0.05
    assert stats.kstest([p["ema.decay"] for p in points], "uniform", (0, 0.5)).pvalue > 0.05
    sizes = np.bincount([p["batch_size"] for p in points])
    assert len(sizes) == 41  # both bounds occur
    assert np.all(sizes[:32] == 0)
    assert stats.chisquare(sizes[32:]).pvalue > 0.05
    names = [p["loss.name"] for p in points]
    assert stats.chisquare([names.count(n) for n in ("hinge", "minimax", "wasserstein")]).pvalue > 0.05
    assert {type(v) for p in points for v in p.values()} == {float, int, str}


@given(st.floats(1e-300, 1e300), st.floats(1.0001, 1e5), st.integers(0, 2**64 - 1))
def test_a_draw_stays_within_its_bounds(low, ratio, bits):
    high = low * ratio
    assume(math.isfinite(high))
    for value in (log_uniform(low, high).of(bits), uniform(low, high).of(bits), uniform(-high, low).of(bits)):
        assert -high <= value <= high
    assert low <= log_uniform(low, high).of(bits) <= high
    assert low <= uniform(low, high).of(bits) <= high


@given(st.integers(-(2**70), 2**70), st.integers(1, 2**64 - 1))
def test_integers_reach_both_bounds_and_no_further(low, width):
    draw = integers(low, low + width)
    assert draw.of(0) == low
    assert draw.of(2**64 - 1) == low + width


GOLDEN_DRAWS = (
    {
        "optimizer.generator.learning_rate": 1.4304092561051177e-05,
        "batch_size": 34,
        "ema.decay": 0.2620754482017553,
        "loss.name": "wasserstein",
    },
    {
        "optimizer.generator.learning_rate": 1.0672592238170513e-05,
        "batch_size": 33,
        "ema.decay": 0.26515965363551897,
        "loss.name": "hinge",
    },
)


def test_golden_draws():
    """Other code draws other numbers, and every published sweep would lose its points."""
    for point, golden in zip(random(2, DRAWS, seed=3), GOLDEN_DRAWS, strict=True):
        assert {**point, RATE: 0} == {**golden, RATE: 0}
        assert math.isclose(point[RATE], golden[RATE], rel_tol=1e-14)  # exp may round otherwise elsewhere
