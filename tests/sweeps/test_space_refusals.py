"""What is refused of spaces and sweeps, in one line."""

import math

import numpy as np
import pytest

from gan_jax.errors import ConfigError
from gan_jax.sweeps.space import (
    Space,
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


def error_of(function):
    with pytest.raises(ConfigError) as caught:
        function()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is refused.

SPACE = grid({"loss.name": ["hinge", "minimax"], "batch_size": [8, 16]})
CLIP = grid({"optimizer.discriminator.clip_weights": [0.01, 0.1]})
DRAWS = {RATE: log_uniform(1e-5, 1e-2)}
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
