"""``~`` in every path that a user gives, and a process without a home directory."""

import pathlib
import pwd
import shutil

import jax
import numpy as np
import pytest
from support.commands import TINY, contents, here, refused, tiny_run, write

import gan_jax
from gan_jax import data, figures, paths, reporting
from gan_jax.cli.flags import FLAGS
from gan_jax.evaluation.features import extractors_of
from gan_jax.evaluation.reference import Reference
from gan_jax.sweeps import driver, sweep, table
from gan_jax.training import process
from gan_jax.training.run import evaluate_runs
from gan_jax.training.state import checkpoint_at

pytestmark = pytest.mark.usefixtures("empty_folder")
IMAGES = Reference("any", "test", np.zeros((2, 8, 8, 3), np.uint8), None, "", None, None)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def no_home(monkeypatch):
    """As in a container: HOME is not set, and the user has no entry."""

    def unknown(uid):
        raise KeyError(uid)

    for variable in ("HOME", "TFDS_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(RuntimeError):
        pathlib.Path.home()


def test_a_path_from_home(home):
    assert paths.from_home("--out", "~/a/b.png") == f"{home}/a/b.png"
    assert paths.from_home("--out", "~") == str(home)
    for path in ("a~", "./~/a", "/~", "", "lr=0.1,seed=3"):
        assert paths.from_home("--out", path) == path
    assert paths.expanded("--out", pathlib.Path("~/a")) == home / "a"


def test_every_flag_with_a_path(home):
    paths_of = {"workdir", "out", "figures", "data_dir", "source_dir", "weights", "sweep"}
    for command, flags in FLAGS.items():
        for flag in paths_of & {action.dest for action in flags._actions}:
            value = getattr(flags.parse_args([f"--{flag}=~/x"]), flag)
            # Names with commas between them: the command takes them apart first.
            assert value == (["~/x"] if (command, flag) == ("evaluate", "workdir") else f"{home}/x")


def test_what_is_read_and_written_lies_in_the_home_directory(home, tmp_path_factory, empty_folder):
    shutil.copytree(tiny_run(tmp_path_factory), home / "run")
    shutil.copy(TINY, home / "tiny.py")
    assert here("sample", "--workdir=~/run", "--out=~/a.npy", "--num=3").out == f"{home}/a.npy\n"
    assert np.load(home / "a.npy").shape == (3, 2)
    assert "there is no metric 'x'" in refused("evaluate", "--workdir=~/run", "--metrics=x")
    for config in (["--config=~/tiny.py:ring"], ["--config", "~/tiny.py"]):
        assert "--workdir is missing" in refused("train", *config)
    assert gan_jax.load_config(pathlib.Path("~/tiny.py"), {"init_from": "~/run"}).init_from == "~/run"
    assert checkpoint_at("~/run/checkpoints/50") == (home / "run", "50")
    assert contents(empty_folder) == {}


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda path: gan_jax.load_config(path), "--config"),
        (lambda path: gan_jax.load_run(path), "workdir"),
        (lambda path: evaluate_runs([path], None), "workdir"),
        (lambda path: checkpoint_at(path), "init_from"),
        (lambda path: extractors_of(["frechet_inception"], IMAGES, path, ""), "evaluation.weights"),
        (lambda path: data.load("mnist", data_dir=path), "data.dir"),
        (lambda path: data.load(f"folder:{path}"), "folder"),
        (lambda path: data.describe(path), "data.dir"),
        (lambda path: figures.write("costs", path), "workdir"),
        (lambda path: sweep.load_sweep(path), "--sweep"),
        (lambda path: driver.sweep(None, None, path, None), "workdir"),
        (lambda path: driver.describe(None, None, path), "workdir"),
        (lambda path: table.load(path), "workdir"),
        (lambda path: reporting.write_report(path), "workdir"),
        (lambda path: reporting.write_report(".", path), "out"),
        (lambda path: reporting.write_figures(path), "workdir"),
    ],
)
def test_a_home_that_is_not_there(call, names):
    said = f"^{names}='~nobody-at-all/x': there is no home directory of a user 'nobody-at-all'; allowed: a path without"
    with pytest.raises(gan_jax.ConfigError, match=said):
        call("~nobody-at-all/x")


@pytest.mark.parametrize("command", ["train", "sample", "evaluate", "sweep", "report", "figure"])
def test_commands_without_that_home(command, empty_folder):
    flags = ["--workdir=~nobody-at-all/x", *([f"--config={TINY}"] if command in ("train", "sweep") else [])]
    assert "--workdir='~nobody-at-all/x': there is no home" in refused(command, *flags)
    assert contents(empty_folder) == {}


def test_without_a_home_directory(no_home, empty_folder, monkeypatch, capsys):
    monkeypatch.setattr(jax.config, "update", lambda name, value: kept.append(value))
    kept = []
    monkeypatch.setattr(type(jax.config), "jax_compilation_cache_dir", None, raising=False)
    process.keep_programs()
    assert kept[0] == ""
    assert "compiled programs are not kept (there is no home directory); set XDG_CACHE_HOME" in capsys.readouterr().err
    assert data.load("ring").shape == (2,)
    assert data.load("digits").shape == (8, 8, 1)
    line = refused("data", "list")
    assert "there is no home directory; set data.dir (of `data`: --data_dir) or TFDS_DATA_DIR to a folder" in line
    with pytest.raises(gan_jax.DataError, match=r"there is no home directory; set data\.dir"):
        data.load("mnist")
    assert here("data", "list", "--data_dir=.").status == 0
    assert "--out='~/x.png': there is no home directory: HOME" in refused("sample", "--workdir=run", "--out=~/x.png")
    assert contents(empty_folder) == {}


def test_a_cache_that_cannot_be_made(empty_folder, monkeypatch, capsys):
    write("file", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_folder / "file"))
    assert process._programs_folder() is None
    assert "file/gan_jax cannot be made: Not a directory" in capsys.readouterr().err
