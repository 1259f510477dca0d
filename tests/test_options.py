"""Options of components: what their signatures say, and what a user's say who writes no annotations."""

import inspect
from typing import Annotated

import flax.linen as nn
import pytest

from gan_jax.errors import ConfigError
from gan_jax.fields import all_fields
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES
from gan_jax.options import Field, at_least, named, one_of, options_of
from gan_jax.registry import TABLES, function_of


class Module(nn.Module):
    shape: tuple
    width: Annotated[int, at_least(1), "units"] = 8
    smooth: Annotated[bool, "whether it is"] = True
    dtype: object = None


def plain(real, axis_name=None, *, margin=1.0):
    return real, axis_name, margin


def test_a_signature_says_what_an_option_means_and_may_be():
    found = options_of(Module)
    assert list(found) == ["width", "smooth"]
    assert found["width"][:3] == (8, "units", "a whole number of at least 1")
    assert found["smooth"][:3] == (True, "whether it is", "")
    assert list(options_of(plain)) == ["margin"]
    assert options_of(plain)["margin"][:3] == (1.0, "option margin", "")


@pytest.mark.parametrize("table", [*TABLES, "optimizers", "schedules"])
def test_every_option_of_what_is_registered_says_its_meaning(table):
    components = {**TABLES, "optimizers": OPTIMIZERS, "schedules": SCHEDULES}[table]
    for name, component in components.items():
        for option, field in options_of(function_of(component)).items():
            assert field.meaning != f"option {option}", f"{table} {name}"
            assert field.checked(option, field.default) == field.default


@pytest.mark.parametrize("table", [OPTIMIZERS, SCHEDULES])
def test_options_that_share_a_field_share_its_default_and_range(table):
    fields = all_fields()
    for function in table.values():
        for option, field in options_of(function).items():
            shared = fields[f"optimizer.generator.{option}"]
            assert (shared.default, shared.allowed) == (field.default, field.allowed)
            assert field.meaning in shared.meaning


@pytest.mark.parametrize(
    ("allowed", "good", "bad"),
    [
        (at_least(2), 2, 1),
        (at_least(0.0), 0.0, float("inf")),
        (one_of(("a", "b")), "a", "c"),
        (named({"a": 1}), "mine.module:a", "mine"),
    ],
)
def test_a_value_that_is_not_allowed_is_told(allowed, good, bad):
    field = Field(good, "", *allowed)
    assert field.checked("x", good) == good
    with pytest.raises(ConfigError, match=r"^x=.* is not possible.*; allowed: "):
        field.checked("x", bad)


def test_annotations_leave_calls_as_they_are():
    assert Module((2,), width=3).width == 3
    assert list(inspect.signature(Module).parameters)[:3] == ["shape", "width", "smooth"]
