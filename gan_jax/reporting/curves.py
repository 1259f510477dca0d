"""Values against steps: for each setting a mean over seeds, the smallest and the largest."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from gan_jax.reporting.material import Material

POINTS = 1000  # of a curve, at most
NUMBERS = 1_000_000  # of all curves together
FEWEST = 25  # points that still show a curve's shape
NOT_METRICS = ("step", "images_seen", "seconds")

T = TypeVar("T")
Series = dict[int, dict[int, list[float]]]  # {seed: {step: values}}
Found = dict[str, dict[int, Series]]  # {name: {setting: ...}}


def curves(material: Material, protocols: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The curves of every value by setting, evaluations first; ``protocols`` as in the summary."""
    kinds = [
        ("evaluation", one["title"], one["better"], one["sha256"], by_setting)
        for one, by_setting in zip(protocols, _evaluated(material, protocols).values(), strict=True)
    ]
    kinds += [("training", name, "", "", by_setting) for name, by_setting in _trained(material).items()]
    count = sum(len(by_setting) for *_, by_setting in kinds)
    points = min(POINTS, max(FEWEST, NUMBERS // max(1, 3 * count)))
    return [
        {"name": name, "kind": kind, "better": better, "protocol": protocol,
         "settings": [{"setting": number, **_curve(series, points)} for number, series in sorted(by_setting.items())]}
        for kind, name, better, protocol, by_setting in kinds
    ]  # fmt: skip


def thinned(items: Sequence[T], most: int) -> list[T]:
    """At most so many items, evenly spaced among them, with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))]


def _curve(series: Series, points: int) -> dict[str, Any]:
    every = sorted({step for by_step in series.values() for step in by_step})
    steps = thinned(every, points)
    table = np.full((len(series), len(steps)), np.nan)
    for i, by_step in enumerate(series.values()):
        for k, step in enumerate(steps):
            finite = [v for v in by_step.get(step, ()) if math.isfinite(v)]
            if finite:
                table[i, k] = sum(finite) / len(finite)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # steps where no seed has a finite value
        mean, low, high = (_listed(f(table, 0)) for f in (np.nanmean, np.nanmin, np.nanmax))
    n = np.isfinite(table).sum(0)
    several = int(n.max(initial=0)) > 1
    lost = sum(not math.isfinite(v) for by_step in series.values() for values in by_step.values() for v in values)
    return {
        "steps": steps, "mean": mean, "low": low if several else None, "high": high if several else None,
        "n": n.tolist(), "seeds": len(series), "records": len(every), "not_finite": lost,
    }  # fmt: skip


def _listed(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _evaluated(material: Material, protocols: Sequence[Mapping[str, Any]]) -> Found:
    made: Found = {one["sha256"]: {} for one in protocols}
    for number, runs in enumerate(material.runs):
        for seed, run in runs.items():
            for record in material.evaluations[run]:
                by_step = made[record["protocol"]].setdefault(number, {}).setdefault(seed, {})
                by_step.setdefault(int(record["step"]), []).append(float(record["value"]))
    return made


def _trained(material: Material) -> Found:
    """Training metrics, losses first, speed last."""
    found = {name for records in material.training.values() for record in records for name in record}
    found -= {*NOT_METRICS}
    names = sorted(found, key=lambda name: (name == "images_per_second", not name.endswith("/loss"), name))
    made: Found = {name: {} for name in names}
    for number, runs in enumerate(material.runs):
        for seed, run in runs.items():
            for record in material.training[run]:
                for name in made.keys() & record.keys():
                    by_step = made[name].setdefault(number, {}).setdefault(seed, {})
                    by_step[int(record["step"])] = [float(record[name])]
    return made
