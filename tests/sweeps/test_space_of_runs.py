"""From a space to runs: files, configurations, names."""

import hashlib
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gan_jax.sweeps
from gan_jax.config import default_config, flatten, from_json, load_values, to_json, validate
from gan_jax.errors import ConfigError
from gan_jax.sweeps import space, sweep
from gan_jax.sweeps.runs import expand, run_name
from gan_jax.sweeps.space import grid, random, uniform, union, when
from gan_jax.sweeps.sweep import Halving, Sweep, load_sweep

RATE = "optimizer.generator.learning_rate"


def error_of(function):
    with pytest.raises(ConfigError) as caught:
        function()
    assert "\n" not in str(caught.value)
    return str(caught.value)


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


def test_options_of_a_component_that_a_point_replaces_go_with_it():
    smoothed = {"loss.name": "least_squares", "loss.least_squares.a": 0.3}
    (_, hinge), (_, squares) = expand(
        Sweep(grid({"loss.name": ["hinge", "least_squares"]}), seeds=1), load_values(smoothed)
    )
    assert hinge == load_values({"loss.name": "hinge"})
    assert run_name(hinge) == run_name(load_values({"loss.name": "hinge"}))
    assert squares == load_values(smoothed)


def test_names_tell_runs_apart():
    changes = [{}, {"seed": 6}, {"steps": 3}, {RATE: 4e-4}, {"health.stop": True}, {"loss.name": "minimax"}]
    assert len({run_name(load_values({**NAMED, **change})) for change in changes}) == len(changes)


def test_a_name_is_the_same_in_another_process():
    code = (
        "from gan_jax.config import load_values; from gan_jax.sweeps.runs import run_name;"
        "from gan_jax.sweeps import random, uniform;"
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
    for module, names in (
        (sweep, ("Sweep", "Halving", "Resources")),
        (space, ("Space", "grid", "product", "zipped", "union", "when", "only")),
        (space, ("random", "uniform", "log_uniform", "integers", "choice")),
    ):
        for name in names:
            assert getattr(gan_jax.sweeps, name) is getattr(module, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gan_jax.sweeps.nothing
