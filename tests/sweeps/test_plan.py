"""Which runs share a program, how they are grouped, and what a restart leaves alone."""

import json

import pytest
from support.commands import TINY
from support.sweeping import RATE

from gan_jax.build import build_hyper
from gan_jax.config import flatten, load_config, load_values, validate
from gan_jax.sweeps.layout import (
    Group,
    chunks,
    end_of,
    is_done,
    plan,
    read_groups,
    run_folder,
    shape_of,
    structure_of,
    write_group,
)  # fmt: skip
from gan_jax.sweeps.runs import expand, run_name
from gan_jax.sweeps.space import grid
from gan_jax.sweeps.sweep import Sweep

DONE = ("finished", "non_finite", "stopped", "eliminated", "failed")
RICH = {
    "adam": (),
    "penalty_average_smoothing": ("ema.decay=0.9", "penalties.r1.weight=1.0", "loss.non_saturating.real_target=0.9"),
    "clipped_decayed_scheduled": (
        "optimizer.generator.clip=1.0", "optimizer.generator.weight_decay=0.1", "optimizer.generator.schedule=cosine",
        "optimizer.discriminator.schedule=staircase", "optimizer.discriminator.clip_weights=0.1",
    ),
    "noise_and_least_squares": ("instance_noise.std=0.1", "loss.name=least_squares", "optimizer.generator.name=sgd"),
    "rule_with_a_number": ("rule.name=optimistic", "optimizer.discriminator.name=rmsprop"),
    "gradient_penalty": ("loss.name=wasserstein", "penalties.wgan_gp.weight=10.0"),
}  # fmt: skip


def base(*fields):
    """A configuration whose parts are off."""
    return load_config(f"{TINY}:ring", ["steps=20", *fields])


def changed(config, **values):
    """The configuration with some fields replaced, checked."""
    config = config.copy_and_resolve_references()
    with config.unlocked():
        for path, value in values.items():
            *parents, leaf = path.split(".")
            section = config
            for name in parents:
                section = section[name]
            section[leaf] = value
    return validate(config)


def another(path, value):
    """A number that the field may be, and is not."""
    bounded = ("b1", "b2", "momentum", "decay", "final_scale", "decay_rate", "real_target", "fake_target")
    return value / 2 + 0.15 if path.rsplit(".", 1)[1] in bounded else value * 1.5 + 0.125


# Which runs share a program.


@pytest.mark.parametrize("name", RICH)
def test_runs_share_a_program_whatever_their_seed_and_numbers(name):
    config = base(*RICH[name])
    structure, numbers = structure_of(config), set(build_hyper(config)) - {"steps"}
    assert len(numbers) >= 8
    assert structure_of(changed(config, seed=7)) == structure
    flat = flatten(config)
    for path in sorted(numbers):
        other = changed(config, **{path: another(path, flat[path])})
        assert flatten(other)[path] != flat[path]
        assert structure_of(other) == structure, path
        assert set(build_hyper(other)) == set(build_hyper(config)), path


STRUCTURAL = {
    "steps": 40, "batch_size": 64, "latent_dim": 4, "latent": "uniform", "latent_scale": 2.0, "steps_per_call": 3,
    "precision": "bfloat16", "parallel": "shard_map", "loss.name": "minimax", "generator.mlp.widths": (16, 8),
    "discriminator.mlp.dropout": 0.3, "generator.mlp.batch_norm": True, "data.ring.std": 0.05, "data.split": "test",
    "optimizer.generator.name": "sgd", "optimizer.generator.schedule": "cosine", "optimizer.discriminator.clip": 1.0,
    "optimizer.generator.weight_decay": 0.1, "optimizer.discriminator.clip_weights": 0.1, "ema.decay": 0.9,
    "penalties.r1.weight": 1.0, "instance_noise.std": 0.1, "schedule.discriminator_steps": 2,
    "schedule.simultaneous": True, "rule.name": "optimistic", "log_every": 4, "sample_every": 5, "sample_count": 4,
    "checkpoint_every": 5, "health.stop": True, "health.samples": 0, "evaluation.metrics": ("modes",),
    "evaluation.num": 100, "data.name": "grid",
}  # fmt: skip


@pytest.mark.parametrize("field", STRUCTURAL)
def test_every_other_field_makes_another_program(field):
    assert structure_of(changed(base(), **{field: STRUCTURAL[field]})) != structure_of(base())


def test_numbers_that_turn_a_part_on_make_another_program_and_then_none():
    for path, low, high in (
        ("ema.decay", 0.5, 0.9), ("penalties.r1.weight", 0.1, 10.0), ("optimizer.generator.clip", 0.5, 2.0),
        ("instance_noise.std", 0.1, 0.2), ("optimizer.generator.weight_decay", 0.1, 0.2),
    ):  # fmt: skip
        off, weak, strong = (structure_of(changed(base(), **{path: value})) for value in (0.0, low, high))
        assert off != weak == strong, path


def test_every_field_is_structure_the_seed_or_a_number():
    # A field that were neither in the hash nor in ``hyper`` would be one that runs of a group differ in unseen.
    config = base(*RICH["penalty_average_smoothing"])
    numbers = set(build_hyper(config)) - {"steps"}
    assert numbers <= set(flatten(config))
    assert "seed" not in numbers


def test_the_time_of_a_step_depends_neither_on_numbers_nor_on_the_loss():
    shape = shape_of(base())
    for field, value in (("seed", 3), (RATE, 0.5), ("loss.name", "hinge"), ("steps", 40), ("log_every", 1)):
        assert shape_of(changed(base(), **{field: value})) == shape
    for field, value in (("batch_size", 64), ("generator.mlp.widths", (8,)), ("penalties.r1.weight", 1.0)):
        assert shape_of(changed(base(), **{field: value})) != shape


# Groups.


def laid_out(values, seeds=1, config=None):
    runs = expand(Sweep(grid(values), seeds=seeds), base() if config is None else config)
    return {run_name(config): config for _, config in runs}


def ended(workdir, run, status, step):
    folder = run_folder(workdir, run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps({"status": status, "step": step}))


def members(found):
    return [group.runs for group in found]


def test_runs_of_one_structure_are_one_group_in_their_order(tmp_path):
    runs = laid_out({"loss.name": ["hinge", "minimax"], RATE: [1e-3, 2e-3]}, seeds=2)
    names = list(runs)
    found = plan(tmp_path, runs, 0, None)
    assert members(found) == [tuple(names[:4]), tuple(names[4:])]
    assert {(group.begin, group.until, group.width, group.way) for group in found} == {(0, 20, 0, "")}
    assert len({group.name for group in found}) == 2
    assert [g.name for g in plan(tmp_path, runs, 0, None)] == [g.name for g in found]  # the same names at every start


def test_lengths_are_groups_of_their_own(tmp_path):
    runs = laid_out({"steps": [20, 40], RATE: [1e-3, 2e-3]})
    assert sorted(group.until for group in plan(tmp_path, runs, 0, None)) == [20, 40]
    ends = {group.runs: group.until for group in plan(tmp_path, runs, 0, 30)}
    assert sorted(ends.values()) == [20, 30]
    assert end_of(next(iter(runs.values())), 30) == 20
    assert end_of(next(iter(runs.values())), 10) == 10
    assert end_of(next(iter(runs.values())), None) == 20


@pytest.mark.parametrize("status", DONE)
def test_runs_that_are_done_are_left_alone(tmp_path, status):
    runs = laid_out({RATE: [1e-3, 2e-3, 3e-3]})
    a, b, c = runs
    ended(tmp_path, b, status, 7)
    assert members(plan(tmp_path, runs, 0, None)) == [(a, c)]
    for run in (a, c):
        ended(tmp_path, run, "finished", 20)
    assert plan(tmp_path, runs, 0, None) == []


def test_a_recorded_group_keeps_its_runs_and_their_order(tmp_path):
    runs = laid_out({RATE: [1e-3, 2e-3, 3e-3]})
    a, b, c = runs
    recorded = Group("there", (c, a, b), 0, 20, 3, "vmap", "measured", {"vmap": 1.0}, "shape")
    write_group(tmp_path, recorded)
    assert read_groups(tmp_path) == [recorded]
    assert plan(tmp_path, runs, 0, None) == [recorded]
    ended(tmp_path, a, "non_finite", 3)  # it still lies in the program of the others
    assert plan(tmp_path, runs, 0, None) == [recorded]
    for run in (b, c):
        ended(tmp_path, run, "finished", 20)
    assert plan(tmp_path, runs, 0, None) == []


def test_added_values_give_new_groups_with_the_new_runs_alone(tmp_path):
    few = laid_out({RATE: [1e-3, 2e-3]}, seeds=2)
    first = plan(tmp_path, few, 0, None)
    for group in first:
        write_group(tmp_path, group)
    more = laid_out({RATE: [1e-3, 2e-3, 3e-3]}, seeds=3)
    assert set(few) < set(more)
    found = plan(tmp_path, more, 0, None)
    assert found[0] == first[0]
    assert members(found[1:]) == [tuple(run for run in more if run not in few)]
    for run in few:
        ended(tmp_path, run, "finished", 20)
    assert plan(tmp_path, more, 0, None) == found[1:]
    assert found[1].name != first[0].name


def test_a_group_of_another_rung_is_another_group(tmp_path):
    runs = laid_out({RATE: [1e-3, 2e-3]})
    for group in plan(tmp_path, runs, 0, 5):
        write_group(tmp_path, group)
    for run in runs:
        ended(tmp_path, run, "paused", 5)
    assert plan(tmp_path, runs, 0, 5) == []
    (later,) = plan(tmp_path, runs, 5, None)
    assert (later.begin, later.until) == (5, 20)
    assert later.name not in {group.name for group in read_groups(tmp_path)}


def test_a_recorded_group_of_another_length_is_not_taken(tmp_path):
    # Halving taken out of a sweep: its rung's groups end too early.
    runs = laid_out({RATE: [1e-3, 2e-3]})
    for group in plan(tmp_path, runs, 0, 5):
        write_group(tmp_path, group)
    (found,) = plan(tmp_path, runs, 0, None)
    assert (found.begin, found.until) == (0, 20)
    assert read_groups(tmp_path)[0].name != found.name


@pytest.mark.parametrize(
    ("status", "step", "begin", "until", "done"),
    [
        (None, 0, 0, 20, False),
        *((status, 3, 0, 20, True) for status in DONE),
        *((status, 3, 5, 20, True) for status in DONE),
        ("running", 20, 0, 20, False),
        ("interrupted", 10, 0, 20, False),
        ("paused", 5, 0, 5, True),
        ("paused", 5, 0, 10, False),
        ("paused", 5, 5, 10, False),
        ("paused", 10, 0, 5, True),
        ("paused", 10, 5, 10, True),
    ],
)
def test_when_a_run_is_done(tmp_path, status, step, begin, until, done):
    if status:
        ended(tmp_path, "run", status, step)
    assert is_done(tmp_path, "run", begin, until) is done


@pytest.mark.parametrize(("width", "sizes"), [(0, [5]), (1, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (5, [5]), (8, [5])])
def test_chunks_hold_each_run_once_in_order(width, sizes):
    group = Group("name", tuple("abcde"), 0, 20, width)
    found = chunks(group)
    assert [len(chunk) for chunk in found] == sizes
    assert [run for chunk in found for run in chunk] == list("abcde")


def test_options_of_ones_own_loss_that_are_numbers_share_a_program(tmp_path, monkeypatch):
    (tmp_path / "loss_of_plan.py").write_text(
        "from gan_jax.losses import hinge\n\n\ndef make(margin=1.0, power=2):\n    return hinge()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    one, two, three = (
        load_values({"data.name": "ring", "loss.name": "loss_of_plan:make", "loss.options": options})
        for options in ({"margin": 1.0}, {"margin": 2.0}, {"margin": 1.0, "power": 3})
    )
    assert build_hyper(one)["loss.options.margin"] == 1.0
    assert structure_of(one) == structure_of(two)
    assert structure_of(one) != structure_of(three)
