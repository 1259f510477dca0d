"""Values against steps: a mean and a band over seeds for each setting, thinned so that a page can hold them."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax.reporting.material import Material
from gan_jax.reporting.protocols import measured, titles
from gan_jax.reporting.wording import counted

POINTS = 200  # of a curve, at most
NUMBERS = 700_000  # of all curves of a page; about 4.5 MB
FEWEST = 25  # points that still show a curve's shape
NOT_METRICS = ("step", "images_seen", "seconds")

Series = dict[int, dict[int, list[float]]]  # {seed: {step: values}}


def curves(material: Material, order: Sequence[int]) -> dict[str, Any]:
    """All curves, ready for JSON.

    Args:
      material: the sweep.
      order: numbers of the settings, the best first; if not all fit, the first ones are drawn.

    Returns:
      {"steps": [[...], ...] (lists that curves share), "metrics": [{"name", "kind", "better", "protocol", "curves":
      [{"setting", "steps" (index), "mean", "low", "high", "n"}, ...]}], "notes": lines that say what was left out}.
      Values that are not finite are None; "low" and "high" are None where a single run has records.
    """
    found = series_of(material)
    count = sum(len(by_setting) for _, by_setting in found.values())
    points = min(POINTS, max(FEWEST, NUMBERS // max(1, 3 * count)))
    fitting = NUMBERS // (3 * FEWEST * max(1, len(found)))
    drawn = set(order[: max(1, fitting)])
    shared: dict[tuple[int, ...], int] = {}
    metrics, left_out, most = [], 0, 0
    for name, (about, by_setting) in found.items():
        lines = []
        for setting in order:
            if setting not in drawn or setting not in by_setting:
                continue
            line, lost, recorded = _curve(by_setting[setting], points, shared)
            left_out, most = left_out + lost, max(most, recorded)
            lines.append({"setting": setting, **line})
        metrics.append({"name": name, **about, "curves": lines})
    notes = []
    if most > points:
        notes.append(f"At most {points} points of a curve are drawn, evenly spaced; the longest has {most:,} records.")
    if len(order) > len(drawn):
        notes.append(f"Curves of {len(drawn)} of {counted(len(order), 'setting')} are in this page, the best first.")
    if left_out:
        notes.append(f"Left out of means and bands: {counted(left_out, 'value')} that are NaN or infinite.")
    return {"steps": [list(steps) for steps in shared], "metrics": metrics, "notes": notes}


def thinned(steps: Sequence[int], points: int) -> list[int]:
    """At most ``points`` steps, evenly spaced among them, with the first and the last."""
    if len(steps) <= points:
        return list(steps)
    chosen = np.unique(np.linspace(0, len(steps) - 1, points).round().astype(int))
    return [steps[i] for i in chosen]


def band(series: Series, steps: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean, smallest and largest of the finite values over seeds, and how many seeds have one, at each step."""
    table = np.full((len(series), len(steps)), np.nan)
    for i, by_step in enumerate(series.values()):
        for k, step in enumerate(steps):
            finite = [v for v in by_step.get(step, ()) if math.isfinite(v)]
            if finite:
                table[i, k] = sum(finite) / len(finite)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # steps where no seed has a finite value
        mean, low, high = np.nanmean(table, 0), np.nanmin(table, 0), np.nanmax(table, 0)
    return mean, low, high, np.isfinite(table).sum(0)


def series_of(material: Material) -> dict[str, tuple[dict[str, str], dict[int, Series]]]:
    """{name: ({"kind", "better", "protocol"}, {setting: its seeds' values})}, evaluations first."""
    return {**_evaluated(material), **_trained(material)}


def _curve(series: Series, points: int, shared: dict[tuple[int, ...], int]) -> tuple[dict[str, Any], int, int]:
    lost = sum(not math.isfinite(v) for by_step in series.values() for values in by_step.values() for v in values)
    every = sorted({step for by_step in series.values() for step in by_step})
    steps = thinned(every, points)
    mean, low, high, n = band(series, steps)
    position = shared.setdefault(tuple(steps), len(shared))
    line: dict[str, Any] = {"steps": position, "mean": _plain(mean), "low": None, "high": None}
    if int(n.max(initial=0)) > 1:
        line |= {"low": _plain(low), "high": _plain(high)}
    line["n"] = int(n[0]) if len({*n.tolist()}) == 1 else n.tolist()
    line["seeds"] = len(series)
    return line, lost, len(every)


def _plain(values: np.ndarray) -> list[float | int | None]:
    return [_rounded(float(v)) for v in values]


def _rounded(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short


def _evaluated(material: Material) -> dict[str, tuple[dict[str, str], dict[int, Series]]]:
    ways = measured(material)
    title = titles(ways)
    made: dict[str, tuple[dict[str, str], dict[int, Series]]] = {}
    for one in ways:
        for way in one.ways:
            made[way.title] = ({"kind": "evaluation", "better": one.better, "protocol": way.sha256}, {})
    for setting in material.settings:
        for seed, run in setting.runs.items():
            for record in material.evaluations[run]:
                series = made[title[record["protocol"]]][1].setdefault(setting.number, {})
                series.setdefault(seed, {}).setdefault(int(record["step"]), []).append(float(record["value"]))
    return made


def _trained(material: Material) -> dict[str, tuple[dict[str, str], dict[int, Series]]]:
    names = _names(material.training.values())
    made: dict[str, tuple[dict[str, str], dict[int, Series]]] = {
        name: ({"kind": "training", "better": "", "protocol": ""}, {}) for name in names
    }
    for setting in material.settings:
        for seed, run in setting.runs.items():
            for record in material.training[run]:
                step = int(record["step"])
                for name, value in record.items():
                    if name in made:
                        series = made[name][1].setdefault(setting.number, {})
                        series.setdefault(seed, {})[step] = [float(value)]
    return made


def _names(runs: Iterable[Sequence[Mapping[str, Any]]]) -> list[str]:
    """Training metrics, losses first, speed last."""
    found = {name for records in runs for record in records for name in record if name not in NOT_METRICS}
    return sorted(found, key=lambda name: (name == "images_per_second", not name.endswith("/loss"), name))
