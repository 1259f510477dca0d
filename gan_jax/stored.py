"""What runs and sweeps store, and read again: JSON objects, alone in a file or one a line."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_jax import files
from gan_jax.errors import WorkdirError

Object = dict[str, Any]

# Sections of a configuration that once had another name: in what was stored they are called so.
RENAMED = {"update": "rule"}


def current(stored: Object) -> Object:
    """An object of a work directory with today's names: sections of its configuration, and fields wherever named."""
    for name in {"base"} & stored.keys():  # a sweep's configuration
        stored[name] = current(stored[name])
    for old, new in RENAMED.items():
        if isinstance(stored.get(old), dict) and "name" in stored[old]:
            stored = {new if name == old else name: value for name, value in stored.items()}
    made: Object = _fields_of_today(stored)
    return made


def original(field: str) -> str:
    """The first name that a field had. What is derived from names, such as a run's, stays as it was by it."""
    section, _, rest = field.partition(".")
    return f"{next((old for old, new in RENAMED.items() if new == section), section)}.{rest}" if rest else field


def _fields_of_today(value: Any) -> Any:
    """With today's names of fields: as keys, and in lists, such as a command; what a field is set to stays."""
    if isinstance(value, dict):
        return {_today(name): _fields_of_today(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_today(inner) if isinstance(inner, str) else _fields_of_today(inner) for inner in value]
    return value


def _today(text: str) -> str:
    """FIELD, FIELD=VALUE or --config.FIELD=VALUE with today's name of the field."""
    form = r"^((?:--?config\.)?)(\w+)(?=(?:\.\w+)+(?:=|$))"
    return re.sub(form, lambda found: found[1] + RENAMED.get(found[2], found[2]), text)


def read_object(path: Path, needs: Sequence[str] = ()) -> Object | None:
    """The object in a JSON file, with the keys ``needs``, or None where there is no file; else a WorkdirError."""
    try:
        return current(_object(path.read_bytes(), needs))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WorkdirError(f"{path} cannot be read: {reason_of(error)}") from error


def read_lines(path: Path, needs: Sequence[str] = ()) -> list[Object]:
    """The objects in a file of JSON lines, [] where there is no file; a WorkdirError names a line that is none.

    A last line that a kill cut short is left out.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WorkdirError(f"{path} cannot be read: {reason_of(error)}") from error
    made = []
    for number, line in enumerate(lines, 1):
        try:
            made.append(_object(line, needs))
        except ValueError as error:
            raise WorkdirError(f"{path}, line {number}, cannot be read: {reason_of(error)}") from error
    return made


def write_object(path: Path, found: Mapping[str, Any]) -> None:
    """Write an object as an indented JSON file, whole or not at all."""
    files.replace({path: (json.dumps(found, indent=2) + "\n").encode()})


def reason_of(error: Exception) -> str:
    """An error of the system without its number and path, which the caller names."""
    return str(getattr(error, "strerror", None) or error)


def _object(text: bytes, needs: Sequence[str]) -> Object:
    try:
        found = json.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"it holds {type(found).__name__}, not an object")
    for name in needs:
        if name not in found:
            raise ValueError(f"it has no {name!r}")
    return found
