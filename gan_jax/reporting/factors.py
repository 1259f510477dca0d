"""Which of the varied fields matter: means at each value of a field, and shares of the variance."""

import math
from typing import Any, NamedTuple

from gan_jax.reporting.axes import Axis, axis
from gan_jax.reporting.material import Material
from gan_jax.reporting.wording import counted, shown
from gan_jax.sweeps.aggregate import sensitivity

LEVELS = 16  # of a factor, at most


def factors(material: Material, metric: str, protocol: str) -> "Factors | None":
    """The sensitivity of a metric; None where nothing varies or nothing was measured.

    Args:
      material: the sweep.
      metric: column of the table.
      protocol: that counts, or "".
    """
    fields = material.sweep["fields"]
    if not fields or not metric or metric not in material.frame.columns:
        return None
    found = sensitivity(material.final_of(metric), metric, protocol=protocol or None)
    if found.levels.empty:
        return None
    places = axis([*found.levels["mean"], *found.levels["low"], *found.levels["high"]])
    made = []
    for field in fields:
        rows = found.levels[found.levels["factor"] == field].to_dict("records")
        if all(isinstance(row["level"], int | float) for row in rows):
            rows.sort(key=lambda row: row["level"])
        kept = _spread_out(rows)
        note = f"{len(kept)} of {counted(len(rows), 'value')} are shown." if len(kept) < len(rows) else ""
        levels = tuple(
            Level(shown(row["level"]), int(row["n"]), row["mean"], row["low"], row["high"]) for row in kept
        )  # fmt: skip
        made.append(Factor(field, material.short[field], _share(found.shares, field), levels, note))
    made.sort(key=lambda factor: -factor.share if factor.share is not None else 0.0)
    rest = {name: _share(found.shares, name) for name in ("interactions", "seeds")}
    return Factors(metric, places, tuple(made), rest["interactions"], rest["seeds"], found.balanced)


def _spread_out(rows: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    if len(rows) <= LEVELS:
        return rows
    return [rows[round(i * (len(rows) - 1) / (LEVELS - 1))] for i in range(LEVELS)]


def _share(shares: Any, name: str) -> float | None:
    value = float(shares[name])
    return None if math.isnan(value) else value


class Level(NamedTuple):
    """A value of a field, and the mean of the runs that have it."""

    text: str
    n: int
    mean: float
    low: float
    high: float


class Factor(NamedTuple):
    """A field that varies.

    Attributes:
      field: its path.
      short: its short name.
      share: of the variance that its main effect explains; None where that has no meaning.
      levels: its values.
      note: what was left out, or "".
    """

    field: str
    short: str
    share: float | None
    levels: tuple[Level, ...]
    note: str


class Factors(NamedTuple):
    """All fields that vary, the one that explains most first.

    Attributes:
      metric: which is explained.
      axis: for means and intervals; None without a finite value.
      factors: the fields.
      interactions: share of the variance that only combinations explain.
      seeds: share between runs of one setting.
      balanced: whether all combinations have equally many values.
    """

    metric: str
    axis: Axis | None
    factors: tuple[Factor, ...]
    interactions: float | None
    seeds: float | None
    balanced: bool
