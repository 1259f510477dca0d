"""Bad flags and configuration files: one line, the right exit status, and nothing written."""

import pytest
from support.commands import TINY, contents, refuse_training, refused, write

import gan_jax

pytestmark = pytest.mark.usefixtures("empty_folder")


# Commands and flags.


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "there is no command; allowed: train, sample, translate, evaluate, sweep, report, data"),
        (
            ["trian"],
            "there is no command 'trian' (did you mean 'train'?); allowed: train, sample, translate, evaluate, sweep",
        ),
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
        (["sample", "-workdir=run"], "-workdir is not a flag of `sample` (did you mean 'workdir'?)"),
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
