"""The benchmarks' own arithmetic: what the guard lets pass, and how many operations a step is said to have."""

import json
import math

import jax
import pytest
from support.toys import data_of

from benchmarks import guard
from benchmarks.cases import CASES
from gan_jax.build import build_game, build_hyper
from gan_jax.config import load_values
from gan_jax.training.state import init_state

# Places at which a convolution of the DCGAN for 32 x 32 is used, by its input channels.
PLACES = {"generator": {256: 4 * 4, 128: 8 * 8, 64: 16 * 16}, "discriminator": {1: 16 * 16, 64: 8 * 8, 128: 4 * 4}}
SHAPES = {"ring": (2,), "dcgan": (32, 32, 1), "dcgan_gp": (32, 32, 1)}


def written(path, **medians):
    path.write_text(json.dumps({"ratios": {name: {"median": value} for name, value in medians.items()}}))
    return str(path)


@pytest.mark.parametrize(("now", "status"), [(2.0, 0), (1.71, 0), (1.69, 1), (5.0, 0)])
def test_the_guard_fails_past_fifteen_percent(tmp_path, capsys, now, status):
    old = written(tmp_path / "old.json", step=2.0, other=1.0)
    new = written(tmp_path / "new.json", step=now, unknown=0.1)
    assert guard.main([new, f"--baseline={old}"]) == status
    said = capsys.readouterr().out
    assert said == (
        f"step: 1.69, more than 15% below the 2.00 of {old}\n"
        if status
        else f"1 ratios, none more than 15% below {old}\n"
    )


def test_the_guard_does_not_pass_what_it_cannot_compare(tmp_path):
    assert guard.main([written(tmp_path / "new.json", a=1.0), f"--baseline={written(tmp_path / 'old.json', b=1.0)}"])


def test_an_update_keeps_what_was_not_measured(tmp_path):
    old = tmp_path / "old.json"
    written(old, a=1.0, b=1.0)
    assert guard.main([written(tmp_path / "new.json", a=2.0), f"--baseline={old}", "--update"]) == 0
    medians = {name: ratio["median"] for name, ratio in json.loads(old.read_text())["ratios"].items()}
    assert medians == {"a": 2.0, "b": 1.0}


def test_the_committed_baseline_can_be_compared_with():
    ratios = json.loads(guard.BASELINE.read_text())["ratios"]
    assert {f"{name}: eager" for name in CASES} <= set(ratios)
    assert not guard.worse(ratios, ratios)
    assert all(ratio["min"] <= ratio["median"] <= ratio["max"] for ratio in ratios.values())


@pytest.mark.parametrize("name", CASES)
def test_the_layers_that_are_counted_are_those_of_the_networks(name):
    """A kernel is used once for an example, or once for each place of its map."""
    case = CASES[name]
    config = load_values(case.fields)
    game = build_game(config, data_of(SHAPES.get(name, (28, 28, 1))))
    state = jax.eval_shape(lambda: init_state(game, jax.random.key(0), build_hyper(config)))
    for network, layers in zip(("generator", "discriminator"), case.layers, strict=True):
        leaves = jax.tree_util.tree_flatten_with_path(state.params[network])[0]
        kernels = [leaf.shape for path, leaf in leaves if "kernel" in jax.tree_util.keystr(path)]
        uses = [PLACES[network][kernel[2]] if len(kernel) == 4 else 1 for kernel in kernels]
        used = [math.prod(kernel) * times for kernel, times in zip(kernels, uses, strict=True)]
        assert sorted(a * b for a, b in layers) == sorted(used)
