"""Options of components that are not chosen: at another value than their default they are refused."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.config import flatten
from gan_jax.errors import ConfigError
from gan_jax.fields import all_fields
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES, defaults_of, scaling_of, schedule_of
from gan_jax.registry import TABLES

Values = Mapping[str, Any]  # {field: value}


def refuse_idle(config: ConfigDict) -> None:
    """Refuse an option that is not at its default where its component is not chosen.

    Raises:
      ConfigError: names the field, what is chosen, and what that reads.
    """
    refuse_idle_everywhere([flatten(config)])


def refuse_idle_everywhere(runs: Sequence[Values]) -> None:
    """Refuse in a sweep an option that is not at its default in some run, and has an effect in none.

    Raises:
      ConfigError: as ``refuse_idle``, of the first run that sets it.
    """
    idle = [_idle(values) for values in runs]
    fields = all_fields()
    for field in sorted(set[str].intersection(*map(set, idle)) if idle else ()):
        for values, reason in zip(runs, idle, strict=True):
            if values[field] != fields[field].default:
                raise ConfigError(f"{field}={values[field]!r} has no effect: {reason[field]}")


def _idle(values: Values) -> dict[str, str]:
    """{field: why} of all options that the configuration does not read, whatever their values."""
    found: dict[str, str] = {}
    for section, table in TABLES.items():
        if section == "penalties":
            found |= _of_penalties(values)
            continue
        name = values[f"{section}.name"]
        chosen = data.sections_of(name) if section == "data" else [name]
        places = [f"{section}.{one}" if one in table else f"{section}.options" for one in chosen]
        reason = _reason(f"{section}.name", name, [field for place in places for field in _below(values, place)])
        for component in {*table} - {*chosen}:
            found |= dict.fromkeys(_below(values, f"{section}.{component}"), reason)
    for path in sorted({field.rsplit(".", 1)[0] for field in values if field.startswith("optimizer.")}):
        found |= _of_optimizer(values, path)
    return found


def _of_penalties(values: Values) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (*TABLES["penalties"], "own"):
        weight = f"penalties.{name}.weight"
        if values[weight] == 0:
            options = [field for field in _below(values, f"penalties.{name}") if field != weight]
            found |= dict.fromkeys(options, f"{weight}={values[weight]!r} turns the penalty off")
    found.pop("penalties.own.name", None)  # what a weight of 0 turns off may stay named
    return found


def _of_optimizer(values: Values, path: str) -> dict[str, str]:
    """The shared fields of an optimizer and its schedule, which only some of them read."""
    options = {field.rsplit(".", 1)[1]: values[field] for field in _below(values, path)}
    found: dict[str, str] = {}
    for part, table, named in ((scaling_of, OPTIMIZERS, "name"), (schedule_of, SCHEDULES, "schedule")):
        reads = [f"{path}.{field}" for field in part(options, path).fields()]
        shared = {f"{path}.{option}" for function in table.values() for option in defaults_of(function)}
        found |= dict.fromkeys(shared - set(reads), _reason(f"{path}.{named}", options[named], reads))
    return found


def _below(values: Values, path: str) -> list[str]:
    return [field for field in values if field == path or field.startswith(f"{path}.")]


def _reason(field: str, name: str, reads: Sequence[str]) -> str:
    return f"{field}={name!r} reads {', '.join(reads) or 'no options'}"
