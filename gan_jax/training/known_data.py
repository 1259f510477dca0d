"""What a run keeps of its data, data.json: enough to know them again, and to do without them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from gan_jax.build import build_source
from gan_jax.data import Feature, Source, joined
from gan_jax.data.source import PIXELS
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.stored import read_object
from gan_jax.training.records import write_text

FILE = "data.json"


def write_data(workdir: Path, source: Source) -> None:
    """Record a run's data."""
    write_text(workdir / FILE, json.dumps(_about(source), indent=2) + "\n")


def check_data(workdir: Path, source: Source) -> None:
    """Refuse data that are not those with which the run began.

    Raises:
      ConfigError: says what differs.
      WorkdirError: data.json cannot be read.
    """
    known = _read(workdir)
    if known is None:
        return
    there, now = _facts(known), _facts(_about(source))
    if there == now:
        return
    differing = [f for f in {**now, **there} if there.get(f) != now.get(f) and not f.endswith("sha256")]
    shown = ", ".join(f"{field} {there.get(field)} there, {now.get(field)} now" for field in differing)
    shown = shown or "other examples, or in another order"
    raise ConfigError(
        f"data.name={source.name!r} is not what the run in {str(workdir)!r} began with ({shown}); allowed: the same "
        f"data, or another --workdir with init_from={workdir}"
    )


def stored_source(workdir: Path, config: ConfigDict) -> Source:
    """The data of a stored run; without examples, and without reading any, where none are made by a formula.

    Raises:
      DataError: as ``build_source``, for a run whose data were not recorded.
      WorkdirError: data.json cannot be read.
    """
    known = _read(workdir)
    if known is None or any(value is None for field, value in _facts(known).items() if field.endswith("num_examples")):
        return build_source(config)
    return _without_examples(known, config.data.name)


def _without_examples(known: Mapping[str, Any], name: str) -> Source:
    if "parts" in known:
        return joined({part: _without_examples(about, part) for part, about in known["parts"].items()}, name)
    made = {}
    for feature, about in known["features"].items():
        fields: Any = {field: tuple(value) if isinstance(value, list) else value for field, value in about.items()}
        made[feature] = Feature(**fields)
    return Source(name, made, known["num_examples"])


def _about(source: Source) -> dict[str, Any]:
    if source.parts:
        return {"parts": {name: _about(part) for name, part in source.parts.items()}}
    features = {name: feature._asdict() for name, feature in source.features.items()}
    return {"features": features, "num_examples": source.num_examples, "sha256": source.sha256}


def _facts(known: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared, by names with points; the shares of classes follow from the examples."""
    flat = flatten_dict(json.loads(json.dumps(known)), sep=".")
    return {field: value for field, value in flat.items() if not field.endswith(".frequencies")}


def _read(workdir: Path) -> dict[str, Any] | None:
    """data.json, of earlier versions as of this one; None of a run that has none."""
    path = workdir / FILE
    known = read_object(path)
    if known is None:
        return None
    try:
        if "shape" in known:  # what was written while a source was an image and a label
            endless = known["num_examples"] is None
            features = {"image": Feature(known["shape"], None if endless else PIXELS)}
            if known["num_classes"] is not None:
                features["label"] = Feature((), classes=known["num_classes"])
            about = {name: feature._asdict() for name, feature in features.items()}
            known = {"features": about, "num_examples": known["num_examples"], "sha256": known["sha256"]}
        _without_examples(known, "")
    except (AttributeError, KeyError, TypeError) as error:
        raise WorkdirError(f"{path} cannot be read: it does not describe data ({error!r})") from error
    return known
