"""The answer first: what the ranking says, in sentences and as a table of text, and the axes of its plots."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_jax.evaluation.table import aligned
from gan_jax.reporting.axes import Axis, axis, finite, reach
from gan_jax.reporting.commands import as_flag
from gan_jax.reporting.material import CONFIDENCE
from gan_jax.reporting.summary import SPENT
from gan_jax.reporting.wording import counted, interval, number
from gan_jax.sweeps.table import UNFINISHED

Row = Mapping[str, Any]


def drawn(rows: Iterable[Row]) -> list[Any]:
    """All numbers in the plot of a ranking: means, intervals, runs."""
    return [v for row in rows for v in (row["mean"], row["low"], row["high"], *row["values"].values())]


def axis_of(rows: Sequence[Row], better: str) -> Axis | None:
    """For means, intervals and runs; values far from the best are beyond it."""
    means = finite(row["mean"] for row in rows)
    within = (-math.inf, math.inf)
    if means and better == "lower":
        within = (-math.inf, min(means) + reach(mean - min(means) for mean in means))
    elif means and better:
        within = (max(means) - reach(max(means) - mean for mean in means), math.inf)
    return axis(drawn(rows), within)


def difference_axis(compared: Sequence[Row]) -> Axis | None:
    """For the differences and their intervals, with zero on it."""
    limit = reach(abs(mean) for mean in finite(one["mean"] for one in compared))
    return axis([one[name] for one in compared for name in ("mean", "low", "high")], (-limit, limit), zero=True)


def verdict(ranking: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """What the ranking says, with what it does not say."""
    if ranking["best"] is None:
        return []
    rows = ranking["tables"][0]["rows"]
    best = next(row for row in rows if row["setting"] == ranking["best"])
    which = {"lower": "lowest", "higher": "highest"}[ranking["better"]]
    text = f"the {which} mean {ranking['metric']}: {number(best['mean'])}"
    if best["low"] is not None:
        text += f", {CONFIDENCE:.0%} interval {interval(best['low'], best['high'])}"
    said = [f"{text}, over {counted(best['n'], 'seed')}."]
    if best["rank"] is None:
        said.append("Fewer than 3 seeds: not enough to say that it is better than another.")
    elif best["ties"]:
        others = [labels[row["setting"]] for row in rows if row is not best and row["rank"] == best["rank"]]
        named = f" ({others[0]})" if len(others) == 1 and len(others[0]) <= 80 else ""
        tied = counted(best["ties"], "other setting")
        said.append(f"{tied}{named} cannot be told from it: rank {best['rank']} is shared.")
    elif len(rows) > 1:
        said.append("Its interval overlaps with no other's.")
    without = sum(not row["values"] for row in rows)
    if without:
        said.append(f"{counted(without, 'setting')} without a value of this protocol cannot be ranked.")
    lost = best["runs"] - best["n"]
    if lost:
        said.append(f"{lost} of its {counted(best['runs'], 'run')} have no value and do not count in the mean.")
    return said


def troubles(row: Row) -> list[str]:
    """What a reader must know of a setting's runs, such as "1 non finite"."""
    told = [f"{row[name]} {name.replace('_', ' ')}" for name in UNFINISHED if row[name]]
    if row["early"]:
        told.append(f"{row['early']} measured early")
    if row["left_out"]:
        told.append(f"{row['left_out']} of another protocol")
    return told


def totals(groups: Sequence[Row]) -> dict[str, Any]:
    """What all groups of a sweep took together."""
    return {name: sum(one[name] or 0 for one in groups) for name in SPENT}


def table(summary: Mapping[str, Any]) -> str:
    """The settings for a terminal, the best mean first, and how many programs were compiled."""
    fields, ranking, groups = summary["sweep"]["fields"], summary["ranking"], summary["costs"]["groups"]
    total = totals(groups)
    also = f", and {total['compared']} to compare with" if total["compared"] else ""
    lines = [f"{total['programs']} training programs compiled{also}, in {total['compile_seconds']:.0f} s"]
    ranked = ranking["tables"][0]["rows"] if summary["sweep"]["metric"] else []
    if any(row["values"] for row in ranked):
        sign = 1 if ranking["better"] == "lower" else -1
        known = [(math.nan if row["mean"] is None else float(row["mean"]), row) for row in ranked]
        cells = [["rank", *fields, ranking["metric"], "95% interval", "n", "of"]]
        for mean, row in sorted(known, key=lambda one: (math.isnan(one[0]), sign * one[0])):
            ends = "fewer than 3 seeds: not enough"
            if row["enough"]:
                ends = " to ".join(f"{float(row[end]):.4g}" for end in ("low", "high"))
            point = ["-" if v is None else as_flag(v) for v in summary["settings"][row["setting"]]["point"].values()]
            cells.append([str(row["rank"] or "-"), *point, f"{mean:.4g}", ends, str(row["n"]), str(row["runs"])])
        lines.insert(0, aligned(cells))
    return "\n".join(lines)
