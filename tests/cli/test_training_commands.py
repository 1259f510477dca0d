"""Training by the command and from Python, when all is well."""

import json
import os
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from support.commands import TINY, assert_same_run, here, records, refused, result, train_flags

import gan_jax
from gan_jax.training.checkpoints import leaves_of

SHORT = ("steps=10", "log_every=5", "sample_every=0", "checkpoint_every=5")


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """A run on points."""
    workdir = tmp_path_factory.mktemp("runs") / "points"
    assert here(*train_flags(workdir, *SHORT)).status == 0
    return workdir


def params(workdir, checkpoint="latest"):
    return leaves_of(gan_jax.load_run(workdir, checkpoint).state.params)


def assert_equal_leaves(a, b):
    assert sorted(a) == sorted(b)
    for name in b:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


# Training from Python.


def test_training_from_python_equals_the_command(points, tmp_path):
    config = gan_jax.load_config(TINY, list(SHORT))
    done = gan_jax.train(config, tmp_path / "run", progress=False)
    assert done.params_sha256 == result(points)["params_sha256"]
    assert_same_run(tmp_path / "run", points)


def test_a_mapping_of_overrides(tmp_path):
    config = gan_jax.load_config(
        str(TINY),
        {"steps": 3, "generator.mlp.widths": (4, 5), "loss.name": "minimax", "ema.decay": 0.5, "profile": True},
    )
    assert config.steps == 3
    assert config.generator.mlp.widths == (4, 5)
    assert config.loss.name == "minimax"
    assert config.ema.decay == 0.5
    assert config.profile is True
    with pytest.raises(Exception, match="lock"):
        config.stpes = 3


@pytest.mark.parametrize("flag", ["--config.profile", "--config.profile=true", "--noconfig.profile"])
def test_flags_of_truth_values(flag):
    from gan_jax.config import parse_config_flags

    config, rest = parse_config_flags([f"--config={TINY}", flag, "--workdir=x"])
    assert config.profile is (not flag.startswith("--no"))
    assert rest == ["--workdir=x"]


# Options of a run.


def test_starting_from_the_networks_of_another_run(points, tmp_path):
    theirs = params(points)
    changed = ("seed=5", "optimizer.generator.learning_rate=0.0", "optimizer.discriminator.learning_rate=0.0")
    ended = here(*train_flags(tmp_path / "same", *SHORT, *changed, f"init_from={points}"))
    assert ended.status == 0, ended.err
    assert f"networks of {points} at step 10: discriminator, generator" in ended.err
    assert "gan on ring (endless points of dimension 2): parameters: discriminator mlp " in ended.err
    assert_equal_leaves(params(tmp_path / "same"), theirs)  # nothing was learnt, so these are those of step 0
    ended = here(*train_flags(tmp_path / "five", *SHORT, *changed, f"init_from={points}/checkpoints/5"))
    assert ended.status == 0, ended.err
    assert_equal_leaves(params(tmp_path / "five"), params(points, 5))


def test_a_fine_tuned_run_learns_and_is_resumed_from_itself(points, tmp_path):
    flags = (*SHORT, "seed=5", f"init_from={points}")
    assert here(*train_flags(tmp_path / "whole", *flags)).status == 0
    theirs = params(points)
    assert any(not np.array_equal(a, theirs[name]) for name, a in params(tmp_path / "whole").items())
    assert here(*train_flags(tmp_path / "parts", *flags, "steps=5")).status == 0
    ended = here(*train_flags(tmp_path / "parts", *flags))
    assert ended.status == 0, ended.err
    assert result(tmp_path / "parts")["params_sha256"] == result(tmp_path / "whole")["params_sha256"]


def test_a_profile(tmp_path):
    workdir = tmp_path / "run"
    assert here(*train_flags(workdir, *SHORT, "profile=True")).status == 0
    traces = [path for path in (workdir / "profile").rglob("*") if path.is_file()]
    assert traces
    assert all(path.stat().st_size > 0 for path in traces)


OPTIONS = [
    (
        "precision=bfloat16", "ema.decay=0.9", "optimizer.generator.clip=0.01",
        "optimizer.discriminator.weight_decay=0.1", "optimizer.generator.schedule=linear",
        "optimizer.discriminator.schedule=exponential",
    ),
    (
        "optimizer.generator.name=rmsprop", "optimizer.discriminator.name=sgd", "optimizer.discriminator.momentum=0.9",
        "loss.name=least_squares", "loss.least_squares.a=-1", "loss.least_squares.c=0", "latent=uniform",
        "schedule.discriminator_steps=3",
    ),
    (
        "schedule.simultaneous=True", "sample_statistics=batch", "generator.mlp.batch_norm=True", "latent=stratified",
        "latent_scale=2",
    ),
]  # fmt: skip


@pytest.mark.parametrize("flags", [OPTIONS[0], *(pytest.param(o, marks=pytest.mark.slow) for o in OPTIONS[1:])])
def test_options_change_the_run(points, tmp_path, flags):
    workdir = tmp_path / "run"
    ended = here(*train_flags(workdir, *SHORT, *flags))
    assert ended.status == 0, ended.err
    assert result(workdir)["status"] == "finished"
    assert result(workdir)["params_sha256"] != result(points)["params_sha256"]
    assert {leaf.dtype for leaf in params(workdir).values()} == {np.dtype(np.float32)}
    assert [row["step"] for row in records(workdir)] == [5, 10]
    assert gan_jax.load_run(workdir).sample(2).dtype == np.float32


@pytest.mark.slow
def test_a_schedule_that_ends_at_zero_or_a_gradient_clipped_to_nothing_learns_nothing(tmp_path):
    flags = (
        "optimizer.discriminator.schedule=staircase", "optimizer.discriminator.decay_steps=5",
        "optimizer.discriminator.decay_rate=1e-30", "optimizer.generator.name=sgd", "optimizer.generator.clip=1e-30",
    )  # fmt: skip
    assert here(*train_flags(tmp_path / "run", *SHORT, *flags)).status == 0
    first, last = params(tmp_path / "run", 5), params(tmp_path / "run", 10)
    for name, leaf in last.items():
        np.testing.assert_allclose(leaf, first[name], rtol=0, atol=0 if name.startswith("generator") else 1e-12)


def test_the_work_directory_may_be_named_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = here(*train_flags(Path("a/b/run"), *SHORT))
    assert ended.status == 0
    assert ended.out == f"{os.path.join('a/b/run', 'samples', '10.png')}\n"
    assert Path(ended.out.strip()).exists()
    monkeypatch.chdir("a")
    assert here(*train_flags(Path("b/run"), *SHORT)).status == 0  # the same run: nothing is left to do


# A user's own parts, found beside the command.

OWN_PARTS = '''
import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gan_jax.games import gan


def hinge(margin=1.0):
    def discriminator(real, fake):
        return jnp.maximum(0.0, margin - real) + jnp.maximum(0.0, margin + fake)

    return discriminator, lambda real, fake: -fake


class Linear(nn.Module):
    """An affine map of the latent variables."""

    shape: tuple[int, ...]
    bias: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z, *, train=False, keys=None, axis_name=None):
        x = nn.Dense(self.shape[0], use_bias=self.bias, dtype=self.dtype)(z)
        return x.astype(jnp.float32)


def penalized(setup, *, price=1.0):
    """The game of two players in which the generator also pays for large outputs of its opponent."""
    base = gan.build(setup)

    def loss(move):
        value, metrics = base.players["generator"].loss(move)
        paid = move.number("price") * jnp.square(metrics["fake_logits"])
        return value + paid, {**metrics, "paid": paid}

    generator = dataclasses.replace(base.players["generator"], loss=loss)
    return dataclasses.replace(base, players={**base.players, "generator": generator})
'''


def test_own_loss_network_and_game(empty_folder):
    (empty_folder / "my_parts.py").write_text(OWN_PARTS)
    flags = (
        *SHORT, "loss.name=my_parts:hinge", "loss.options={'margin': 2.0}", "generator.name=my_parts:Linear",
        "generator.options={'bias': False}", "game.name=my_parts:penalized", "game.options={'price': 0.5}",
    )  # fmt: skip
    workdir = empty_folder / "run"
    try:
        ended = here(*train_flags(workdir, *flags))
        assert ended.status == 0, ended.err
        assert all(row["generator/paid"] >= 0 for row in records(workdir))
        assert json.loads((workdir / "config.json").read_text())["loss"]["options"] == {"margin": 2.0}
        run = gan_jax.load_run(workdir)
        assert run.sample(5).shape == (5, 2)
        assert sorted(run.state.params["generator"]["Dense_0"]) == ["kernel"]
        assert float(run.state.hyper["loss.options.margin"]) == 2.0
        again = (flag for flag in flags if not flag.startswith("loss.options"))
        line = refused(*train_flags(workdir, *again, "loss.options={'margin': 3.0}"))
        assert "loss.options: {'margin': 2.0} there, {'margin': 3.0} now" in line
    finally:
        sys.modules.pop("my_parts", None)


def test_an_own_step(points, tmp_path):
    from gan_jax.build import build_game, build_source
    from gan_jax.training import parallel
    from gan_jax.training.step import make_step

    config = gan_jax.load_config(TINY, list(SHORT))
    inner = make_step(build_game(config, build_source(config)), local_batch=32, axis_name=parallel.AXIS)

    def step(state, batch):
        after, metrics = inner(state, batch)
        return after, {**metrics, "own/mean": jax.numpy.mean(batch["image"])}

    done = gan_jax.train(config, tmp_path / "run", progress=False, step=step)
    assert "own/mean" in done.metrics
    assert done.params_sha256 == result(points)["params_sha256"]
