"""Checks of option values, each failing with one line that names the option, the value and what is allowed."""

from collections.abc import Collection, Mapping
from typing import TypeVar

import flax.linen as nn

from gan_jax.errors import ConfigError
from gan_jax.options import options_of

T = TypeVar("T")


def check(module: nn.Module) -> None:
    """Raises ValueError unless a module's options are what their annotations allow."""
    for name, field in options_of(type(module)).items():
        try:
            if field.allowed:
                field.checked(name, getattr(module, name))
        except ConfigError as error:
            raise ValueError(str(error)) from error


def choose(field: str, value: str, table: Mapping[str, T]) -> T:
    """The entry of `table` that the option `field` names; ValueError if there is none."""
    if value not in table:
        raise ValueError(f"{field}: {value!r} is not allowed; choose one of {', '.join(table)}")
    return table[value]


def check_rate(field: str, value: float) -> None:
    """Raises ValueError unless `value`, a probability of dropping a unit, is in [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{field}: {value!r} is not allowed; give a number of at least 0 and below 1")


def check_widths(field: str, value: Collection[int]) -> None:
    """Raises ValueError unless `value` is a collection of whole numbers of at least 1 (it may be empty)."""
    if not all(isinstance(width, int) and not isinstance(width, bool) and width > 0 for width in value):
        raise ValueError(f"{field}: {value!r} is not allowed; give whole numbers of at least 1")


def check_reference(reference: int, batch_norm: bool) -> None:
    """Raises ValueError unless `reference`, the size of a reference batch, goes with whether there is batch norm."""
    if reference and not batch_norm:
        raise ValueError(
            f"reference: {reference!r} is not allowed without batch_norm, which it makes virtual; give 0 or set that"
        )


def check_image_shape(shape: Collection[int]) -> None:
    """Raises ValueError unless `shape` is (height, width, channels), three whole numbers of at least 1."""
    check_widths("shape", shape)
    if len(shape) != 3:
        raise ValueError(f"shape: {shape!r} is not allowed; give (height, width, channels)")
