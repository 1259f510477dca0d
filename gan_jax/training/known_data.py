"""What a run keeps of its data, data.json: enough to know them again, and to do without them."""

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax.build import build_source
from gan_jax.data import Source
from gan_jax.errors import ConfigError
from gan_jax.stored import read_object
from gan_jax.training.records import write_text

FILE = "data.json"
FIELDS = ("shape", "num_examples", "num_classes", "sha256")


def write_data(workdir: Path, source: Source) -> None:
    """Record a run's data."""
    write_text(workdir / FILE, json.dumps(_about(source), indent=2) + "\n")


def check_data(workdir: Path, source: Source) -> None:
    """Refuse data that are not those with which the run began.

    Raises:
      ConfigError: says what differs.
      WorkdirError: data.json cannot be read.
    """
    there, now = _read(workdir), _about(source)
    if there is None or there == now:
        return
    differing = [field for field in now if there[field] != now[field] and field != "sha256"]
    shown = ", ".join(f"{field} {there[field]} there, {now[field]} now" for field in differing)
    shown = shown or "other examples, or in another order"
    raise ConfigError(
        f"data.name={source.name!r} is not what the run in {str(workdir)!r} began with ({shown}); allowed: the same "
        f"data, or another --workdir with init_from={workdir}"
    )


def stored_source(workdir: Path, config: ConfigDict) -> Source:
    """The data of a stored run; without examples, and without reading any, where they are not made by a formula.

    Raises:
      DataError: as ``build_source``, for a run whose data were not recorded.
      WorkdirError: data.json cannot be read.
    """
    known = _read(workdir)
    if known is None or known["num_examples"] is None:
        return build_source(config)
    return Source(
        name=config.data.name,
        shape=tuple(known["shape"]),
        value_range=(-1.0, 1.0),
        num_examples=known["num_examples"],
        num_classes=known["num_classes"],
    )


def _about(source: Source) -> dict[str, Any]:
    return {
        "shape": list(source.shape),
        "num_examples": source.num_examples,
        "num_classes": source.num_classes,
        "sha256": source.sha256,
    }


def _read(workdir: Path) -> dict[str, Any] | None:
    """data.json; None of a run of an earlier version."""
    return read_object(workdir / FILE, FIELDS)
