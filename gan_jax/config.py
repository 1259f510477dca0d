"""Configurations: the defaults, reading a file with overrides, checking, and storing as JSON."""

import copy
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from gan_jax.errors import ConfigError
from gan_jax.fields import Field, all_fields
from gan_jax.registry import describe, is_reference, nearest, resolve


def default_config() -> ConfigDict:
    """Every field at its default, locked: setting a field that does not exist raises.

    Returns:
      ConfigDict.
    """
    config = ConfigDict()
    for path, field in all_fields().items():
        _set(config, path, copy.deepcopy(field.default))
    return config.lock()


def load_config(path: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()) -> ConfigDict:
    """The configuration of an experiment file.

    Args:
      path: ``FILE.py`` or ``FILE.py:VARIANT``; the file defines ``get_config(variant)``.
      overrides: {"loss.name": "minimax", ...}, or ["loss.name=minimax", ...] as on the command line.

    Returns:
      A checked, locked ConfigDict.

    Raises:
      ConfigError: one line that names the field, what was given and what is allowed.
    """
    if isinstance(overrides, Mapping):
        overrides = [
            f"{name}={value!r}" if not isinstance(value, str) else f"{name}={value}"
            for name, value in overrides.items()
        ]
    config, rest = parse_config_flags([f"--config={path}", *(f"--config.{item}" for item in overrides)])
    if rest:
        raise ConfigError(f"overrides {rest!r} are not of the form FIELD=VALUE")
    return config


def parse_config_flags(arguments: Sequence[str]) -> tuple[ConfigDict, list[str]]:
    """Read ``--config=FILE[:VARIANT]`` and ``--config.FIELD=VALUE`` from arguments.

    Args:
      arguments: command-line arguments without the program's name.

    Returns:
      (checked configuration, the arguments that are not about it).

    Raises:
      ConfigError: as ``load_config``.
    """
    fields = all_fields()
    for argument in arguments:
        found = re.match(r"--?(?:no)?config\.([^=]+)", argument)
        if found and found[1] not in fields:
            raise ConfigError(_unknown(found[1], fields, given=argument))
    given = _config_file(arguments)
    arguments, updates = _split_update(arguments)
    argv = ["gan-jax", *arguments]
    sys.modules.pop("config_config", None)  # where ml_collections would leave one file's names to the next
    values = flags.FlagValues()
    try:
        config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
        rest = values(argv, known_only=True)
        config = values["config"].value
    except Exception as error:  # a user's file may raise anything; all of it becomes one line
        raise ConfigError(_explain(error, given, fields)) from error
    if type(config).__name__ == "_ErrorConfig":  # ml_collections keeps an OSError until the configuration is used
        raise ConfigError(_explain(object.__getattribute__(config, "_error"), given, fields))
    if not isinstance(config, ConfigDict):
        raise ConfigError(
            f"--config={given}: get_config returned {type(config).__name__}; "
            "allowed: a ConfigDict from gan_jax.default_config()"
        )
    for name, value in updates.items():
        config["update"][name] = value
    return validate(config), rest[1:]


def validate(config: ConfigDict) -> ConfigDict:
    """Check every field's name, type and value, and the fields against one another.

    Returns:
      A new locked ConfigDict with exact types (whole numbers given for a float become floats, lists tuples).

    Raises:
      ConfigError: the first field that is wrong, in one line.
    """
    fields = all_fields()
    values = flatten(config)
    for path in values:
        if path not in fields:
            raise ConfigError(_unknown(path, fields, given=f"{path}={values[path]!r}"))
    for path in fields:
        if path not in values:
            raise ConfigError(f"{path} is missing; start a configuration from gan_jax.default_config()")
    checked = {path: _checked(path, field, values[path]) for path, field in fields.items()}
    _check_together(checked)
    result = ConfigDict()
    for path, value in checked.items():
        _set(result, path, value)
    return result.lock()


def flatten(config: Mapping[str, Any] | ConfigDict, prefix: str = "") -> dict[str, Any]:
    """{"optimizer.generator.b1": 0.5, ...}; a field named ``options`` is a leaf, a plain dict."""
    flat: dict[str, Any] = {}
    for name in config:
        value = config[name]
        path = f"{prefix}{name}"
        if path.endswith(".options"):
            flat[path] = value.to_dict() if isinstance(value, ConfigDict) else value
        elif isinstance(value, ConfigDict | dict):
            flat.update(flatten(value, f"{path}."))
        else:
            flat[path] = value
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
        stored = flatten(json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the stored configuration is not JSON: {error}") from error
    config = ConfigDict()
    for path, value in {**{p: copy.deepcopy(f.default) for p, f in all_fields().items()}, **stored}.items():
        _set(config, path, value)
    return validate(config)


def difference(old: ConfigDict, new: ConfigDict) -> dict[str, tuple[Any, Any]]:
    """{field: (old value, new value)} where two configurations differ."""
    a, b = flatten(old), flatten(new)
    return {path: (a.get(path), b.get(path)) for path in sorted({*a, *b}) if a.get(path) != b.get(path)}


def _set(config: ConfigDict, path: str, value: Any) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        if parent not in config:
            config[parent] = ConfigDict()
        config = config[parent]
    config[leaf] = ConfigDict(value) if isinstance(value, dict) else value


def _checked(path: str, field: Field, value: Any) -> Any:
    kind = type(field.default)
    if isinstance(value, list):
        value = tuple(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"{path}={value!r} has type {type(value).__name__}; allowed: {_type_name(field.default)}")
    if kind is tuple and field.default:
        inner = type(field.default[0])
        value = tuple(float(v) if inner is float and type(v) is int else v for v in value)
        wrong = [v for v in value if type(v) is not inner]
        if wrong:
            raise ConfigError(f"{path}={value!r} holds {wrong[0]!r}; allowed: {_type_name(field.default)}")
    if not field.check(value):
        hint = nearest(value, field.allowed.removeprefix("one of ").split(", ")) if isinstance(value, str) else ""
        raise ConfigError(f"{path}={value!r} is not possible{hint}; allowed: {field.allowed}")
    return value


def _check_together(values: Mapping[str, Any]) -> None:
    for section in ("loss", "generator", "discriminator", "game"):
        name = values[f"{section}.name"]
        resolve(section, name)
        if values[f"{section}.options"] and not is_reference(name):
            raise ConfigError(
                f"{section}.options={values[f'{section}.options']!r} is for package.module:attribute; "
                f"{section} {name!r} takes its options as {section}.{name}.OPTION"
            )
    if values["schedule.simultaneous"] and values["schedule.discriminator_steps"] != 1:
        steps = values["schedule.discriminator_steps"]
        raise ConfigError(f"schedule.discriminator_steps={steps} with schedule.simultaneous=True; allowed: 1")
    if values["steps"] * (values["schedule.discriminator_steps"] + 1) * values["batch_size"] >= 2**31:
        raise ConfigError(
            f"steps={values['steps']} reads too many examples at batch_size={values['batch_size']}; "
            "allowed: steps x rounds x batch_size below 2^31, the range of a position in the data"
        )


def _type_name(default: Any) -> str:
    names = {
        int: "a whole number",
        float: "a number",
        str: "a string",
        bool: "True or False",
        dict: "a dict",
        tuple: "a tuple",
    }
    if isinstance(default, tuple) and default:
        return f"a tuple of {type(default[0]).__name__}"
    return names[type(default)]


def _unknown(path: str, fields: Mapping[str, Field], *, given: str) -> str:
    sections = sorted({p.rsplit(".", 1)[0] for p in fields if p.startswith(path + ".")})
    if sections:
        inner = [p for p in fields if p.startswith(path + ".")]
        return (
            f"{given}: {path} is a group of fields; allowed: {', '.join(inner[:6])}{', ...' if len(inner) > 6 else ''}"
        )
    parent = path.rsplit(".", 1)[0] if "." in path else ""
    siblings = [p for p in fields if (p.rsplit(".", 1)[0] if "." in p else "") == parent]
    leaf = [p for p in fields if p.rsplit(".", 1)[-1] == path.rsplit(".", 1)[-1]]
    close = nearest(path, fields) or (f" (did you mean {leaf[0]!r}?)" if leaf else "")
    allowed = siblings or sorted({p.split(".")[0] for p in fields})
    return f"{given}: there is no field {path!r}{close}; allowed: {', '.join(allowed)}"


def _config_file(arguments: Sequence[str]) -> str:
    """FILE.py[:VARIANT] as given; absl would take an empty name, and of several the last."""
    given = []
    for i, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument in ("--config", "-config"):
            given.append(arguments[i + 1] if i + 1 < len(arguments) else "")
        elif argument.startswith(("--config=", "-config=")):
            given.append(argument.split("=", 1)[1])
    form = "allowed: --config=FILE.py or --config=FILE.py:VARIANT"
    if not given:
        raise ConfigError(f"--config is missing; {form}")
    if len(given) > 1:
        raise ConfigError(f"--config is given {len(given)} times; {form}")
    if not Path(given[0].split(":", 1)[0]).is_file():
        raise ConfigError(f"--config={given[0]}: there is no such file; {form}")
    return given[0]


def _split_update(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Take out ``--config.update.FIELD=VALUE``: ConfigDict.update is a method, and config_flags would find that."""
    rest, updates, position = [], {}, 0
    while position < len(arguments):
        found = re.fullmatch(r"--?config\.update\.(\w+)(?:=(.*))?", arguments[position])
        if found and found[2] is None and position + 1 < len(arguments):
            position += 1
            updates[found[1]] = arguments[position]
        elif found:
            updates[found[1]] = found[2] or ""
        else:
            rest.append(arguments[position])
        position += 1
    return rest, updates


def _explain(error: BaseException, given: str, fields: Mapping[str, Field]) -> str:
    message = " ".join(str(error).split())
    if isinstance(error, flags.IllegalFlagValueError):
        found = re.match(r"flag --config\.([\w.]+)=(.*?): (.*)", message)
        if found and found[1] in fields:
            field = fields[found[1]]
            return f"{found[1]}={found[2]} is not possible; allowed: {field.allowed or _type_name(field.default)}"
    elif isinstance(error, flags.Error):
        return message
    path, _, variant = given.partition(":")
    error = _raised_in(path, error)
    said = re.sub(r" Other fields present: .*?(?=Did you mean|\(/|$)", " ", describe(error))
    if isinstance(error, AttributeError) and error.name == "get_config":
        return f"--config={given}: {path} defines no function get_config; allowed: get_config() -> ConfigDict"
    if variant and isinstance(error, TypeError) and "get_config() takes 0 positional arguments" in said:
        return f"--config={given}: {path} has no variants, its get_config takes no argument; allowed: --config={path}"
    if variant and isinstance(error, KeyError) and error.args == (variant,):
        return f"--config={given}: {path} has no variant {variant!r}: {said}"
    return f"--config={given}: {said}"


def _raised_in(path: str, error: BaseException) -> BaseException:
    """What a user's file raised, out of what absl and ml_collections wrapped around it."""
    chain = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    file = Path(path).resolve()
    from_file = [e for e in chain if any(Path(f.filename).resolve() == file for f in extract_tb(e.__traceback__))]
    return from_file[-1] if from_file else chain[-1]
