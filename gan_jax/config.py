"""Configurations: the defaults, reading a file with overrides, checking, and storing as JSON."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict, config_flags

from gan_jax import combinations
from gan_jax.errors import ConfigError
from gan_jax.fields import all_fields
from gan_jax.idle import idle_in
from gan_jax.messages import explain, unknown
from gan_jax.paths import from_home
from gan_jax.registry import ROLES, roles_of
from gan_jax.scalars import python_value
from gan_jax.stored import current


class _Config(ConfigDict):
    """A ConfigDict that takes NumPy's and JAX's numbers as Python's; by itself it refuses np.float32 for a float."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, python_value(value))


def default_config(game: str = "gan") -> ConfigDict:
    """Every field at its default, locked: setting a field that does not exist raises.

    Args:
      game: ``game.name``; a registered name or package.module:attribute. Its roles have sections.

    Returns:
      ConfigDict.
    """
    return _nested({**_defaults(game), "game.name": game}, _Config)


def load_config(path: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()) -> ConfigDict:
    """The configuration of an experiment file.

    Args:
      path: ``FILE.py`` or ``FILE.py:VARIANT``; the file defines ``get_config(variant)``.
      overrides: {"loss.name": "minimax", ...}, NumPy's and JAX's numbers as Python's; or ["loss.name=minimax", ...]
        as on the command line.

    Returns:
      A checked, locked ConfigDict.

    Raises:
      ConfigError: one line that names the field, what was given and what is allowed.
    """
    if isinstance(overrides, Mapping):
        overrides = [
            f"{name}={value!r}" if not isinstance(value, str) else f"{name}={value}"
            for name, value in ((name, python_value(value)) for name, value in overrides.items())
        ]
    config, rest = parse_config_flags([f"--config={path}", *(f"--config.{item}" for item in overrides)])
    if rest:
        raise ConfigError(f"overrides {rest!r} are not of the form FIELD=VALUE")
    return config


def load_values(values: Mapping[str, Any]) -> ConfigDict:
    """The default configuration with some fields replaced.

    Args:
      values: {field: value}; NumPy's and JAX's numbers as Python's.

    Returns:
      A checked, locked ConfigDict.

    Raises:
      ConfigError: as ``load_config``.
    """
    return _checked({**_defaults(_game_of(values)), **values})


def parse_config_flags(arguments: Sequence[str]) -> tuple[ConfigDict, list[str]]:
    """Read ``--config=FILE[:VARIANT]`` and ``--config.FIELD=VALUE`` from arguments.

    Args:
      arguments: command-line arguments without the program's name.

    Returns:
      (checked configuration, the arguments that are not about it).

    Raises:
      ConfigError: as ``load_config``.
    """
    given, arguments = _config_file(arguments)
    config = _defined(["gan-jax", f"--config={given}"], given)
    if not isinstance(config, ConfigDict):
        raise ConfigError(
            f"--config={given}: get_config returned {type(config).__name__}; "
            "allowed: a ConfigDict from gan_jax.default_config()"
        )
    named = re.findall(r"^--?config\.game\.name[=\n](.*)$", "\n".join(arguments), re.MULTILINE)
    game = named[-1] if named else _game_of(flatten(config))
    fields = all_fields(game)
    overridden = set()
    for argument in arguments:
        found = re.match(r"--?(?:no)?config\.([^=]+)", argument)
        if found and found[1] not in fields:
            raise ConfigError(unknown(found[1], fields, given=argument))
        overridden |= {found[1]} if found else set()
    values = flags.FlagValues()
    argv = ["gan-jax", *arguments]
    with config.unlocked():
        for path, value in _of_roles(game, flatten(config)).items():
            _set(config, path, value)
        if named:
            _leave_out_other_roles(config, fields)
    try:
        config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
        rest = values(argv, known_only=True)
        config = values["config"].value
    except (Exception, SystemExit) as error:
        raise ConfigError(explain(error, given, fields)) from error
    checked = flatten(validate(config))
    for field, (chooser, _) in idle_in(checked).items():
        if chooser in overridden and field not in overridden:  # options of the file's component, which is not chosen
            checked[field] = fields[field].default
    return _nested(checked), rest[1:]


def _defined(argv: Sequence[str], given: str) -> Any:
    """What the function of a file returns."""
    sys.modules.pop("config_config", None)  # where ml_collections would leave one file's names to the next
    values, fields = flags.FlagValues(), all_fields()
    try:
        config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
        values(argv)
        config = values["config"].value
    except (Exception, SystemExit) as error:  # a user's file may raise anything; all of it becomes one line
        raise ConfigError(explain(error, given, fields)) from error
    if type(config).__name__ == "_ErrorConfig":  # ml_collections keeps an OSError until the configuration is used
        raise ConfigError(explain(object.__getattribute__(config, "_error"), given, fields))
    return config


def _game_of(values: Mapping[str, Any]) -> str:
    """The game whose fields a configuration has; one that names none, or no game, is told so by those of a GAN."""
    name = values.get("game.name")
    return name if isinstance(name, str) else "gan"


def _defaults(game: str) -> dict[str, Any]:
    return {path: field.default for path, field in all_fields(game).items()}


def _of_roles(game: str, there: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of a game's own roles that are not there, where a configuration began with another game's."""
    own = tuple(f"{at}{role}." for role in roles_of(game).keys() - ROLES.keys() for at in ("", "optimizer."))
    return {path: value for path, value in _defaults(game).items() if path.startswith(own) and path not in there}


def _leave_out_other_roles(config: ConfigDict, fields: Mapping[str, Any]) -> None:
    """Where another game is chosen than the file's, the sections of that one's own roles go with it."""
    others = [role for role in config.get("optimizer", {}) if f"optimizer.{role}.name" not in fields]
    known = all_fields(_game_of(flatten(config))) if others else {}
    for role in others:
        if f"optimizer.{role}.name" in known:
            del config[role], config.optimizer[role]


def validate(config: ConfigDict) -> ConfigDict:
    """Check every field's name, type and value, and the fields against one another.

    Returns:
      A new locked ConfigDict with exact types (whole numbers given for a float become floats, lists tuples).

    Raises:
      ConfigError: the first field that is wrong, in one line.
    """
    return _checked(flatten(config))


def _checked(values: dict[str, Any]) -> ConfigDict:
    game = _game_of(values)
    fields, values = all_fields(game), values | _of_roles(game, values)
    for path, value in values.items():
        if path not in fields:
            raise ConfigError(unknown(path, fields, given=f"{path}={value!r}"))
    for path in fields:
        if path not in values:
            raise ConfigError(f"{path} is missing; start a configuration from gan_jax.default_config()")
    checked = {path: field.checked(path, values[path]) for path, field in fields.items()}
    combinations.check(checked)
    return _nested(checked)


def flatten(config: Mapping[str, Any] | ConfigDict) -> dict[str, Any]:
    """{"optimizer.generator.b1": 0.5, ...}; a field named ``options`` is a leaf, a plain dict."""
    nested = config.to_dict() if isinstance(config, ConfigDict) else config
    flat: dict[str, Any] = flatten_dict(
        nested, sep=".", is_leaf=lambda path, _: path[-1:] in (("options",), ("schedule_options",))
    )
    return flat


def to_json(config: ConfigDict) -> str:
    """The configuration as indented JSON, ending with a newline."""
    return json.dumps(config.to_dict(), indent=2) + "\n"


def from_json(text: str) -> ConfigDict:
    """The configuration that ``to_json`` wrote; a field that it lacks takes its default.

    Raises:
      ConfigError: not JSON, or a field is unknown or wrong.
    """
    try:
        stored = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"the stored configuration is not JSON: {error}") from error
    if not isinstance(stored, dict):
        raise ConfigError(f"the stored configuration holds {type(stored).__name__}, not an object")
    return _checked({**_defaults("gan"), **flatten(current(stored))})


def difference(old: ConfigDict, new: ConfigDict) -> dict[str, tuple[Any, Any]]:
    """{field: (old value, new value)} where two configurations differ."""
    a, b = flatten(old), flatten(new)
    return {path: (a.get(path), b.get(path)) for path in sorted({*a, *b}) if a.get(path) != b.get(path)}


def _nested(values: Mapping[str, Any], kind: type[ConfigDict] = ConfigDict) -> ConfigDict:
    config = kind()
    for path, value in values.items():
        _set(config, path, value)
    return config.lock()


def _set(config: ConfigDict, path: str, value: Any) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        if parent not in config:
            config[parent] = type(config)()
        config = config[parent]
    config[leaf] = ConfigDict(value) if isinstance(value, dict) else value


def _config_file(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """FILE.py[:VARIANT], and the other arguments; absl would take an empty name, of several the last, and ``~``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given, others, left = [], [], iter(arguments[:end])
    for argument in left:
        if argument in ("--config", "-config"):
            given.append(from_home("--config", next(left, "")))
        elif argument.startswith(("--config=", "-config=")):
            given.append(from_home("--config", argument.split("=", 1)[1]))
        else:
            others.append(argument)
    form = "allowed: --config=FILE.py or --config=FILE.py:VARIANT"
    if not given:
        raise ConfigError(f"--config is missing; {form}")
    if len(given) > 1:
        raise ConfigError(f"--config is given {len(given)} times; {form}")
    if not Path(given[0].split(":", 1)[0]).is_file():
        raise ConfigError(f"--config={given[0]}: there is no such file; {form}")
    return given[0], [*others, *arguments[end:]]
