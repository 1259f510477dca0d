"""The bits of runs are those of the golden table."""

import copy
import re

import pytest
from golden import rows, table

from gan_jax import data
from gan_jax.data import SOURCES
from gan_jax.losses import LOSSES
from gan_jax.losses.f_gan import MEMBERS
from gan_jax.penalties import PENALTIES
from gan_jax.rules import RULES

PARTS = 4  # processes of all rows, so that workers share them
ROW = "with/ema"
LEAF = "params/generator/hidden_0/kernel"


@pytest.fixture(scope="module")
def stored():
    return table.read()


@pytest.fixture
def entries(stored):
    """A row as it stands in the table, and a copy to be changed."""
    return table.entry_of(stored, ROW), copy.deepcopy(table.entry_of(stored, ROW))


@pytest.mark.parametrize("name", rows.QUICK)
def test_bits_of_a_row(stored, name):
    """In this process, with all its threads, over which so small networks are not split.

    It may compile otherwise than the table's did: by tolerance then.
    """
    from golden import runs

    exact = runs.origin() == stored["origin"]
    assert not table.differences(name, table.entry_of(stored, name), runs.play(name), exact)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_bits_of_all_rows(stored, part):
    wrong = {}
    for origin, name, entry, error in table.played([*rows.ROWS][part::PARTS]):
        expected = table.entry_of(stored, name)
        lines = [error] if error else table.differences(name, expected, entry, origin == stored["origin"])
        wrong.update({name: lines} if lines else {})
    assert not wrong


def test_everything_has_a_row(stored):
    assert list(stored["rows"]) == list(rows.ROWS)
    assert set(rows.RULES) == set(RULES)
    assert {*rows.PENALTIES, *(f"{name}_generator" for name in rows.OF_BOTH)} == set(PENALTIES)
    assert {fields["loss.name"] for fields in rows.LOSSES} == set(LOSSES)
    assert {fields.get("loss.f_gan.divergence") for fields in rows.LOSSES} - {None} == set(MEMBERS)
    assert len(rows.LOSSES) <= len(rows.RULES) + len(rows.PENALTIES), "not every loss has its turn"
    named = {row.fields.get("data.name", "mnist") for row in rows.ROWS.values()} | {"gaussian"}  # of the tutorials
    named = {part for name in named for part in (data.parts_of(name).values() or [name])}
    assert named == set(SOURCES) - {"tfds", "fashion_mnist"}  # read as mnist is


@pytest.mark.parametrize("file", sorted((table.ROOT / "experiments").glob("*/config.py")), ids=lambda f: f.parent.name)
def test_every_shipped_variant_has_a_row(file):
    """Or differs from one that has in the data and in numbers; get_config names its variants when it refuses one."""
    from gan_jax.config import flatten, load_config
    from gan_jax.errors import ConfigError

    def structure(path):
        values = flatten(load_config(str(table.ROOT / path)))
        numbers = {field: value != 0.0 for field, value in values.items() if isinstance(value, float)}
        return {**values, **numbers, "data.name": "", "steps": 0}

    with pytest.raises(ConfigError, match="allowed: ") as refused:
        load_config(f"{file}:no_such_variant")
    variants = re.search(r"allowed: ([\w, ]+)", str(refused.value))[1].strip().split(", ")
    here = f"experiments/{file.parent.name}/config.py:"
    known = [structure(own) for own in {row.file for row in rows.ROWS.values() if row.file.startswith(here)}]
    assert [variant for variant in variants if structure(f"{here}{variant}") not in known] == []


def test_nothing_differs_from_itself(entries):
    assert not table.differences(ROW, *entries, exact=True)
    assert not table.differences(ROW, *entries, exact=False)


def test_a_difference_is_named(entries):
    expected, found = entries
    _, shape, total, squares = found["state"][LEAF]
    found["state"][LEAF] = ["0" * 16, shape, total, squares * (1 + 1e-6)]
    found["record"]["generator/loss"] += 1e-5
    bits, loss = table.differences(ROW, expected, found, exact=True)
    assert bits.startswith(f"state {LEAF}: other bits")
    assert loss.startswith("record generator/loss: ")
    assert not table.differences(ROW, expected, found, exact=False)
    found["state"][LEAF][3] = squares * (1 + 1e-3)
    found["initial"]["step"][:] = ["0" * 16, "int32[]", 1.0, 1.0]
    step, leaf = table.differences(ROW, expected, found, exact=False)
    assert step.startswith("initial step: other bits")
    assert leaf.startswith(f"state {LEAF}: other bits")


def test_another_name_is_told_and_may_be_allowed(entries, monkeypatch):
    expected, found = entries
    for part in ("initial", "state"):
        found[part] = {name.replace("hidden_", "layer_"): leaf for name, leaf in found[part].items()}
    told = table.differences(ROW, expected, found, exact=True)
    assert f"state {LEAF} is gone; of the same bits: {LEAF.replace('hidden_', 'layer_')}" in told
    monkeypatch.setitem(table.RENAMED, r"\bhidden_", "layer_")
    assert not table.differences(ROW, expected, found, exact=True)


def test_the_order_of_a_record_is_compared(entries):
    expected, found = entries
    found["record"] = dict(reversed(found["record"].items()))
    (line,) = table.differences(ROW, expected, found, exact=True)
    assert line.startswith("the order of a record's fields was ")
