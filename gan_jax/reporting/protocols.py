"""How each value was measured, and what tells several ways of measuring one value apart."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from gan_jax.evaluation.protocol import FIELDS, Protocol, differences, protocol_of
from gan_jax.reporting.material import Material
from gan_jax.sweeps.table import direction


def measured(material: Material) -> "list[Measured]":
    """Every value that was measured, the one that ranks settings first, with all its protocols."""
    protocols: dict[str, dict[str, Protocol]] = {}
    runs: dict[str, set[str]] = {}
    for run, records in material.evaluations.items():
        for record in records:
            protocols.setdefault(record["metric"], {}).setdefault(record["protocol"], protocol_of(record))
            runs.setdefault(record["protocol"], set()).add(run)
    made = []
    for metric in sorted(protocols, key=lambda name: name != material.metric):
        known = protocols[metric]
        several = len(known) > 1
        titles = {sha: f"{metric} [{i}]" if several else metric for i, sha in enumerate(known, 1)}
        apart = differences({titles[sha]: protocol for sha, protocol in known.items()}) if several else {}
        apart.pop("metric", None)
        ways = tuple(Way(sha, titles[sha], len(runs[sha]), _told(protocol)) for sha, protocol in known.items())
        told = {field: {title: _text(v) for title, v in values.items()} for field, values in apart.items()}
        made.append(Measured(metric, direction(metric), ways, told))
    return made


def titles(found: "list[Measured]") -> dict[str, str]:
    """{hash of a protocol: "frechet_lenet", or "frechet_lenet [2]" where there are several}."""
    return {way.sha256: way.title for one in found for way in one.ways}


def apart(found: "list[Measured]") -> "list[tuple[list[Measured], dict[str, list[str]]]]":
    """Values that were measured in several ways, together where the same sets their ways apart.

    Returns:
      [(values, {field: its text in the first way, the second, ...}), ...].
    """
    groups: dict[str, tuple[list[Measured], dict[str, list[str]]]] = {}
    for one in found:
        texts = {field: [by_title[way.title] for way in one.ways] for field, by_title in one.apart.items()}
        if texts:
            groups.setdefault(json.dumps(texts), ([], texts))[0].append(one)
    return list(groups.values())


def common(found: "list[Measured]") -> dict[str, str]:
    """{field: text} of what all protocols of all values share."""
    told = [way.told for one in found for way in one.ways]
    return {field: text for field, text in told[0].items() if all(t.get(field) == text for t in told)} if told else {}


def _told(protocol: Protocol) -> dict[str, str]:
    texts = {field: _text(getattr(protocol, field)) for field in FIELDS if field != "metric"}
    texts |= {field: text[:12] for field, text in texts.items() if field.endswith("sha256")}
    return {field: text for field, text in texts.items() if text not in ("", "none")}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in value.items())
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value)


class Way(NamedTuple):
    """One protocol of a value.

    Attributes:
      sha256: its hash.
      title: of the value, with a number where there are several.
      runs: that were measured by it.
      told: {field: text}, without fields that say nothing.
    """

    sha256: str
    title: str
    runs: int
    told: dict[str, str]


class Measured(NamedTuple):
    """A value and its protocols.

    Attributes:
      metric: its name.
      better: "lower", "higher" or "".
      ways: its protocols.
      apart: {field: {title: text}} where there are several.
    """

    metric: str
    better: str
    ways: tuple[Way, ...]
    apart: dict[str, dict[str, str]]
