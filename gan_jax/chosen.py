"""The components that a configuration chooses, each with its options."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gan_jax.errors import ConfigError
from gan_jax.options import defaults_of
from gan_jax.penalties import PENALTIES
from gan_jax.registry import TABLES, function_of, resolve, roles_of

Values = Mapping[str, Any]  # {field: value}


class Chosen(NamedTuple):
    """A component as configured.

    Attributes:
      component: from its table, or a user's own.
      options: {option: value as configured}.
      place: the field below which the options are, such as "loss.hinge" or "loss.options".
      choice: how it was chosen, for messages: "loss.name='hinge'".
    """

    component: Any
    options: dict[str, Any]
    place: str
    choice: str

    def field(self, option: str) -> str:
        """The field of an option."""
        return f"{self.place}.{option}"

    def numbers(self) -> dict[str, float]:
        """{field: value} of the options that are floats."""
        return {self.field(name): value for name, value in self.options.items() if isinstance(value, float)}

    def at(self, hyper: Mapping[str, Any]) -> dict[str, Any]:
        """The options, with the values that ``hyper`` holds of them."""
        return {name: hyper.get(self.field(name), value) for name, value in self.options.items()}


def chosen(values: Values, section: str) -> Chosen:
    """The component of a section: of a role, "loss", "game" or "rule".

    Raises:
      ConfigError: there is no such component, or options of a user's own are given to one that is registered.
    """
    name, own, kind = values[f"{section}.name"], values[f"{section}.options"], kind_of(values, section)
    component, choice = resolve(section, name, kind), f"{section}.name={name!r}"
    if name not in TABLES[kind]:
        return Chosen(component, dict(own), f"{section}.options", choice)
    if own:
        raise ConfigError(
            f"{section}.options={own!r} is for package.module:attribute; "
            f"{section} {name!r} takes its options as {section}.{name}.OPTION"
        )
    return Chosen(component, _options(values, component, f"{section}.{name}"), f"{section}.{name}", choice)


def kind_of(values: Values, section: str) -> str:
    """The table of a section's components."""
    return roles_of(values["game.name"]).get(section, section)


def chosen_penalties(values: Values) -> dict[str, Chosen]:
    """The penalties whose weight is not 0, in the order of their table; the user's "own" comes last."""
    found = {
        name: Chosen(penalty, _options(values, penalty, f"penalties.{name}"), f"penalties.{name}", f"penalties.{name}")
        for name, penalty in PENALTIES.items()
        if values[f"penalties.{name}.weight"] > 0
    }
    if values["penalties.own.weight"] > 0:
        name, options = values["penalties.own.name"], dict(values["penalties.own.options"])
        found["own"] = Chosen(
            resolve("penalties", name), options, "penalties.own.options", f"penalties.own.name={name!r}"
        )
    return found


def _options(values: Values, component: Any, place: str) -> dict[str, Any]:
    return {option: values[f"{place}.{option}"] for option in defaults_of(function_of(component))}
