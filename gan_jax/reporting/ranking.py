"""Settings ranked, the best one compared with the others, and which of the varied fields matter."""

import math
from typing import Any

import pandas

from gan_jax.reporting.material import CONFIDENCE, Material
from gan_jax.sweeps.aggregate import compare, rank, sensitivity
from gan_jax.sweeps.table import run_values


def ranking(material: Material) -> dict[str, Any]:
    """Settings by the metric of the sweep, or by the first measured one where the sweep names none.

    The first table is by the protocol that most runs have, of all settings. Values of other protocols are not
    comparable with its values, so each of them has a table of its own, of the settings that it measured.
    """
    metric = material.sweep["metric"] or next(iter(material.metrics), "")
    everything = list(range(len(material.points)))
    if not metric:
        return {"metric": "", "better": "", "best": None, "order": everything, "tables": []}
    better = str(material.table(metric).attrs["better"])
    first = _ranked(material, metric, None)
    others = [_ranked(material, metric, p) for p in material.protocols_of(metric) if p != first["protocol"]]
    for other in others:
        other["rows"] = [row for row in other["rows"] if row["values"]]
    best = next((row["setting"] for row in first["rows"] if better and math.isfinite(row["mean"])), None)
    order = [row["setting"] for row in first["rows"]]
    return {"metric": metric, "better": better, "best": best, "order": order, "tables": [first, *others]}


def _ranked(material: Material, metric: str, protocol: str | None) -> dict[str, Any]:
    table = material.table(metric, protocol)
    better, protocol = str(table.attrs["better"]), str(table.attrs["protocol"])
    ranks = rank(table) if better else pandas.Series(math.nan, index=table.index)
    values = run_values(material.final_of(metric), metric, protocol or None).set_index("run")["value"]
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(table.drop(columns=material.sweep["fields"]).to_dict("records")):
        place = float(ranks.iloc[number])
        own = {seed: float(values[run]) for seed, run in material.runs[number].items() if not math.isnan(values[run])}
        rows.append({
            "setting": number, "rank": None if math.isnan(place) else int(place),
            "ties": max(0, int((ranks == place).sum()) - 1), **row, "values": own,
        })  # fmt: skip
    return {"protocol": protocol, "rows": sorted(rows, key=lambda row: _place(row, better))}


def _place(row: dict[str, Any], better: str) -> tuple[Any, ...]:
    worth = 0.0 if not better or math.isnan(row["mean"]) else -row["mean"] if better == "higher" else row["mean"]
    return (row["rank"] is None, row["rank"] or 0, math.isnan(row["mean"]), worth, row["setting"])


def comparisons(material: Material, ranked: dict[str, Any]) -> list[dict[str, Any]]:
    """The best setting against every other one, over the seeds that both have; [] without a best one."""
    best = ranked["best"]
    if best is None or not material.points[best]:
        return []
    final, made = material.final_of(ranked["metric"]), []
    protocol = ranked["tables"][0]["protocol"] or None
    for row in ranked["tables"][0]["rows"]:
        other = row["setting"]
        if other != best and row["values"]:
            runs = [*material.runs[best].values(), *material.runs[other].values()]
            few = final[final["run"].isin(runs)]  # of many runs, few are compared
            found = compare(few, ranked["metric"], material.points[best], material.points[other], protocol=protocol,
                            confidence=CONFIDENCE)  # fmt: skip
            told = ("pairs", "left_out", "mean", "low", "high", "effect", "p", "enough")
            made.append({"setting": other, **{name: getattr(found, name) for name in told}})
    return made


def values(material: Material) -> list[dict[str, Any]]:
    """Every value that was measured last, by protocol: mean and standard deviation of each setting."""
    made = []
    for metric in material.metrics:
        for protocol in material.protocols_of(metric):
            table = material.table(metric, protocol)
            settings = table[["n", "mean", "std"]].to_dict("records")
            made.append({"metric": metric, "better": table.attrs["better"], "protocol": protocol, "settings": settings})
    return made


def fields(material: Material, ranked: dict[str, Any]) -> dict[str, Any] | None:
    """How much each field matters, the one that explains most first; None where nothing varies or was measured."""
    metric = ranked["metric"]
    if not material.sweep["fields"] or metric not in material.frame.columns:
        return None
    protocol = ranked["tables"][0]["protocol"] or None
    found = sensitivity(material.final_of(metric), metric, protocol=protocol)
    if found.levels.empty:
        return None
    made = []
    for field in material.sweep["fields"]:
        levels = found.levels[found.levels["factor"] == field].drop(columns="factor").to_dict("records")
        if all(isinstance(one["level"], int | float) for one in levels):
            levels.sort(key=lambda one: one["level"])
        made.append({"field": field, "share": float(found.shares[field]), "levels": levels})
    made.sort(key=lambda one: 0.0 if math.isnan(one["share"]) else -one["share"])
    rest = {name: float(found.shares[name]) for name in ("interactions", "seeds")}
    return {"fields": made, **rest, "balanced": found.balanced}
