"""Fields without effect, at another value than their default: they are refused."""

from collections.abc import Sequence

from gan_jax import data
from gan_jax.chosen import Values
from gan_jax.errors import ConfigError
from gan_jax.fields import all_fields
from gan_jax.game import Game
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES, scaling_of, schedule_of
from gan_jax.options import options_of
from gan_jax.registry import TABLES, roles_of

OF_SAMPLES = ("sample_every", "sample_count", "health.samples")  # without effect where nothing is drawn
Idle = dict[str, tuple[str, str]]  # field -> (the field by which its component is chosen, what that one reads)


def refuse_idle(runs: Sequence[Values]) -> None:
    """Refuse an option that is not at its default in one of the runs, and has an effect in none.

    Raises:
      ConfigError: names the field, what is chosen, and what that reads.
    """
    found = [idle_in(values) for values in runs]
    for values, idle in zip(runs, found, strict=True):
        fields = all_fields(values["game.name"])
        for field, (chooser, reads) in idle.items():
            everywhere = all(field in other or field not in run for other, run in zip(found, runs, strict=True))
            if values[field] != fields[field].default and everywhere:
                raise ConfigError(f"{field}={values[field]!r} has no effect: {chooser}={values[chooser]!r} {reads}")


def idle_in(values: Values) -> Idle:
    """The options that a configuration does not read, whatever their values."""
    found: Idle = {}
    roles = roles_of(values["game.name"])
    for section in sorted((TABLES.keys() | roles.keys()) - {"penalties"}):
        table, name = TABLES[roles.get(section, section)], values[f"{section}.name"]
        chosen = data.sections_of(name) if section == "data" else [name]
        places = [f"{section}.{one}" if one in table else f"{section}.options" for one in chosen]
        reads = [field for place in places for field in _below(values, place)]
        for component in sorted(table.keys() - {*chosen}):
            found |= dict.fromkeys(_below(values, f"{section}.{component}"), (f"{section}.name", _in_words(reads)))
    for role in roles:
        found |= _of_optimizer(values, f"optimizer.{role}")
    for name in (*TABLES["penalties"], "own"):
        weight = f"penalties.{name}.weight"
        if values[weight] == 0:
            found |= dict.fromkeys(_below(values, f"penalties.{name}"), (weight, "turns the penalty off"))
            found.pop(weight)
    found.pop("penalties.own.name", None)  # what a weight of 0 turns off may stay named
    return found


def _of_optimizer(values: Values, path: str) -> Idle:
    """The shared fields of an optimizer and its schedule, which only some of them read."""
    options = {field.removeprefix(f"{path}."): values[field] for field in _below(values, path)}
    found: Idle = {}
    for part, table, chooser in ((scaling_of, OPTIMIZERS, "name"), (schedule_of, SCHEDULES, "schedule")):
        chosen = part(options, path)
        reads = [chosen.field(option) for option in chosen.options]
        shared = {f"{path}.{option}" for function in table.values() for option in options_of(function)}
        found |= dict.fromkeys(sorted(shared - set(reads)), (f"{path}.{chooser}", _in_words(reads)))
    return found


def _below(values: Values, path: str) -> list[str]:
    return [field for field in values if field == path or field.startswith(f"{path}.")]


def _in_words(reads: Sequence[str]) -> str:
    return f"reads {', '.join(reads) or 'no options'}"


def refuse_undrawn(runs: Sequence[tuple[Values, Game]]) -> None:
    """Refuse a field of samples that is not at its default in one of the runs, where none of their games draws any."""
    if any(game.outputs for _, game in runs):
        return
    for values, _ in runs:
        fields = all_fields(values["game.name"])
        for field in OF_SAMPLES:
            if values[field] not in (fields[field].default, 0):  # 0: none, as it is
                raise ConfigError(
                    f"{field}={values[field]!r} has no effect: game.name={values['game.name']!r} has nothing to draw; "
                    f"allowed: {fields[field].default!r}, the default"
                )
