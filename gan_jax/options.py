"""Options: the arguments of a component that have defaults. Their annotations say what they may be and mean.

    def dragan(critic, real, *, scale: Annotated[float, at_least(0.0), "size of the perturbation"] = 0.5): ...

One without ``Annotated``, as in a user's function, may be anything of its default's type.
"""

import inspect
import math
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, NamedTuple, get_origin

from gan_jax.errors import ConfigError, nearest
from gan_jax.scalars import python_value

# Arguments with defaults that the framework gives to a component; they are no options.
SUPPLIED = ("axis_name", "dtype", "parent", "name")


class Allowed(NamedTuple):
    """Which values of the right type are possible, in words and as a check."""

    words: str
    check: Callable[[Any], bool] = lambda value: True


FINITE = Allowed("a finite number", math.isfinite)
FRACTION = Allowed("a number in [0, 1)", lambda v: 0 <= v < 1)
POSITIVE = Allowed("a finite number above 0", lambda v: 0 < v < math.inf)
UNIT = Allowed("a number in [0, 1]", lambda v: 0 <= v <= 1)
WIDTHS = Allowed("a tuple of int, each at least 1", lambda v: all(width >= 1 for width in v))
PLAYER = Allowed("a player of the game")


def at_least(low: float) -> Allowed:
    """A number from ``low`` up: a whole one where ``low`` is an int, else a finite one."""
    kind = "whole" if isinstance(low, int) else "finite"
    return Allowed(f"a {kind} number of at least {low:g}", lambda v: low <= v < math.inf)


def one_of(values: Collection[Any]) -> Allowed:
    """One of a few values, or keys of a table."""
    return Allowed(f"one of {', '.join(map(str, values))}", lambda v: v in values)


def named(table: Collection[str]) -> Allowed:
    """A key of a table, or a user's own."""
    return Allowed(f"{one_of(table).words}, or package.module:attribute", lambda v: v in table or is_reference(v))


def is_reference(name: str) -> bool:
    """Whether a name has the form ``package.module:attribute``."""
    module, _, attribute = name.partition(":")
    return bool(attribute) and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


class Field(NamedTuple):
    """A field of the configuration: ``check`` says whether a value of the right type is possible."""

    default: Any
    meaning: str
    allowed: str = ""
    check: Callable[[Any], bool] = lambda value: True

    @property
    def kind(self) -> str:
        """The type of its values, in words."""
        if isinstance(self.default, tuple) and self.default:
            return f"a tuple of {type(self.default[0]).__name__}"
        return {
            int: "a whole number",
            float: "a number",
            str: "a string",
            bool: "True or False",
            dict: "a dict",
            tuple: "a tuple",
        }[type(self.default)]

    def checked(self, path: str, value: Any) -> Any:
        """The value in the exact type of the default: a whole number becomes a float, a list a tuple.

        Raises:
          ConfigError: it has another type, or is not possible; names ``path``.
        """
        kind, value = type(self.default), python_value(value)
        if isinstance(value, list):
            value = tuple(value)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ConfigError(f"{path}={value!r} has type {type(value).__name__}; allowed: {self.kind}")
        if kind is tuple and self.default:
            inner = type(self.default[0])
            value = tuple(float(v) if inner is float and type(v) is int else v for v in value)
            wrong = [v for v in value if type(v) is not inner]
            if wrong:
                raise ConfigError(f"{path}={value!r} holds {wrong[0]!r}; allowed: {self.kind}")
        if not self.check(value):
            hint = nearest(value, self.allowed.removeprefix("one of ").split(", ")) if isinstance(value, str) else ""
            raise ConfigError(f"{path}={value!r} is not possible{hint}; allowed: {self.allowed}")
        return value


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """A function's arguments by name: here alone signatures of components are read."""
    return inspect.signature(function).parameters


def options_of(function: Callable[..., Any]) -> dict[str, Field]:
    """A component's options by name."""
    return {
        name: Field(parameter.default, *_said(name, parameter.annotation))
        for name, parameter in parameters_of(function).items()
        if name not in SUPPLIED and parameter.default is not parameter.empty
    }


def _said(name: str, annotation: Any) -> tuple[Any, ...]:
    """What ``Annotated`` says of an option: its meaning, and perhaps what is allowed."""
    if get_origin(annotation) is not Annotated:
        return (f"option {name}",)
    *allowed, meaning = annotation.__metadata__
    return (meaning, *(allowed[0] if allowed else ()))


def defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    """A component's options with their defaults."""
    return {name: field.default for name, field in options_of(function).items()}


def number(path: str, value: Any) -> float:
    """A user's option whose default is a float; a whole number serves as one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{path}={value!r} is not possible; allowed: a number")
    return float(value)


def taken(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the offered arguments that a function names."""
    return {name: offered[name] for name in parameters_of(function) if name in offered}


def check_taken(function: Callable[..., Any], options: Mapping[str, Any], field: str) -> None:
    """Refuse options that a user's function does not name."""
    names = parameters_of(function)
    for name in options:
        if name not in names:
            raise ConfigError(
                f"{field} has no option {name!r}{nearest(name, names)}; its arguments: {', '.join(names)}"
            )
