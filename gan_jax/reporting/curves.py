"""Values against steps: for each setting a mean over seeds, the smallest and the largest."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from gan_jax.reporting.material import Material
from gan_jax.sweeps.layout import read_metrics

POINTS = 1000  # of a curve, at most
NUMBERS = 1_000_000  # of all curves together
FEWEST = 25  # points that still show a curve's shape
NOT_METRICS = {"step", "images_seen", "seconds"}

T = TypeVar("T")
Series = dict[int, dict[int, list[float]]]  # {seed: {step: values}}


def curves(material: Material, protocols: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The curves of every value by setting: evaluations, losses, other metrics; ``protocols`` as in the summary."""
    found = _found(material)
    evaluated = {one["sha256"]: one for one in protocols}
    trained = sorted(
        found.keys() - evaluated.keys(),
        key=lambda name: (name == "images_per_second", not name.endswith("/loss"), name),
    )
    points = min(POINTS, max(FEWEST, NUMBERS // max(1, 3 * sum(map(len, found.values())))))
    made = []
    for key in (*evaluated, *trained):
        one = evaluated.get(key, {"title": key, "better": "", "sha256": ""})
        lines = [{"setting": number, **_curve(series, points)} for number, series in found.get(key, {}).items()]
        kind = "evaluation" if key in evaluated else "training"
        made.append({
            "name": one["title"], "kind": kind, "better": one["better"], "protocol": one["sha256"], "settings": lines,
        })  # fmt: skip
    return made


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


def _found(material: Material) -> dict[str, dict[int, Series]]:
    """{hash of a protocol, or name of a training metric: {setting: its seeds' values}}."""
    made: dict[str, dict[int, Series]] = {}

    def at(name: str, number: int, seed: int) -> dict[int, list[float]]:
        return made.setdefault(name, {}).setdefault(number, {}).setdefault(seed, {})

    for number, runs in enumerate(material.runs):
        for seed, run in runs.items():
            for record in material.evaluations[run]:
                by_step = at(record["protocol"], number, seed)
                by_step.setdefault(int(record["step"]), []).append(float(record["value"]))
            for record in read_metrics(material.workdir, run):
                for name in record.keys() - NOT_METRICS:
                    at(name, number, seed)[int(record["step"])] = [float(record[name])]
    return made
