"""Bad input: one line that says what to do, the right exit status, and nothing written."""

import io
import json
import os
import re
import shutil
import socket
import sys
from unittest import mock

import numpy as np
import pytest
from helpers import TINY, contents, elsewhere, environment, here, refused, train_flags
from PIL import Image

import gan_jax
from gan_jax import cli


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Every test starts in an empty folder, which is on the Python path as it is for the console script."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


def refuse_training(*flags, config=TINY, status=2):
    """``train`` must be refused before a work directory is made; returns the line."""
    line = refused(*train_flags("run", *flags, config=config), status=status)
    assert not os.path.exists("run")
    return line


def write(name, text):
    with open(name, "w") as file:
        file.write(text)


# Commands and flags.


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "there is no command; allowed: train, sample, data"),
        (["trian"], "there is no command 'trian' (did you mean 'train'?); allowed: train, sample, data"),
        (["--workdir=x", "train"], "there is no command"),
        (["train"], "--config is missing"),
        (["train", "--workdir=run"], "--config is missing"),
        (["train", f"--config={TINY}"], "--workdir is missing; `train` needs --config=FILE.py[:VARIANT] --workdir=DIR"),
        (["train", f"--config={TINY}", "--workdir="], "--workdir is missing"),
        (["train", f"--config={TINY}", "--workdir"], "Missing value for flag --workdir"),
        (["train", f"--config={TINY}", f"--config={TINY}", "--workdir=run"], "--config is given 2 times"),
        (["train", "--config", "--workdir=run"], "there is no such file"),
        (["train", "--config=", "--workdir=run"], "there is no such file"),
        (["train", "--", f"--config={TINY}", "--workdir=run"], "--config is missing"),
        (
            ["train", f"--config={TINY}", "--wrokdir=run"],
            "--wrokdir is not a flag of `train` (did you mean 'workdir'?)",
        ),
        (
            ["train", f"--config={TINY}", "--workdir=run", "--num=3"],
            "--num is not a flag of `train`; allowed: --workdir",
        ),
        (
            ["train", f"--config={TINY}", "--workdir=run", "now"],
            "'now' is not understood; `train` takes only --flag=value",
        ),
        (["train", f"--config={TINY}", "--workdir=run", "--flagfile=nope"], "nope"),
        (["train", f"--config={TINY}", "--workdir=run", "--process_id=1"], "coordinator_address"),
        (["train", f"--config={TINY}", "--workdir=run", "--num_processes=0"], "--num_processes=0 is not possible"),
        (["train", f"--config={TINY}", "--workdir=run", "--config.steps"], "Missing value for flag --config.steps"),
        (["sample", "--workdir=run"], "--out is missing; `sample` needs --workdir=DIR --out=FILE.png|FILE.npy"),
        (["sample", "--out=a.png"], "--workdir is missing"),
        (["sample", "--workdir=run", "--out=a.png", "--num=0"], "--num=0 is not possible; allowed: a positive integer"),
        (["sample", "--workdir=run", "--out=a.png", "--num=many"], "--num=many is not possible; allowed: a positive"),
        (["sample", "--workdir=run", "--out=a.png", "--seed=-1"], "--seed=-1 is not possible; allowed: an integer in"),
        (["sample", "--workdir=run", "--out=a.png", "--seed=4294967296"], "--seed=4294967296 is not possible"),
        (["sample", "--workdir=run", "--out=a.jpg"], "out='a.jpg' has the suffix '.jpg'; allowed: .png, .npy"),
        (["sample", "--workdir=run", "--out=nope/a.png"], "the folder 'nope' does not exist"),
        (["sample", "run", "a.png"], "'run' is not understood"),
        (["data"], "`data` is not understood; allowed: data list, data prepare NAME"),
        (["data", "lsit"], "`data lsit` is not understood"),
        (["data", "prepare"], "`data prepare` is not understood"),
        (["data", "list", "--workdir=x"], "--workdir is not a flag of `data`"),
    ],
)
def test_flags(arguments, says, empty_folder):
    assert says in refused(*arguments)
    assert contents(empty_folder) == {}


# Configuration files.

FILES = {
    "syntax": ("def get_config(:\n", "SyntaxError: ", "line 1"),
    "raises": ("def get_config():\n    return 1 / 0\n", "ZeroDivisionError: division by zero", "line 2"),
    "value": ("def get_config():\n    x = 1\n    return int('x')\n", "ValueError: invalid literal", "line 3"),
    "opens": ("def get_config():\n    return open('nowhere')\n", "No such file or directory: 'nowhere'", "line 2"),
    "imports": ("import nowhere_at_all\n", "No module named 'nowhere_at_all'", "line 1"),
    "type": (
        "import gan_jax\n\n\ndef get_config():\n    c = gan_jax.default_config()\n    c.steps = 'many'\n    return c\n",
        "'steps'",
        "line 6",
    ),
    "field": (
        "import gan_jax\n\n\ndef get_config():\n    c = gan_jax.default_config()\n    c.stpes = 5\n    return c\n",
        'Did you mean "steps"',
        "line 6",
    ),
    "nothing": ("def get_config():\n    pass\n", "get_config returned NoneType", "gan_jax.default_config()"),
    "number": ("def get_config():\n    return 3\n", "get_config returned int", "gan_jax.default_config()"),
    "no_function": ("get_confg = 3\n", "defines no function get_config", "no_function.py"),
    "partial": (
        "from ml_collections import ConfigDict\n\n\ndef get_config():\n    return ConfigDict({'steps': 3})\n",
        "seed is missing",
        "gan_jax.default_config()",
    ),
    "more": (
        "import gan_jax\n\n\ndef get_config():\n    c = gan_jax.default_config()\n    c.unlock()\n"
        "    c.stpes = 5\n    return c\n",
        "there is no field 'stpes'",
        "did you mean 'steps'?",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_configuration_files(name):
    text, *says = FILES[name]
    write(f"{name}.py", text)
    line = refuse_training(config=f"{name}.py")
    for part in says:
        assert part in line
    if "line" in says[-1]:
        assert f"{name}.py, {says[-1]}" in line
    assert len(line) < 500


def test_a_configuration_file_that_is_not_there():
    line = refuse_training(config="nowhere.py")
    assert line == (
        "gan-jax: --config=nowhere.py: there is no such file; allowed: --config=FILE.py or --config=FILE.py:VARIANT"
    )


def test_variants():
    write("none.py", "import gan_jax\n\n\ndef get_config():\n    return gan_jax.default_config()\n")
    assert "none.py has no variants" in refuse_training(config="none.py:large")
    write(
        "some.py", "import gan_jax\n\n\ndef get_config(size='s'):\n    return {'s': gan_jax.default_config}[size]()\n"
    )
    line = refuse_training(config="some.py:large")
    assert "has no variant 'large'" in line
    assert "some.py, line 5" in line
    assert gan_jax.load_config("some.py:s").steps == gan_jax.default_config().steps


# Fields.


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("stpes=3", ["there is no field 'stpes'", "did you mean 'steps'?", "batch_size"]),
        ("optimizer.generator.learning_rte=1", ["no field", "did you mean 'optimizer.generator.learning_rate'?"]),
        ("learning_rate=1", ["no field 'learning_rate'", "did you mean 'optimizer."]),
        ("generator=mlp", ["generator is a group of fields", "generator.name"]),
        ("loss.options.a=1", ["did you mean 'loss.options'?"]),
        ("steps=1.5", ["steps=1.5 is not possible; allowed: a whole number of at least 1"]),
        ("steps=many", ["steps=many is not possible; allowed: a whole number of at least 1"]),
        ("steps=None", ["steps=None is not possible; allowed: a whole number of at least 1"]),
        ("steps=", ["steps= is not possible"]),
        ("steps=0", ["steps=0 is not possible; allowed: a whole number of at least 1"]),
        ("steps=-3", ["steps=-3 is not possible"]),
        (f"steps={10**400}", ["below 2^31"]),
        ("batch_size=0", ["batch_size=0 is not possible; allowed: a whole number of at least 1"]),
        ("seed=-1", ["seed=-1 is not possible; allowed: a whole number in [0, 2^32)"]),
        ("latent_dim=None", ["latent_dim=None is not possible"]),
        ("precision=float8", ["precision='float8' is not possible", "allowed: one of float32, bfloat16"]),
        ("latent=nromal", ["did you mean 'normal'?", "uniform"]),
        ("profile=perhaps", ["profile=perhaps is not possible; allowed: True or False"]),
        ("optimizer.generator.learning_rate=-1", ["optimizer.generator.learning_rate=-1.0 is not possible"]),
        ("optimizer.generator.learning_rate=nan", ["optimizer.generator.learning_rate=nan is not possible"]),
        ("optimizer.generator.learning_rate=inf", ["allowed: a finite number of at least 0"]),
        ("optimizer.generator.learning_rate=None", ["optimizer.generator.learning_rate=None is not possible"]),
        ("optimizer.generator.learning_rate=fast", ["optimizer.generator.learning_rate=fast is not possible"]),
        ("optimizer.generator.b1=1", ["b1=1.0 is not possible; allowed: a number in [0, 1)"]),
        ("optimizer.generator.name=adamm", ["did you mean 'adam'?", "allowed: one of adam, rmsprop, sgd"]),
        ("optimizer.generator.schedule=linaer", ["did you mean 'linear'?"]),
        ("ema.decay=1", ["ema.decay=1.0 is not possible"]),
        ("checkpoint_keep=1", ["checkpoint_keep=1 is not possible; allowed: a whole number of at least 2"]),
        ("parallel=pjit", ["allowed: one of pmap, shard_map"]),
        ("update.name=extragradiant", ["update.name='extragradiant' is unknown", "did you mean 'extragradient'"]),
        ("evaluation.metrics=('fid',)", ["evaluation.metrics=('fid',) is not possible; allowed: ()"]),
        ("evaluation.every=10", ["evaluation.every=10 is not possible"]),
        ("generator.mlp.widths=(1.5,2)", ["generator.mlp.widths=(1.5, 2) holds 1.5; allowed: a tuple of int"]),
        ("generator.mlp.widths=(16,", ["generator.mlp.widths=(16, is not possible; allowed: a tuple of int"]),
        ("generator.mlp.widths=('a',)", ["holds 'a'; allowed: a tuple of int"]),
        ("generator.mlp.widths=(True,)", ["holds True; allowed: a tuple of int"]),
        ("generator.mlp.widths=None", ["generator.mlp.widths=(None,) holds None; allowed: a tuple of int"]),
        ("generator.mlp.widths=(0,)", ["generator.mlp", "widths", "(0,)"]),
        ("generator.mlp.batch_norm=2", ["generator.mlp.batch_norm=2 is not possible; allowed: True or False"]),
        ("discriminator.mlp.activation=rleu", ["discriminator.mlp", "activation", "'rleu'", "leaky_relu"]),
        ("discriminator.mlp.dropout=1.5", ["discriminator.mlp", "dropout", "1.5"]),
        ("schedule.discriminator_steps=0", ["schedule.discriminator_steps=0 is not possible"]),
        ("init_from=nowhere", ["init_from='nowhere'", "nowhere"]),
    ],
)
def test_fields(flag, says):
    line = refuse_training(flag)
    for part in says:
        assert part in line
    assert len(line) < 700


def test_fields_that_exclude_one_another():
    line = refuse_training("schedule.simultaneous=True", "schedule.discriminator_steps=2")
    assert "schedule.discriminator_steps=2 with schedule.simultaneous=True; allowed: 1" in line


def test_the_update_rule_can_be_given(tmp_path):
    # ConfigDict has a method of this name.
    assert gan_jax.load_config(TINY, {"update.name": "gradient"})["update"].name == "gradient"
    for given in (["--config.update.name=no"], ["--config.update.name", "no"]):
        assert "update.name='no' is unknown" in refused("train", f"--config={TINY}", "--workdir=run", *given)


def test_one_file_leaves_nothing_to_the_next():
    write("first.py", "import gan_jax\n\n\ndef get_config():\n    return gan_jax.default_config()\n")
    gan_jax.load_config("first.py")
    write("second.py", "x = 1\n")
    assert "second.py defines no function get_config" in refuse_training(config="second.py")


def test_too_large_for_memory():
    line = refuse_training("latent_dim=99999999999999", status=1)
    assert "not enough memory" in line
    assert "smaller batch_size or network" in line


# Names.


@pytest.mark.parametrize(
    ("flag", "close"),
    [
        ("loss.name=minmax", "minimax"),
        ("generator.name=mpl", "mlp"),
        ("discriminator.name=maxuot", "maxout"),
        ("game.name=gna", "gan"),
    ],
)
def test_unknown_names(flag, close):
    field, name = flag.split("=")
    line = refuse_training(flag)
    assert f"{field}={name!r} is unknown (did you mean {close!r}?)" in line
    assert "package.module:attribute" in line


def test_options_for_a_registered_component():
    line = refuse_training("loss.options={'a': 1}")
    assert "loss.options={'a': 1} is for package.module:attribute" in line
    assert "loss.non_saturating.OPTION" in line
    assert "a dict" in refuse_training("loss.options=3")


OWN = """
import flax.linen as nn
import jax.numpy as jnp

number = 3


class TwoLogits(nn.Module):
    shape: tuple
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return nn.Dense(2)(x.reshape(x.shape[0], -1))


class ThreeCoordinates(TwoLogits):
    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return nn.Dense(3)(x)


class Fails(TwoLogits):
    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return jnp.zeros(3) + jnp.zeros(4)


class NoDtype(nn.Module):
    shape: tuple


def loss():
    return (lambda real, fake: undefined_name), (lambda real, fake: fake)


def with_options(margin=1.0):
    return (lambda real, fake: margin - real + fake), (lambda real, fake: -fake)


def game(parts):
    return parts.nothing


def not_a_game(parts):
    return 3


def three():
    return 3
"""


def line_of(text):
    """Number of the line of ``OWN`` that holds a text."""
    return next(i for i, line in enumerate(OWN.split("\n"), 1) if text in line)


@pytest.fixture
def own(empty_folder):
    """A user's module, new in every test."""
    write("own_parts.py", OWN)
    write("raises_on_import.py", "x = 1\nraise RuntimeError('not today')\n")
    yield
    for name in ("own_parts", "raises_on_import"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("loss.name=nowhere.losses:hinge", ["there is no module 'nowhere' on the Python path"]),
        ("loss.name=own_parts:losss", ["own_parts has no attribute 'losss'", "did you mean 'loss'?"]),
        ("loss.name=raises_on_import:x", ["RuntimeError: not today", "raises_on_import.py, line 2"]),
        ("loss.name=own_parts:number", ["gives int", "a pair (discriminator, generator)"]),
        ("loss.name=own_parts:three", ["gives int", "a pair (discriminator, generator)"]),
        ("loss.name=own_parts:loss", ["NameError", f"own_parts.py, line {line_of('undefined_name')}"]),
        ("loss.name=own_parts:", ["loss.name='own_parts:' is unknown"]),
        ("loss.name=:loss", ["loss.name=':loss' is unknown"]),
        ("generator.name=own_parts:number", ["generator.name='own_parts:number'", "'int' object is not callable"]),
        ("generator.name=own_parts:three", ["generator.name='own_parts:three'", "unexpected keyword argument"]),
        ("generator.name=own_parts:NoDtype", ["unexpected keyword argument 'dtype'"]),
        ("generator.name=own_parts:ThreeCoordinates", ["a sample has the shape (3,); the data's is (2,)"]),
        (
            "generator.name=own_parts:Fails",
            ["generator.name='own_parts:Fails'", f"own_parts.py, line {line_of('jnp.zeros(4)')}"],
        ),
        ("discriminator.name=own_parts:TwoLogits", ["discriminator.name='own_parts:TwoLogits'", "(32, 2)"]),
        ("game.name=own_parts:game", ["AttributeError", "'nothing'", f"own_parts.py, line {line_of('parts.nothing')}"]),
        ("game.name=own_parts:not_a_game", ["gives int; allowed: a function build(parts) -> Game"]),
        ("game.name=gan_jax.losses:minimax", ["game.name='gan_jax.losses:minimax'"]),
    ],
)
def test_components_of_a_user(own, flag, says):
    line = refuse_training(flag)
    for part in says:
        assert part in line


def test_options_that_a_component_does_not_take(own):
    line = refuse_training("loss.name=own_parts:with_options", "loss.options={'marign': 2.0}")
    assert "own_parts:with_options" in line
    assert "'marign'" in line


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
    """A finished run with the checkpoints 10 and 20."""
    workdir = tmp_path_factory.mktemp("runs") / "run"
    assert here(*train_flags(workdir, "steps=20")).status == 0
    return workdir


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
        assert "allowed: latest, 10, 20" in line
    assert contents(run) == before
    assert contents(empty_folder).keys() == {"empty", "empty/config.json"}


def test_starting_from_networks_that_do_not_fit(run):
    line = refuse_training("generator.mlp.widths=(16,8)", f"init_from={run}")
    assert "init_from=" in line
    assert "params of network 'generator'" in line
    assert "'hidden_1/bias' is float32(16,); this configuration has float32(8,)" in line
    assert "allowed: latest, 10, 20" in refuse_training(f"init_from={run}/checkpoints/15")


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
    assert "did you mean 'steps'" in program_refuses(*train_flags("run", "stpes=3"))
    write("raises.py", FILES["raises"][0])
    assert "raises.py, line 2" in program_refuses(*train_flags("run", config="raises.py"))
    write("raises_on_import.py", "x = 1\nraise RuntimeError('not today')\n")
    assert "raises_on_import.py, line 2" in program_refuses(*train_flags("run", "loss.name=raises_on_import:x"))


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
