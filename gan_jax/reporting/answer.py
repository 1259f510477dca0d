"""The answer first: settings ranked, the best one compared with the others, and every value that was measured."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas

from gan_jax.reporting.axes import Axis, axis, reach
from gan_jax.reporting.material import Material, Setting
from gan_jax.reporting.wording import counted, interval, number, with_spread
from gan_jax.sweeps.aggregate import Comparison, compare, rank, summarize
from gan_jax.sweeps.table import UNFINISHED, run_values

CONFIDENCE = 0.95


def rankings(material: Material) -> "list[Ranking]":
    """Settings by the metric of the sweep, or by the first measured one where the sweep names none.

    The first is by the protocol that most runs have, of all settings. Values of other protocols are not comparable with
    its values, so each of them has a ranking of its own, of the settings that it measured.
    """
    metric = material.metric or next(iter(material.metrics), "")
    if not metric:
        order = tuple(setting.number for setting in material.settings)
        return [Ranking("", "", "", False, order, (), None, "nothing was measured")]
    first = _ranking(material, metric, None)
    others = [_ranking(material, metric, p) for p in protocols_of(material, metric) if p != first.protocol]
    return [first, *(other._replace(rows=tuple(r for r in other.rows if r.values)) for other in others)]


def protocols_of(material: Material, metric: str) -> list[str]:
    """Hashes of the protocols by which runs were measured last, in order of appearance."""
    stamps = f"{metric}:protocol"
    if stamps not in material.frame.columns:
        return []
    return list(dict.fromkeys(material.final[material.final[metric].notna()][stamps]))


def _ranking(material: Material, metric: str, protocol: str | None) -> "Ranking":
    table = summarize(material.final_of(metric), metric, protocol=protocol, confidence=CONFIDENCE)
    better = str(table.attrs["better"])
    ranks = rank(table) if better else pandas.Series(math.nan, index=table.index)
    values = run_values(material.final_of(metric), metric, table.attrs["protocol"] or None).set_index("run")["value"]
    rows = []
    for setting, (_, row), place in zip(material.settings, table.iterrows(), ranks, strict=True):
        own = {seed: float(values[run]) for seed, run in setting.runs.items() if not math.isnan(values[run])}
        ties = 0 if math.isnan(place) else int((ranks == place).sum()) - 1
        rows.append(Row(setting, row.to_dict(), None if math.isnan(place) else int(place), ties, own))
    rows.sort(key=lambda one: _place(one, better))
    empty = "" if any(one.values for one in rows) else "nothing was measured yet"
    order = tuple(one.setting.number for one in rows)
    found = Ranking(
        metric, better, str(table.attrs["protocol"]), bool(material.metric), order, tuple(rows), None, empty
    )  # fmt: skip
    return found._replace(axis=axis(drawn(found), _within([float(one.table["mean"]) for one in rows], better)))


def drawn(found: "Ranking") -> list[float]:
    """All numbers in the plot of the ranking: means, intervals, runs."""
    return [
        float(v)
        for row in found.rows
        for v in (row.table["mean"], row.table["low"], row.table["high"], *row.values.values())
    ]


def comparisons(material: Material, found: "Ranking") -> "list[tuple[Setting, Comparison]]":
    """The best setting against every other one, over the seeds that both have; [] without a best one."""
    best = found.best
    if best is None or not best.setting.point:
        return []
    final, made = material.final_of(found.metric), []
    for row in found.rows:
        if row is not best and row.values:
            runs = [*best.setting.runs.values(), *row.setting.runs.values()]
            frame = final[final["run"].isin(runs)]  # of many runs, few are compared
            protocol = found.protocol or None
            made.append((row.setting, compare(frame, found.metric, best.setting.point, row.setting.point,
                                              protocol=protocol, confidence=CONFIDENCE)))  # fmt: skip
    return made


def difference_axis(made: "list[tuple[Setting, Comparison]]") -> Axis | None:
    """For the differences and their intervals, with zero on it."""
    limit = reach(abs(one.mean) for _, one in made)
    return axis([v for _, one in made for v in (one.mean, one.low, one.high)], (-limit, limit), zero=True)


def every_value(material: Material, order: Sequence[int]) -> "tuple[list[Column], list[list[tuple[str, float]]]]":
    """All values by setting: columns, and (text, mean) in the order of the settings."""
    columns, tables = [], []
    for metric in material.metrics:
        for protocol in protocols_of(material, metric):
            table = summarize(material.final_of(metric), metric, protocol=protocol, confidence=CONFIDENCE)
            columns.append(Column(metric, str(table.attrs["better"]), protocol))
            tables.append(table)
    cells = [[_mean_and_spread(table.iloc[number]) for table in tables] for number in order]
    return columns, cells


def verdict(found: "Ranking") -> list[str]:
    """What the ranking says, in sentences, with what it does not say."""
    best = found.best
    if best is None:
        return []
    table, which = best.table, {"lower": "lowest", "higher": "highest"}[found.better]
    text = f"the {which} mean {found.metric}: {number(table['mean'])}"
    if not math.isnan(table["low"]):
        text += f", {CONFIDENCE:.0%} interval {interval(table['low'], table['high'])}"
    said = [f"{text}, over {counted(int(table['n']), 'seed')}."]
    if best.rank is None:
        said.append("Fewer than 3 seeds: not enough to say that it is better than another.")
    elif best.ties:
        others = [r.setting.label for r in found.rows if r is not best and r.rank == best.rank]
        named = f" ({others[0]})" if len(others) == 1 and len(others[0]) <= 80 else ""
        said.append(f"{counted(best.ties, 'other setting')}{named} cannot be told from it: rank {best.rank} is shared.")
    elif len(found.rows) > 1:
        said.append("Its interval overlaps with no other's.")
    without = sum(not row.values for row in found.rows)
    if without:
        said.append(f"{counted(without, 'setting')} without a value of this protocol cannot be ranked.")
    lost = int(table["runs"] - table["n"])
    if lost:
        said.append(f"{lost} of its {counted(int(table['runs']), 'run')} have no value and do not count in the mean.")
    return said


def troubles(row: "Row") -> list[str]:
    """What a reader must know of a setting's runs, such as "1 non finite"."""
    told = [f"{int(row.table[name])} {name.replace('_', ' ')}" for name in UNFINISHED if row.table[name]]
    if row.table["early"]:
        told.append(f"{int(row.table['early'])} measured early")
    if row.table["left_out"]:
        told.append(f"{int(row.table['left_out'])} of another protocol")
    return told


def _within(means: Sequence[float], better: str) -> tuple[float, float]:
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite or not better:
        return -math.inf, math.inf
    if better == "lower":
        return -math.inf, min(finite) + reach(mean - min(finite) for mean in finite)
    return max(finite) - reach(max(finite) - mean for mean in finite), math.inf


def _place(row: "Row", better: str) -> tuple[Any, ...]:
    mean = float(row.table["mean"])
    worth = (-mean if better == "higher" else mean) if better and not math.isnan(mean) else 0.0
    return (row.rank is None, row.rank or 0, math.isnan(mean), worth, row.setting.number)


def _mean_and_spread(row: pandas.Series) -> tuple[str, float]:
    mean, std = float(row["mean"]), float(row["std"])
    return with_spread(mean, std), mean


class Row(NamedTuple):
    """A setting in the ranking.

    Attributes:
      setting: which.
      table: its row of ``gan_jax.sweeps.summarize``.
      rank: from 1; None where it cannot be ranked.
      ties: other settings of the same rank.
      values: {seed: value}.
    """

    setting: Setting
    table: dict[str, Any]
    rank: int | None
    ties: int
    values: dict[int, float]


class Ranking(NamedTuple):
    """All settings, the best first.

    Attributes:
      metric: that ranks, or "".
      better: "lower", "higher" or "".
      protocol: hash of the protocol that counts.
      named: whether the sweep names the metric.
      order: numbers of the settings.
      rows: in that order; () without a metric.
      axis: for means, intervals and seeds; None without a finite value.
      empty: why there is nothing to rank, or "".
    """

    metric: str
    better: str
    protocol: str
    named: bool
    order: tuple[int, ...]
    rows: tuple[Row, ...]
    axis: Axis | None
    empty: str

    @property
    def best(self) -> Row | None:
        """The first setting with a finite mean; None where no way is better."""
        return next((r for r in self.rows if self.better and math.isfinite(r.table["mean"])), None)


class Column(NamedTuple):
    """A value that was measured.

    Attributes:
      metric: its name.
      better: "lower", "higher" or "".
      protocol: hash of its protocol.
    """

    metric: str
    better: str
    protocol: str
