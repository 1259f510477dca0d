"""Commands that repeat a sweep and its runs."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

FOLDER = "repeated"  # where the commands write: beside the sweep's own runs, never into them


def quoted(argv: Sequence[str]) -> tuple[str, ...]:
    """Words as a shell needs them; the program by its name alone, wherever it was installed."""
    words = [str(word) for word in argv]
    return tuple(shlex.quote(word) for word in [*(PurePath(word).name for word in words[:1]), *words[1:]])


def sweep_commands(sweep: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The commands that started the sweep, each once, in order."""
    return list(dict.fromkeys(filter(None, (quoted(argv) for argv in sweep["commands"]))))


def run_command(summary: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The command that trains one run alone, in a work directory of its own."""
    sweep, run = summary["sweep"], summary["runs"][name]
    changes = {field: value for field, _, value in summary["settings"][run["setting"]]["changes"]}
    values = {**changes, **run["values"], "seed": run["seed"]}
    updates = [one for one in map(str, sweep["overrides"]) if one.partition("=")[0] not in values]
    updates += [f"{field}={as_flag(value)}" for field, value in values.items() if value is not None]
    config = [f"--config={sweep['config']}", f"--workdir={FOLDER}/{name}"]
    return quoted(["gan-jax", "train", *config, *(f"--config.{update}" for update in updates)])


def as_flag(value: Any) -> str:
    """A field's value as ``--config.FIELD=`` reads it: strings bare, everything else as Python writes it."""
    if isinstance(value, str):
        return value
    return repr(tuple(value)) if isinstance(value, list) else repr(value)
