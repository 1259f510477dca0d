"""Commands that repeat a sweep and its runs, and what each setting changes in the base configuration."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config import difference
from gan_jax.reporting.material import Material, Setting
from gan_jax.reporting.wording import shown

FOLDER = "repeated"  # where the commands write: beside the sweep's own runs, never into them


def quoted(argv: Sequence[str]) -> tuple[str, ...]:
    """Words as a shell needs them; the program by its name alone, wherever it was installed."""
    words = [str(word) for word in argv]
    return tuple(shlex.quote(word) for word in [*(PurePath(word).name for word in words[:1]), *words[1:]])


def sweep_commands(material: Material) -> list[tuple[str, ...]]:
    """The commands that started the sweep, each once, in order."""
    return list(dict.fromkeys(filter(None, (quoted(argv) for argv in material.sweep["commands"]))))


def run_command(material: Material, name: str) -> tuple[str, ...]:
    """The command that trains one run alone, in a work directory of its own; () without a file of the configuration."""
    sweep = material.sweep
    if not sweep["config"]:
        return ()
    updates = [str(override) for override in sweep["overrides"]]
    updates += [f"{field}={as_flag(value)}" for field, value in sweep["runs"][name].items()]
    config = [f"--config={sweep['config']}", f"--workdir={FOLDER}/{name}"]
    return quoted(["gan-jax", "train", *config, *(f"--config.{update}" for update in updates)])


def as_flag(value: Any) -> str:
    """A field's value as ``--config.FIELD=`` reads it: strings bare, everything else as Python writes it."""
    if isinstance(value, str):
        return value
    return repr(tuple(value)) if isinstance(value, list) else repr(value)


def changes(material: Material, setting: Setting) -> list[tuple[str, str, str]]:
    """(field, value of the base configuration, value of the setting), without the seed.

    Runs of one setting differ in nothing but the seed, so one that has begun stands for all; where none has, the fields
    of the grid do.
    """
    base = material.sweep["base"]
    for run in setting.runs.values():
        config = material.json_of(run, "config.json")
        if config is not None:
            found = difference(ConfigDict(base), ConfigDict(config))
            return [(field, _value(old), _value(new)) for field, (old, new) in found.items() if field != "seed"]
    return [
        (field, _value(_at(base, field)), _value(value))
        for field, value in setting.point.items()
        if _at(base, field) != value
    ]


def _at(config: Mapping[str, Any], path: str) -> Any:
    found: Any = config
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _value(value: Any) -> str:
    return "not there" if value is None else shown(value)
