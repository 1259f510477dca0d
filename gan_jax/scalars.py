"""Values that a user gives as plain Python, and when two of them are the same."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from gan_jax.errors import ConfigError


def python_value(value: Any) -> Any:
    """A value with Python's numbers and strings in place of NumPy's and JAX's scalars and arrays, exactly.

    np.float32(0.1) becomes 0.10000000149011612, and an array a list, also inside of lists, tuples and dicts.
    """
    if isinstance(getattr(value, "dtype", None), np.dtype):
        value = np.asarray(value).tolist()
        return float(value) if isinstance(value, np.floating) else value  # NumPy leaves a longdouble as it is
    if type(value) in (list, tuple):
        return type(value)(python_value(v) for v in value)
    if type(value) is dict:
        return {python_value(k): python_value(v) for k, v in value.items()}
    return value


def plain(what: str, value: Any) -> Any:
    """A value in types that configurations hold: numbers, strings, tuples, dicts; else a ConfigError on ``what``."""
    value = python_value(value)
    if isinstance(value, list | tuple):
        return tuple(plain(what, v) for v in value)
    if isinstance(value, Mapping):
        return {str(k): plain(what, v) for k, v in value.items()}
    if type(value) not in (bool, int, float, str):
        raise ConfigError(
            f"{what}={value!r} has type {type(value).__name__}; allowed: a number, a string, True, False, a tuple"
        )
    if value != value:
        raise ConfigError(f"{what}={value!r} is not possible; allowed: a number that is not NaN")
    return value


def listed(what: str, values: Any, *, repeats: bool = False) -> tuple[Any, ...]:
    """An ordered collection of values, each ``plain`` and, without ``repeats``, none of them twice."""
    if isinstance(values, str | bytes | Mapping | set | frozenset) or not isinstance(values, Iterable):
        raise ConfigError(f"{what}={values!r} is no list; allowed: a list of values, such as [{values!r}]")
    items = tuple(plain(what, value) for value in values)
    if not items:
        raise ConfigError(f"{what}=[] is empty; allowed: at least one value")
    seen = set()
    for item in items:
        if same(item) in seen and not repeats:
            raise ConfigError(f"{what}={list(items)} has {item!r} twice; allowed: each value once")
        seen.add(same(item))
    return items


def same(value: Any) -> Hashable:
    """What two plain values have in common where they mean the same: 1 and 1.0 do, 1 and True do not."""
    if isinstance(value, Mapping):
        return ("dict", frozenset((k, same(v)) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return ("tuple", tuple(same(v) for v in value))
    return (type(value) if isinstance(value, bool | str) else float, value)
