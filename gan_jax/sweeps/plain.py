"""Values of fields as plain Python, and when two of them are the same."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from gan_jax.errors import ConfigError
from gan_jax.scalars import python_value


def plain(what: str, value: Any) -> Any:
    """A value in types that configurations hold: numbers, strings, tuples, dicts.

    Args:
      what: begins the error's message, such as the field's name.
      value: NumPy's and JAX's scalars and arrays become Python's numbers and tuples, lists tuples.

    Raises:
      ConfigError: NaN, or a value of another type.
    """
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
    """A list of values, each ``plain``.

    Args:
      what: begins the error's message, such as the field's name.
      values: an ordered collection of them: a list, a tuple, a range, an array.
      repeats: whether a value may occur again; 1 and 1.0 are one value.

    Raises:
      ConfigError: not such a collection, it is empty, a value occurs twice or is not plain.
    """
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
