"""Spaces and sweeps: the algebra of points, draws that stand still, files, configurations, names of runs, errors."""

import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

import gan_jax.sweeps
from gan_jax.config import default_config, flatten, from_json, load_values, to_json, validate
from gan_jax.errors import ConfigError
from gan_jax.sweeps.space import (
    Halving,
    Resources,
    Space,
    Sweep,
    choice,
    expand,
    grid,
    integers,
    load_sweep,
    log_uniform,
    only,
    product,
    random,
    run_name,
    uniform,
    union,
    when,
    zipped,
)

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


# Files.


def written(tmp_path, text, name="sweep.py"):
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


HEAD = "from gan_jax.sweeps import Sweep, grid\n"
SWEEP = "Sweep(grid({'loss.name': ['hinge', 'minimax']}), seeds=2)"


def test_a_file_defines_a_sweep(tmp_path):
    path = written(tmp_path, f"{HEAD}def get_sweep():\n    return {SWEEP}\n")
    assert load_sweep(path) == Sweep(grid({"loss.name": ["hinge", "minimax"]}), seeds=2)
    path = written(tmp_path, f"{HEAD}def get_sweep(name='a'):\n    return {{'a': 1, 'b': {SWEEP}}}[name]\n")
    assert load_sweep(f"{path}:b").each_seed == (0, 1)


def test_a_file_may_hold_dataclasses_and_is_read_anew(tmp_path):
    text = "from __future__ import annotations\nimport dataclasses\n" + HEAD
    text += "@dataclasses.dataclass\nclass A:\n    x: int = 2\n"
    text += "def get_sweep():\n    return Sweep(grid({'steps': [A().x]}))\n"
    assert load_sweep(written(tmp_path, text)).space.points == ({"steps": 2},)
    assert load_sweep(written(tmp_path, text.replace("= 2", "= 3"))).space.points == ({"steps": 3},)
    assert os.listdir(tmp_path) == ["sweep.py"]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("x = 1\n", "", "{path} defines no function get_sweep; allowed: get_sweep() -> Sweep"),
        ("get_sweep = 1\n", "", "{path} defines no function get_sweep; allowed: get_sweep() -> Sweep"),
        ("def get_sweep():\n    return 3\n", "", "get_sweep returned int; allowed: a Sweep"),
        ("x = 1\ny = x.z\n", "", "AttributeError: 'int' object has no attribute 'z' ({path}, line 2)"),
        ("def get_sweep(:\n", "", "SyntaxError: invalid syntax ({path}, line 1)"),
        ("def get_sweep():\n    1 / 0\n", "", "ZeroDivisionError: division by zero ({path}, line 2)"),
        ("def get_sweep():\n    pass\n", "a", "get_sweep(): it takes no name; allowed: --sweep={path}"),
        ("def get_sweep(name):\n    pass\n", "", "get_sweep(name): it takes a name; allowed: --sweep={path}:NAME"),
        (f"{HEAD}\ndef get_sweep():\n    return Sweep(grid({{'a': []}}))\n", "",
         "ConfigError: grid: a=[] is empty; allowed: at least one value ({path}, line 4)"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_its_line(tmp_path, text, name, said):
    path = written(tmp_path, text)
    given = f"{path}:{name}" if name else path
    assert error_of(lambda: load_sweep(given)) == f"--sweep={given}: {said.format(path=path)}"


def test_a_file_that_is_not_there():
    said = "--sweep=no/such.py:a: there is no such file; allowed: FILE.py or FILE.py:NAME"
    assert error_of(lambda: load_sweep("no/such.py:a")) == said


# Configurations.


def test_every_run_has_every_varied_field_its_seed_and_a_checked_configuration():
    space = when(grid({"loss.name": ["hinge", "wasserstein"]}), {"loss.name": "wasserstein"},
                 grid({"optimizer.discriminator.clip_weights": [1]}))  # fmt: skip
    runs = expand(Sweep(space, seeds=(4, 0)), load_values({"steps": 7, "seed": 9}))
    clip = "optimizer.discriminator.clip_weights"
    assert [values for values, _ in runs] == [
        {"loss.name": "hinge", clip: 0.0, "seed": 4},
        {"loss.name": "hinge", clip: 0.0, "seed": 0},
        {"loss.name": "wasserstein", clip: 1.0, "seed": 4},
        {"loss.name": "wasserstein", clip: 1.0, "seed": 0},
    ]
    assert [list(values) for values, _ in runs] == [["loss.name", clip, "seed"]] * 4
    for values, config in runs:
        assert config == validate(config)
        assert config.is_locked
        flat = flatten(config)
        assert flat["steps"] == 7
        assert {field: flat[field] for field in values} == values
        assert type(values[clip]) is float


def test_points_of_a_union_that_are_equal_are_one_setting():
    space = union(grid({"steps": [5, 6]}), grid({"steps": [6, 7]}))
    assert [v["steps"] for v, _ in expand(Sweep(space, seeds=1), default_config())] == [5, 6, 7]


def test_options_of_ones_own_component_vary_as_a_whole():
    space = grid({"loss.options": [{"gamma": 1}, {"gamma": 2}]})
    base = load_values({"loss.name": "gan_jax.losses:hinge"})
    runs = expand(Sweep(space, seeds=1), base)
    assert [v["loss.options"] for v, _ in runs] == [{"gamma": 1}, {"gamma": 2}]


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (grid({"loss.nam": ["hinge"]}), "loss.nam='hinge': there is no field 'loss.nam' (did you mean 'loss.name'?)"),
        (grid({"loss": ["hinge"]}), "loss='hinge': loss is a group of fields"),
        (grid({"steps": [5, 1.5]}), "steps=1.5 has type float; allowed: a whole number; in point 2 of the sweep: "
                                    "steps=1.5"),
        (grid({"steps": [5], "ema.decay": [0.5, 1.0]}), "ema.decay=1.0 is not possible; allowed: a number in [0, 1); "
                                                        "in point 2 of the sweep: steps=5, ema.decay=1.0"),
        (grid({"schedule.simultaneous": [True], "schedule.discriminator_steps": [1, 2]}),
         "schedule.discriminator_steps=2 with schedule.simultaneous=True; allowed: 1; in point 2 of the sweep: "
         "schedule.simultaneous=True, schedule.discriminator_steps=2"),
        (union(grid({"steps": [20_000]}), grid({"batch_size": [128]})),
         "points 1 and 2 of the sweep give the same configuration: batch_size=128; allowed: each once"),
        (grid({"evaluation.num": [10, 20]}),
         "evaluation.num changes nothing that is trained; allowed in a space: fields that do"),
        (grid({"profile": [True]}), "profile changes nothing that is trained; allowed in a space: fields that do"),
    ],
)  # fmt: skip
def test_a_point_that_is_not_possible_is_named(space, said):
    assert error_of(lambda: expand(Sweep(space), default_config())).startswith(said)


def test_halving_begins_before_the_last_step():
    sweep = Sweep(grid({"steps": [50, 10]}), metric="frechet_lenet", halving=Halving(10))
    assert error_of(lambda: expand(sweep, default_config())) == (
        "halving.first=10 is not below steps=10, so nothing would be halved; in point 2 of the sweep: steps=10; "
        "allowed: below steps"
    )


# Names.

NAMED = {"loss.name": "hinge", RATE: 3e-4, "generator.mlp.widths": (32, 16), "seed": 5}
GOLDEN_NAME = "b983246792"


def test_golden_names():
    """Other names, and no published sweep could be continued."""
    text = '{"generator.mlp.widths": [32, 16], "loss.name": "hinge", "optimizer.generator.learning_rate": 0.0003, '
    text += '"seed": 5}'
    assert hashlib.sha256(text.encode()).hexdigest()[:10] == GOLDEN_NAME
    assert run_name(load_values(NAMED)) == GOLDEN_NAME
    assert run_name(validate(default_config())) == hashlib.sha256(b"{}").hexdigest()[:10] == "44136fa355"


@given(st.permutations(list(NAMED)))
def test_a_name_depends_on_no_order_and_survives_storing(order):
    config = load_values({field: NAMED[field] for field in order})
    assert run_name(config) == run_name(from_json(to_json(config))) == GOLDEN_NAME


def test_a_name_survives_another_order_of_the_fields():
    def backwards(section):
        return {k: backwards(v) if isinstance(v, dict) else v for k, v in reversed(section.items())}

    assert run_name(backwards(load_values(NAMED).to_dict())) == GOLDEN_NAME


def test_a_name_leaves_out_what_is_not_trained_and_what_is_at_its_default():
    untrained = {"evaluation.metrics": ("frechet_lenet",), "evaluation.every": 10, "health.samples": 0, "profile": True}
    assert run_name(load_values({**NAMED, **untrained, "steps": 20_000})) == GOLDEN_NAME


def test_names_tell_runs_apart():
    changes = [{}, {"seed": 6}, {"steps": 3}, {RATE: 4e-4}, {"health.stop": True}, {"loss.name": "minimax"}]
    assert len({run_name(load_values({**NAMED, **change})) for change in changes}) == len(changes)


def test_a_name_is_the_same_in_another_process():
    code = (
        "from gan_jax.config import load_values; from gan_jax.sweeps.space import run_name, random, uniform;"
        f"print(run_name(load_values({NAMED!r})), random(1, {{'a': uniform(0, 1)}}).points[0]['a'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                         env={**os.environ, "PYTHONHASHSEED": "123", "JAX_PLATFORMS": "cpu"})  # fmt: skip
    assert out.stdout.split() == [GOLDEN_NAME, repr(random(1, {"a": uniform(0, 1)}).points[0]["a"])]


def test_importing_a_space_loads_no_heavy_library():
    code = ("import sys; from gan_jax.sweeps import Sweep, grid, random, log_uniform; Sweep(grid({'a': [1]}));"
            "print([m for m in ('jax', 'flax', 'pandas', 'scipy') if m in sys.modules])")  # fmt: skip
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_package_gives_the_names_of_spaces():
    for name in ("Sweep", "Space", "Halving", "Resources", "grid", "product", "zipped", "union", "when", "only",
                 "random", "uniform", "log_uniform", "integers", "choice"):  # fmt: skip
        assert getattr(gan_jax.sweeps, name) is globals()[name]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gan_jax.sweeps.nothing


# What is refused.

SPACE = grid({"loss.name": ["hinge", "minimax"], "batch_size": [8, 16]})
A_LIST = "allowed: a list of values, such as"
BOUNDS = "is not possible; allowed: two finite numbers, low below high"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: grid({"a": []}), "grid: a=[] is empty; allowed: at least one value"),
        (lambda: grid({"a": "hinge"}), f"grid: a='hinge' is no list; {A_LIST} ['hinge']"),
        (lambda: grid({"a": {1, 2}}), f"grid: a={{1, 2}} is no list; {A_LIST} [{{1, 2}}]"),
        (lambda: grid({"a": 3}), f"grid: a=3 is no list; {A_LIST} [3]"),
        (lambda: grid({"a": [1, 2, 1.0]}), "grid: a=[1, 2, 1.0] has 1.0 twice; allowed: each value once"),
        (lambda: grid({"a": [(1, 2), [1, 2]]}),
         "grid: a=[(1, 2), (1, 2)] has (1, 2) twice; allowed: each value once"),
        (lambda: grid({"a": [math.nan]}), "grid: a=nan is not possible; allowed: a number that is not NaN"),
        (lambda: grid({"a": [(1.0, np.float32("nan"))]}),
         "grid: a=nan is not possible; allowed: a number that is not NaN"),
        (lambda: grid({"a": [None]}),
         "grid: a=None has type NoneType; allowed: a number, a string, True, False, a tuple"),
        (lambda: grid({"seed": [1]}), "seed is no field of a space; allowed: Sweep(space, seeds=3) or seeds=(0, 1, 2)"),
        (lambda: random(2, {"seed": integers(0, 9)}),
         "seed is no field of a space; allowed: Sweep(space, seeds=3) or seeds=(0, 1, 2)"),
        (lambda: grid({3: [1]}), "the field 3 of a space is no name; allowed: a string such as 'loss.name'"),
        (lambda: grid([1]), "grid([1]) is not possible; allowed: a dict such as {'loss.name': ...}"),
        (lambda: Space(()), "a space has no point; allowed: at least one"),
        (lambda: union(), "a space has no point; allowed: at least one"),
        (lambda: zipped({}), "zipped={} has no field; allowed: at least one, such as {'loss.name': ['hinge']}"),
        (lambda: zipped({"a": [1, 2], "b": [1, 2, 3]}),
         "zipped: a has 2, b has 3 values; allowed: lists of one length"),
        (lambda: zipped({"a": [1, 1], "b": [2, 2.0]}), "zipped: a=1, b=2.0 occurs twice; allowed: each point once"),
        (lambda: product(grid({"a": [1]}), SPACE, grid({"b": [1], "batch_size": [1]})),
         "product: batch_size is in factors 2 and 3; allowed: a field in one factor only"),
        (lambda: product(CLIP, grid({"b": [2]}), union(grid({"a": [1]}), grid({"b": [1]}))),
         "product: b is in factors 2 and 3; allowed: a field in one factor only"),
        (lambda: product({"a": [1]}), "product: {'a': [1]} is no space; allowed: grid({...}), random(n, {...}), ..."),
        (lambda: when(SPACE, {"loss.nam": "hinge"}, CLIP),
         "when: no point has the field 'loss.nam' (did you mean 'loss.name'?); allowed: loss.name, batch_size"),
        (lambda: when(SPACE, {"loss.name": "wasserstein"}, CLIP),
         "when: no point has loss.name='wasserstein'; allowed: 'hinge', 'minimax'"),
        (lambda: when(SPACE, {"loss.name": ["hinge", "wasserstein"]}, CLIP),
         "when: no point has loss.name='wasserstein'; allowed: 'hinge', 'minimax'"),
        (lambda: when(zipped({"a": [1, 2], "b": [1, 2]}), {"a": 1, "b": 2}, CLIP),
         "when: no point has a=1, b=2 at once; allowed: values that one point has"),
        (lambda: when(SPACE, {"loss.name": "hinge"}, grid({"batch_size": [3]})),
         "when: the point loss.name='hinge', batch_size=8 has batch_size already; allowed: fields it lacks"),
        (lambda: only(SPACE, lambda p: False),
         "only: the predicate holds for none of 4 points; allowed: at least one is left"),
        (lambda: random(0, DRAWS), "random: n=0 is not possible; allowed: a whole number of at least 1"),
        (lambda: random(True, DRAWS), "random: n=True is not possible; allowed: a whole number of at least 1"),
        (lambda: random(2, DRAWS, -1), "random: seed=-1 is not possible; allowed: a whole number in [0, 2^32)"),
        (lambda: random(2, {}), "random: values={} has no field; allowed: at least one"),
        (lambda: random(2, {"a": [1, 2]}),
         "random: a=[1, 2] is no distribution; allowed: uniform(low, high), log_uniform(low, high), "
         "integers(low, high), choice([...])"),
        (lambda: uniform(1, 1), f"uniform(1, 1) {BOUNDS}"),
        (lambda: uniform(2, 1), f"uniform(2, 1) {BOUNDS}"),
        (lambda: uniform(0, math.inf), f"uniform(0, inf) {BOUNDS}"),
        (lambda: uniform(-1e308, 1e308), f"uniform(-1e+308, 1e+308) {BOUNDS}"),
        (lambda: uniform("0", 1), f"uniform('0', 1) {BOUNDS}"),
        (lambda: uniform(False, True), f"uniform(False, True) {BOUNDS}"),
        (lambda: uniform(math.nan, 1), "uniform: low=nan is not possible; allowed: a number that is not NaN"),
        (lambda: log_uniform(0, 1), "log_uniform(0.0, 1.0) has no logarithm at 0.0; allowed: low above 0"),
        (lambda: log_uniform(-1, 1), "log_uniform(-1.0, 1.0) has no logarithm at -1.0; allowed: low above 0"),
        (lambda: log_uniform(1e-2, 1e-5), f"log_uniform(0.01, 1e-05) {BOUNDS}"),
        (lambda: integers(1.0, 2),
         "integers(1.0, 2) is not possible; allowed: two whole numbers, low below high, both are drawn"),
        (lambda: integers(2, 2),
         "integers(2, 2) is not possible; allowed: two whole numbers, low below high, both are drawn"),
        (lambda: choice([]), "choice=[] is empty; allowed: at least one value"),
        (lambda: choice("hinge"), f"choice='hinge' is no list; {A_LIST} ['hinge']"),
        (lambda: Sweep(3), "space=3 has type int; allowed: grid({...}), random(n, {...}), ..."),
        (lambda: Sweep(SPACE, seeds=0), "seeds=0 is not possible; allowed: how many, at least 1, or distinct whole "
                                        "numbers in [0, 2^32)"),
        (lambda: Sweep(SPACE, seeds=(1, 1)), "seeds=(1, 1) is not possible; allowed: how many, at least 1, or distinct "
                                             "whole numbers in [0, 2^32)"),
        (lambda: Sweep(SPACE, seeds=(-1,)), "seeds=(-1,) is not possible; allowed: how many, at least 1, or distinct "
                                            "whole numbers in [0, 2^32)"),
        (lambda: Sweep(SPACE, seeds=True), "seeds=True is not possible; allowed: how many, at least 1, or distinct "
                                           "whole numbers in [0, 2^32)"),
        (lambda: Sweep(SPACE, question=1), "question=1 has type int; allowed: a string"),
        (lambda: Sweep(SPACE, halving=3), "halving=3 has type int; allowed: Halving(first=STEPS), None"),
        (lambda: Sweep(SPACE, resources=4), "resources=4 has type int; allowed: Resources(cpus=4)"),
        (lambda: Sweep(SPACE, metric="frechet_lent"),
         "metric='frechet_lent' is no value that settings can be ranked by (did you mean 'frechet_lenet'?); allowed: "
         "frechet_lenet, frechet_inception, frechet_efficientnet_lite0, frechet_pixels, frechet_own, kid_lenet, ..."),
        (lambda: Sweep(SPACE, halving=Halving(5)),
         "halving.metric='' with metric='': nothing to choose by; allowed: a value's name in one"),
        (lambda: Halving(0), "halving.first=0 is not possible; allowed: a whole number of at least 1"),
        (lambda: Halving(5, 1), "halving.factor=1 is not possible; allowed: a whole number of at least 2"),
        (lambda: Halving(5, 2.0), "halving.factor=2.0 is not possible; allowed: a whole number of at least 2"),
        (lambda: Resources(cpus=-1),
         "resources.cpus=-1 is not possible; allowed: a finite number of at least 0"),
        (lambda: Resources(tpus=math.nan),
         "resources.tpus=nan is not possible; allowed: a finite number of at least 0"),
        (lambda: Resources(retries=-1), "resources.retries=-1 is not possible; allowed: a whole number of at least 0"),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_in_one_line(function, said):
    assert error_of(function) == said


def test_seeds_and_metrics_that_are_allowed():
    assert Sweep(SPACE).each_seed == (0, 1, 2)
    assert Sweep(SPACE, seeds=range(5, 8)).each_seed == Sweep(SPACE, seeds=[5, 6, 7]).each_seed == (5, 6, 7)
    assert Sweep(SPACE, metric="modes_captured", halving=Halving(5, 2, "precision_lenet")).halving.factor == 2
