"""Values against steps: for each setting a mean over seeds, the smallest and the largest."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas

from gan_jax.reporting.material import Material
from gan_jax.sweeps.layout import read_metrics

POINTS = 1000  # of a curve, at most
NUMBERS = 1_000_000  # of all curves together
FEWEST = 25  # points that still show a curve's shape
NOT_METRICS = {"step", "images_seen", "seconds"}

T = TypeVar("T")


def curves(material: Material, protocols: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The curves of every value by setting: evaluations, losses, other metrics; ``protocols`` as in the summary."""
    found: dict[str, dict[int, pandas.DataFrame]] = {}
    for (key, number), records in _records(material).groupby(["key", "setting"]):
        found.setdefault(key, {})[int(number)] = records
    evaluated = {one["sha256"]: one for one in protocols}
    trained = sorted(
        found.keys() - evaluated.keys(),
        key=lambda name: (name == "images_per_second", not name.endswith("/loss"), name),
    )
    points = points_of(sum(map(len, found.values())), POINTS, NUMBERS)
    made = []
    for key in (*evaluated, *trained):
        one = evaluated.get(key, {"title": key, "better": "", "sha256": ""})
        lines = [{"setting": number, **_curve(records, points)} for number, records in found.get(key, {}).items()]
        kind = "evaluation" if key in evaluated else "training"
        made.append({
            "name": one["title"], "kind": kind, "better": one["better"], "protocol": one["sha256"], "settings": lines,
        })  # fmt: skip
    return made


def points_of(count: int, most: int, numbers: int) -> int:
    """How many points each of so many curves may have, so that all of them together stay below so many numbers."""
    return min(most, max(FEWEST, numbers // max(1, 3 * count)))


def thinned(items: Sequence[T], most: int) -> list[T]:
    """At most so many items, evenly spaced among them, with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))]


def _curve(records: pandas.DataFrame, points: int) -> dict[str, Any]:
    every = sorted(records["step"].unique().tolist())
    steps = thinned(every, points)
    finite = records[np.isfinite(records["value"])]
    of_seeds = finite[finite["step"].isin(steps)].groupby(["step", "seed"])["value"].mean()
    made = of_seeds.groupby("step").agg(["mean", "min", "max", "count"]).reindex(steps)
    n = made["count"].fillna(0).astype(int).tolist()
    mean, low, high = (_listed(made[name]) for name in ("mean", "min", "max"))
    several = max(n) > 1
    return {
        "steps": steps, "mean": mean, "low": low if several else None, "high": high if several else None, "n": n,
        "seeds": records["seed"].nunique(), "records": len(every), "not_finite": len(records) - len(finite),
    }  # fmt: skip


def _listed(values: pandas.Series) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _records(material: Material) -> pandas.DataFrame:
    """Each recorded value: "key" (hash of a protocol, or name of a training metric), setting, seed, step, value."""
    rows: list[tuple[str, int, int, int, float]] = []
    for number, runs in enumerate(material.runs):
        for seed, run in runs.items():
            for record in material.evaluations[run]:
                rows.append((record["protocol"], number, seed, int(record["step"]), float(record["value"])))
            for record in read_metrics(material.workdir, run):
                step, names = int(record["step"]), record.keys() - NOT_METRICS
                rows += [(name, number, seed, step, float(record[name])) for name in names]
    return pandas.DataFrame(rows, columns=["key", "setting", "seed", "step", "value"])
