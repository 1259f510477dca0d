"""What the commands do when all is well, and the same from Python."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.commands import contents, elsewhere, here, image_run, refused, tiny_run

import gan_jax
from gan_jax.cli import entry
from gan_jax.cli.flags import FLAGS
from gan_jax.training.checkpoints import leaves_of
from gan_jax.training.sampling import draw


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """A run on points."""
    return tiny_run(tmp_path_factory)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A run on images, with averaged parameters and batch statistics."""
    return image_run(tmp_path_factory)


# Help, and what importing costs.


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help(arguments):
    ended = here(*arguments)
    assert (ended.status, ended.err) == (0, "")
    assert {*entry.COMMANDS} <= {line.split()[0] for line in ended.out.splitlines() if line.startswith("    ")}
    assert "Exit status" in ended.out


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("train", "gan-jax train --config=FILE.py[:VARIANT] --workdir=DIR [--flag=VALUE ...]"),
        ("sample", "--num 64"),
        ("data", "gan-jax data list|prepare NAME [--flag=VALUE ...]"),
    ],
)
def test_help_of_a_command(command, says):
    for arguments in (["--help"], ["-h"], ["--wrong", "--help"]):
        ended = here(command, *arguments)
        assert (ended.status, ended.err) == (0, "")
        assert says in ended.out


def test_flags_are_written_either_way_and_whole():
    assert FLAGS["sample"].read(["--workdir=x", "--out", "a.npy", "--num", "3", "--num=4"]).num == 4
    assert FLAGS["sweep"].read(["--workdir=x", "--dry_run"]).dry_run is True
    assert FLAGS["sweep"].read(["--workdir=x", "--dry_run=false", "--address", "auto"]).dry_run is False
    assert "--work is not a flag of `report` (did you mean 'workdir'?)" in refused("report", "--work=x")


def test_version():
    assert here("--version").out == f"gan-jax {gan_jax.__version__}\n"


def test_the_module_is_the_program():
    ended = elsewhere("--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == here("--help").out
    console = subprocess.run([Path(sys.executable).with_name("gan-jax"), "--help"], capture_output=True, text=True)
    assert (console.returncode, console.stdout) == (0, ended.out)


@pytest.mark.parametrize("module", ["gan_jax", "gan_jax.errors", "gan_jax.cli.entry"])
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
    for params, same in ((run.state.params, False), ({**run.state.params, **run.state.ema}, True)):
        x = draw(run.sampler, run.weights._replace(params=params), 4, 0)
        assert np.array_equal(x, run.sample(4)) == same
