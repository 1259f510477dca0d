"""Bad data, work directories and processes: one line, the right exit status, and nothing written."""

import io
import json
import os
import re
import shutil
import socket
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from support.commands import (
    TINY,
    contents,
    elsewhere,
    environment,
    here,
    refuse_training,
    refused,
    tiny_run,
    train_flags,
    write,
)

import gan_jax
from gan_jax.cli import entry as cli

pytestmark = pytest.mark.usefixtures("empty_folder")


# Data.


def picture(path, size=(16, 16), mode="L"):
    Image.new(mode, size).save(path)


def test_folders_of_images():
    assert "nowhere" in refuse_training("data.name=folder:nowhere", status=1)
    os.mkdir("images")
    assert "hold no image" in refuse_training("data.name=folder:images", status=1)
    picture("images/a.png")
    picture("images/b.png", (16, 8))
    line = refuse_training("data.name=folder:images", status=1)
    assert "b.png is 16x8" in line
    assert "data.folder.resolution" in line
    picture("images/b.png", mode="RGB")
    assert "data.folder.channels" in refuse_training("data.name=folder:images", status=1)
    write("images/b.png", "not an image")
    assert "b.png" in refuse_training("data.name=folder:images", status=1)
    picture("images/b.png")
    with open("images/b.png", "rb") as file:
        content = file.read()
    with open("images/b.png", "wb") as file:
        file.write(content[: len(content) // 2])
    assert "b.png" in refuse_training("data.name=folder:images", status=1)


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("data.name=rign", ["no data set 'rign'", "ring"]),
        ("data.name=mnits", ["no data set 'mnits'", "mnist"]),
        ("data.name=", ["data.name"]),
        ("data.name=folder:", ["folder:PATH"]),
        ("data.split=nowhere", ["nowhere"]),
    ],
)
def test_data_names(flag, says, empty_folder):
    variant = "digits" if "split" in flag else "ring"
    line = refuse_training(flag, f"data.dir={empty_folder}", config=f"{TINY}:{variant}", status=2)
    for part in says:
        assert part in line


def test_data_prepare_of_an_unknown_name(empty_folder):
    line = refused("data", "prepare", "mnits", f"--data_dir={empty_folder}", status=2)
    assert "mnits" in line
    assert "mnist" in line


def test_shapes_that_a_network_does_not_take():
    line = refuse_training("generator.name=dcgan", config=f"{TINY}:digits")
    assert "dcgan" in line
    assert "(8, 8, 1)" in line
    assert "dcgan" in refuse_training("discriminator.name=dcgan")


# Work directories and checkpoints.


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with the checkpoints 40, 50 and 60."""
    return tiny_run(tmp_path_factory)


def test_sampling_what_is_not_there(run, empty_folder):
    assert "holds no run" in refused("sample", "--workdir=nowhere", "--out=a.npy", status=1)
    os.mkdir("empty")
    assert "holds no run" in refused("sample", "--workdir=empty", "--out=a.npy", status=1)
    shutil.copy(run / "config.json", "empty")
    assert "no checkpoints yet" in refused("sample", "--workdir=empty", "--out=a.npy", status=1)
    before = contents(run)
    for name in ("15", "newest", "-1", "020x"):
        line = refused("sample", f"--workdir={run}", "--out=a.npy", f"--checkpoint={name}")
        assert f"checkpoint={name!r}" in line
        assert "allowed: latest, 40, 50, 60" in line
    assert contents(run) == before
    assert contents(empty_folder).keys() == {"empty", "empty/config.json"}


def test_starting_from_networks_that_do_not_fit(run):
    line = refuse_training("generator.mlp.widths=(16,8)", f"init_from={run}")
    assert "init_from=" in line
    assert "params of network 'generator'" in line
    assert "'hidden_1/bias' is float32(16,); this configuration has float32(8,)" in line
    assert "allowed: latest, 40, 50, 60" in refuse_training(f"init_from={run}/checkpoints/15")


@pytest.mark.parametrize("damage", ["not JSON", "unknown field"])
def test_a_damaged_configuration_is_not_sampled(run, tmp_path, damage):
    copy = shutil.copytree(run, tmp_path / "copy")
    text = (copy / "config.json").read_text()
    stored = json.loads(text)
    (copy / "config.json").write_text("{" if damage == "not JSON" else json.dumps({**stored, "stpes": 3}))
    line = refused("sample", f"--workdir={copy}", "--out=a.npy", status=1)
    assert str(copy / "config.json") in line


# Several processes.


def test_environment_variables_of_several_processes():
    with environment(JAX_COORDINATOR_ADDRESS="127.0.0.1:1", JAX_NUM_PROCESSES="two"):
        assert "JAX_NUM_PROCESSES='two' is not possible; allowed: a whole number" in refuse_training()


# The whole program, in a process of its own.


def program_refuses(*arguments, status=2, **options):
    ended = elsewhere(*arguments, **options)
    assert ended.status == status, ended
    assert ended.out == ""
    assert re.fullmatch(r"gan-jax: .+\n", ended.err), ended.err
    assert not os.path.exists("run")
    return ended.err


def test_the_program_itself_prints_one_line(empty_folder):
    assert "no command 'trian'" in program_refuses("trian")
    write("raises_on_import.py", "x = 1\nraise RuntimeError('not today')\n")
    assert "raises_on_import.py, line 2" in program_refuses(*train_flags("run", "loss.name=raises_on_import:x"))


def test_a_configuration_that_raises(empty_folder):
    write("raises.py", "def get_config():\n    return 1 / 0\n")
    assert "raises.py, line 2" in refuse_training(config="raises.py")


def test_a_coordinator_that_is_in_use(empty_folder):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        flags = [f"--coordinator_address=127.0.0.1:{port}", "--num_processes=1", "--process_id=0"]
        ended = elsewhere(*train_flags("run"), *flags)
    assert ended.status != 0
    assert not os.path.exists("run")


def test_nothing_but_known_errors_is_turned_into_a_line(monkeypatch):
    # A defect of the program must stay visible.
    def fails(arguments):
        raise RuntimeError("a defect")

    monkeypatch.setattr(cli, "COMMANDS", {"train": fails})
    with pytest.raises(RuntimeError, match="a defect"), mock.patch("sys.stderr", io.StringIO()):
        cli._run(["gan-jax", "train"])


def test_python_raises_the_same_errors(tmp_path):
    with pytest.raises(gan_jax.ConfigError, match="did you mean 'steps'"):
        gan_jax.load_config(TINY, {"stpes": 3})
    with pytest.raises(gan_jax.ConfigError, match="is not possible"):
        gan_jax.load_config(TINY, ["steps=0"])
    config = gan_jax.load_config(TINY).copy_and_resolve_references()
    with config.unlocked():
        config.steps = -1
    with pytest.raises(gan_jax.ConfigError, match="steps=-1 is not possible"):
        gan_jax.train(config, tmp_path / "run")
    with pytest.raises(gan_jax.WorkdirError, match="holds no run"):
        gan_jax.load_run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_samples_of_points_need_no_picture(run, empty_folder):
    assert here("sample", f"--workdir={run}", "--out=a.npy", "--num=3").status == 0
    assert np.load("a.npy").shape == (3, 2)
