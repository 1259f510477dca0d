"""What the commands do when all is well, and the same from Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import TINY, assert_same_run, contents, elsewhere, here, records, refused, result, train_flags
from PIL import Image

import gan_jax
from gan_jax.training.checkpoints import leaves_of

SHORT = ("steps=10", "log_every=5", "sample_every=0", "checkpoint_every=5")


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """A run on points."""
    workdir = tmp_path_factory.mktemp("runs") / "points"
    assert here(*train_flags(workdir, *SHORT)).status == 0
    return workdir


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A run on images, with averaged parameters and batch statistics."""
    workdir = tmp_path_factory.mktemp("runs") / "images"
    flags = train_flags(workdir, *SHORT, "ema.decay=0.5", "generator.mlp.batch_norm=True", config=f"{TINY}:digits")
    assert here(*flags).status == 0
    return workdir


def params(workdir, checkpoint="latest"):
    return leaves_of(gan_jax.load_run(workdir, checkpoint).state.params)


def assert_equal_leaves(a, b):
    assert sorted(a) == sorted(b)
    for name in b:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


# Help, and what importing costs.


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["train", "--help"], ["sample", "-h"], ["data", "--help"]])
def test_help(arguments):
    ended = here(*arguments)
    assert (ended.status, ended.err) == (0, "")
    for command in ("gan-jax train", "gan-jax sample", "gan-jax data", "Exit status"):
        assert command in ended.out


def test_version():
    assert here("--version").out == f"gan-jax {gan_jax.__version__}\n"


def test_the_module_is_the_program():
    ended = elsewhere("--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == here("--help").out
    console = subprocess.run([Path(sys.executable).with_name("gan-jax"), "--help"], capture_output=True, text=True)
    assert (console.returncode, console.stdout) == (0, ended.out)


@pytest.mark.parametrize("module", ["gan_jax", "gan_jax.errors"])
def test_importing_does_not_load_jax(module):
    code = f"import {module}, sys; print([m for m in ('jax', 'flax', 'numpy', 'ml_collections') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_the_public_names_are_there():
    for name in gan_jax.__all__:
        assert getattr(gan_jax, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        gan_jax.nothing_of_this_name


def test_data_list(tmp_path):
    ended = here("data", "list", f"--data_dir={tmp_path}")
    assert (ended.status, ended.err) == (0, "")
    rows = {line.split()[0]: line.split() for line in ended.out.splitlines()}
    assert rows["name"][:5] == ["name", "shape", "examples", "classes", "prepared"]
    assert rows["ring"][1:5] == ["2", "endless", "-", "-"]
    assert rows["digits"][1:5] == ["8x8x1", "1797", "10", "-"]
    assert rows["mnist"][1:5] == ["28x28x1", "60000", "10", "no"]


# Sampling.


def test_sampling_images(images, tmp_path):
    first, second, other, more = (tmp_path / f"{name}.npy" for name in ("first", "second", "other", "more"))
    before = contents(images)
    assert here("sample", f"--workdir={images}", f"--out={first}", "--num=10").out == f"{first}\n"
    assert here("sample", f"--workdir={images}", f"--out={second}", "--num=10", "--seed=0").status == 0
    assert here("sample", f"--workdir={images}", f"--out={other}", "--num=10", "--seed=1").status == 0
    assert here("sample", f"--workdir={images}", f"--out={more}", "--num=100").status == 0
    x = np.load(first)
    assert x.shape == (10, 8, 8, 1)
    assert x.dtype == np.float32
    assert np.abs(x).max() <= 1
    assert first.read_bytes() == second.read_bytes()
    assert not np.array_equal(np.load(other), x)
    np.testing.assert_allclose(np.load(more)[:10], x, rtol=0, atol=1e-6)
    assert len(np.unique(np.load(more).reshape(100, -1), axis=0)) == 100
    assert contents(images) == before


def test_sampling_more_than_a_chunk(images):
    run = gan_jax.load_run(images)
    x = run.sample(1100, seed=3)
    assert x.shape == (1100, 8, 8, 1)
    assert len(np.unique(x.reshape(1100, -1), axis=0)) == 1100
    np.testing.assert_allclose(run.sample(600, seed=3), x[:600], rtol=0, atol=1e-6)


def test_sampling_to_pictures(images, points, tmp_path):
    for workdir in (images, points):
        one, two = tmp_path / "one.png", tmp_path / "two.png"
        for out in (one, two):
            assert here("sample", f"--workdir={workdir}", f"--out={out}", "--num=9").status == 0
        assert one.read_bytes() == two.read_bytes()
        with Image.open(one) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) >= 80
            assert len(np.unique(np.asarray(picture))) > 3


def test_checkpoints_differ_and_the_default_is_the_newest(images, tmp_path):
    outs = {}
    for name in ("latest", "10", "5"):
        out = tmp_path / f"{name}.npy"
        assert here("sample", f"--workdir={images}", f"--out={out}", f"--checkpoint={name}").status == 0
        outs[name] = np.load(out)
    np.testing.assert_array_equal(outs["latest"], outs["10"])
    assert not np.array_equal(outs["latest"], outs["5"])
    assert outs["latest"].shape[0] == 64


def test_load_run(images):
    run = gan_jax.load_run(images, 5)
    assert int(run.state.step) == 5
    assert run.config.ema.decay == 0.5
    assert run.source.shape == (8, 8, 1)
    x = run.sample(3, seed=1)
    assert x.shape == (3, 8, 8, 1)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(run.sample(3, seed=1), x)
    with pytest.raises(gan_jax.ConfigError, match="num=0"):
        run.sample(0)
    with pytest.raises(gan_jax.ConfigError, match="allowed: latest, 5, 10"):
        gan_jax.load_run(images, 7)


def test_samples_use_the_averaged_parameters(images):
    run = gan_jax.load_run(images)
    average, now = leaves_of(run.state.ema["generator"]), leaves_of(run.state.params["generator"])
    assert any(not np.array_equal(average[name], now[name]) for name in now)
    plain = gan_jax.training.sampling.Run(run.config, run.state.replace(ema={}), run.game, run.source)
    assert not np.array_equal(plain.sample(4), run.sample(4))


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
    assert_equal_leaves(params(tmp_path / "same"), theirs)  # nothing was learnt, so these are those of step 0
    ended = here(*train_flags(tmp_path / "five", *SHORT, *changed, f"init_from={points}/checkpoints/5"))
    assert ended.status == 0, ended.err
    assert_equal_leaves(params(tmp_path / "five"), params(points, 5))
    assert here(*train_flags(tmp_path / "tuned", *SHORT, "seed=5", f"init_from={points}")).status == 0
    assert any(not np.array_equal(a, theirs[name]) for name, a in params(tmp_path / "tuned").items())


def test_a_fine_tuned_run_is_resumed_from_itself(points, tmp_path):
    flags = (*SHORT, "seed=5", f"init_from={points}")
    assert here(*train_flags(tmp_path / "whole", *flags)).status == 0
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
    ("precision=bfloat16",),
    ("ema.decay=0.9", "optimizer.generator.clip=0.01", "optimizer.discriminator.weight_decay=0.1"),
    ("optimizer.generator.schedule=linear", "optimizer.discriminator.schedule=exponential"),
    ("optimizer.generator.name=rmsprop", "optimizer.discriminator.name=sgd", "optimizer.discriminator.momentum=0.9"),
    ("loss.name=least_squares", "loss.least_squares.a=-1", "loss.least_squares.c=0", "latent=uniform"),
    ("schedule.discriminator_steps=3", "latent=stratified", "latent_scale=2"),
    ("schedule.simultaneous=True", "sample_statistics=batch", "generator.mlp.batch_norm=True"),
]


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
def test_a_schedule_that_ends_at_zero_stops_learning(tmp_path):
    flags = [
        f"optimizer.{p}.{f}" for p in ("generator", "discriminator") for f in ("schedule=staircase", "decay_steps=5")
    ]
    flags += [f"optimizer.{p}.decay_rate=1e-30" for p in ("generator", "discriminator")]
    assert here(*train_flags(tmp_path / "run", *SHORT, *flags)).status == 0
    first, last = params(tmp_path / "run", 5), params(tmp_path / "run", 10)
    for name, leaf in last.items():
        np.testing.assert_allclose(leaf, first[name], rtol=0, atol=1e-12)


@pytest.mark.slow
def test_a_gradient_that_is_clipped_to_nothing_learns_nothing_under_sgd(tmp_path):
    flags = [f"optimizer.{p}.{f}" for p in ("generator", "discriminator") for f in ("name=sgd", "clip=1e-30")]
    assert here(*train_flags(tmp_path / "run", *SHORT, *flags)).status == 0
    first, last = params(tmp_path / "run", 5), params(tmp_path / "run", 10)
    for name, leaf in last.items():
        np.testing.assert_array_equal(leaf, first[name])


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


def penalized(parts):
    """The game of two players in which the generator also pays for large outputs of its opponent."""
    base = gan.build(parts)

    def loss(networks, params, stats, batch, context):
        value, aux = base.players["generator"].loss(networks, params, stats, batch, context)
        paid = parts.options["price"] * jnp.square(aux.metrics["fake_logits"])
        return value + paid, aux._replace(metrics={**aux.metrics, "paid": paid})

    generator = dataclasses.replace(base.players["generator"], loss=loss)
    return dataclasses.replace(base, players={**base.players, "generator": generator})
'''


def test_own_loss_network_and_game(tmp_path):
    (tmp_path / "my_parts.py").write_text(OWN_PARTS)
    flags = (
        *SHORT, "loss.name=my_parts:hinge", "loss.options={'margin': 2.0}", "generator.name=my_parts:Linear",
        "generator.options={'bias': False}", "game.name=my_parts:penalized", "game.options={'price': 0.5}",
    )  # fmt: skip
    ended = elsewhere(*train_flags("run", *flags), cwd=tmp_path)
    assert ended.status == 0, ended.err
    workdir = tmp_path / "run"
    assert all(row["generator/paid"] >= 0 for row in records(workdir))
    assert json.loads((workdir / "config.json").read_text())["loss"]["options"] == {"margin": 2.0}
    sys.path.insert(0, str(tmp_path))
    try:
        run = gan_jax.load_run(workdir)
        assert run.sample(5).shape == (5, 2)
        assert sorted(run.state.params["generator"]["Dense_0"]) == ["kernel"]
        assert float(run.state.hyper["loss.options.margin"]) == 2.0
        again = (flag for flag in flags if not flag.startswith("loss.options"))
        line = refused(*train_flags(workdir, *again, "loss.options={'margin': 3.0}"))
        assert "loss.options: {'margin': 2.0} there, {'margin': 3.0} now" in line
    finally:
        sys.path.remove(str(tmp_path))
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
