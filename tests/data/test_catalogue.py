"""Names, options and the messages about them."""

import inspect
import subprocess
import sys

import pytest

from gan_jax.data import SOURCES, describe, load, resolve, synthetic
from gan_jax.errors import DataError
from gan_jax.options import defaults_of


def test_import_is_light():
    heavy = "tensorflow_datasets", "grain", "sklearn", "PIL", "tensorflow"
    code = f"import sys, gan_jax.data; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("section", SOURCES)
def test_options_are_plain_values(section):
    for value in defaults_of(SOURCES[section]).values():
        assert isinstance(value, int | float | str | tuple)
        if isinstance(value, tuple):
            assert all(type(entry) is float for entry in value)


@pytest.mark.parametrize("section", ["gaussian", "ring", "grid", "spiral", "two_moons"])
def test_synthetic_options_are_those_of_the_distribution(section):
    parameters = inspect.signature(getattr(synthetic, section)).parameters
    assert defaults_of(SOURCES[section]) == {name: parameter.default for name, parameter in parameters.items()}
    source = load(section, **defaults_of(SOURCES[section]))
    assert source.density is not None
    assert source.name == section


def test_options_reach_the_distribution():
    assert load("ring", modes=5).density.means.shape == (5, 2)
    assert load("gaussian", mean=(4.0,), std=0.5).shape == (1,)
    assert load("gaussian", mean=(4, 1), std=1).shape == (2,)


@pytest.mark.parametrize(
    ("name", "resolved"),
    [
        ("ring", ("ring", "ring")),
        ("mnist", ("mnist", "mnist")),
        ("cifar10", ("tfds", "cifar10")),
        ("folder:a/b:c", ("folder", "a/b:c")),
    ],
)
def test_resolve(name, resolved):
    assert resolve(name) == resolved


@pytest.mark.parametrize("name", ["", "folder", "folder:", "tfds"])
def test_name_without_target(name):
    with pytest.raises(DataError, match=r"data\.name must be one of gaussian, ring,"):
        load(name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ring", {"mode": 3}, r"data\.ring has no option 'mode', only modes, radius, std; nearest: modes"),
        ("digits", {"size": 3}, r"data\.digits has no option 'size', only none"),
        ("ring", {"modes": 2.5}, r"data\.ring\.modes=2\.5 has type float; allowed: a whole number"),
        ("ring", {"modes": True}, r"data\.ring\.modes=True has type bool; allowed: a whole number"),
        ("ring", {"std": "None"}, r"data\.ring\.std='None' has type str; allowed: a number"),
        ("gaussian", {"mean": 1.0}, r"data\.gaussian\.mean=1\.0 has type float; allowed: a tuple of float"),
        ("gaussian", {"mean": (1.0, "2")}, r"data\.gaussian\.mean=.* holds '2'; allowed: a tuple of float"),
        ("mnsit", {}, r"no data set 'mnsit'; nearest names: .*mnist"),
        ("rnig", {}, r"no data set 'rnig'; nearest names: ring"),
        ("no such name", {}, r"'no such name' is no name of a TFDS data set"),
        ("digits", {"split": "test"}, r"digits has one split, 'train'; got 'test'"),
        ("folder:x", {"split": "test"}, r"folder has one split, 'train'; got 'test'"),
    ],
)
def test_mistakes(name, options, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load(name, data_dir=tmp_path, **options)


def test_describe(tmp_path):
    rows = describe(tmp_path)
    assert {row["name"] for row in rows} >= set(SOURCES) - {"tfds", "folder"}
    assert all(set(row) == {"name", "shape", "examples", "classes", "prepared", "note"} for row in rows)
    assert {row["name"] for row in rows if row["prepared"] is False} == {"mnist", "fashion_mnist"}
