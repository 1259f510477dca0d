"""How each value was measured, and what tells several ways of measuring one value apart, in words."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Protocol = Mapping[str, Any]  # of the summary


def told(protocol: Protocol) -> dict[str, str]:
    """{field: text} of a protocol, without fields that say nothing."""
    texts = {field: _text(value) for field, value in protocol["fields"].items()}
    texts |= {field: text[:12] for field, text in texts.items() if field.endswith("sha256")}
    return {field: text for field, text in texts.items() if text not in ("", "none")}


def common(protocols: Sequence[Protocol]) -> dict[str, str]:
    """{field: text} of what all protocols of all values share."""
    first, *others = [told(one) for one in protocols] or [{}]
    return {field: text for field, text in first.items() if all(other.get(field) == text for other in others)}


def differing(ways: Sequence[Protocol]) -> dict[str, list[str]]:
    """{field: its text in each protocol of one value}, of the fields that tell them apart."""
    texts = {field: [_text(way["fields"][field]) for way in ways] for field in ways[0]["fields"]}
    return {field: own for field, own in texts.items() if len(set(own)) > 1}


def apart(protocols: Sequence[Protocol]) -> list[tuple[list[str], dict[str, list[str]]]]:
    """(metrics, what sets their protocols apart), where there are several; metrics together where that is the same."""
    groups: dict[str, tuple[list[str], dict[str, list[str]]]] = {}
    for metric in dict.fromkeys(one["metric"] for one in protocols):
        texts = differing([one for one in protocols if one["metric"] == metric])
        if texts:
            groups.setdefault(json.dumps(texts), ([], texts))[0].append(metric)
    return list(groups.values())


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in value.items())
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value)
