"""The detector on real trainings of seconds: healthy ones, and ones that are made to fail in each way.

Programs are shared: runs that differ in learning rates only are compiled once.
"""

import pytest
from support import short_runs
from support.short_runs import first_called, histories

RATES = ("optimizer.generator.learning_rate", "optimizer.discriminator.learning_rate")
GAUSSIAN = {"data.name": "gaussian"}
LEAST_SQUARES = {**GAUSSIAN, "loss.name": "least_squares"}
RING = {"data.name": "ring"}
DIGITS = {"data.name": "digits", "generator.mlp.output": "tanh"}
MINIMAX = {**DIGITS, "loss.name": "minimax"}


def rates(fields, generator, discriminator):
    return {**fields, **dict(zip(RATES, (generator, discriminator), strict=True))}


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        pytest.param(GAUSSIAN, 1000, marks=pytest.mark.slow),
        pytest.param(LEAST_SQUARES, 1000, marks=pytest.mark.slow),
        pytest.param(DIGITS, 1500, marks=pytest.mark.slow),
    ],
    ids=["non_saturating", "least_squares", "digits"],
)
def test_twenty_healthy_seeds_raise_no_alarm(fields, steps):
    alarms = [first_called(history, fields)[0] for history in histories(fields, steps)]
    assert alarms == [{}] * 20


def test_a_few_steps_of_a_huge_rate_are_not_finite():
    fields = rates(LEAST_SQUARES, 1e15, 1e15)
    for history in histories(fields):
        called, last = first_called(history, fields)
        assert called["non_finite"] == history[0]["step"]
        assert last[0].hopeless


def test_a_large_rate_diverges():
    fields = rates(LEAST_SQUARES, 0.3, 3.0)
    called = [first_called(history, fields)[0] for history in histories(fields)]
    assert sum("diverging" in c for c in called) >= 18


@pytest.mark.slow
def test_a_generator_on_few_modes_of_the_ring_collapses_and_wanders():
    fields = rates(RING, 1e-2, 2e-4)
    found = [first_called(history, fields) for history in histories(fields)]
    assert sum("collapsed" in called for called, _ in found) >= 18
    assert sum("oscillating" in called for called, _ in found) >= 10
    assert sum(any(f.name == "collapsed" and f.hopeless for f in last) for _, last in found) >= 15


@pytest.mark.slow
def test_under_minimax_a_strong_discriminator_wins_and_the_gradient_vanishes():
    fields = rates(MINIMAX, 1e-4, 5e-3)
    found = [first_called(history, fields) for history in histories(fields)]
    assert sum("discriminator_won" in called for called, _ in found) >= 18
    assert sum("vanishing_generator_gradient" in called for called, _ in found) >= 10  # the others' was small at once
    assert all(f.hopeless for _, last in found for f in last if f.name == "discriminator_won")


@pytest.mark.slow
def test_logits_saturate_where_the_rate_is_too_large():
    fields = rates(GAUSSIAN, 1.0, 1.0)
    called = [first_called(history, fields)[0] for history in histories(fields)]
    assert sum("saturated_logits" in c for c in called) >= 3
    assert sum("collapsed" in c for c in called) == 20


def test_programs_are_shared():
    assert short_runs.program.cache_info().currsize <= 5
