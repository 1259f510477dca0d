"""Axes of the small plots in tables: positions as percentages, so that they fit any width."""

import math
import statistics
from collections.abc import Iterable
from typing import Any, NamedTuple

from matplotlib.ticker import LogLocator, MaxNLocator

from gan_jax.reporting.wording import MINUS, number

MARGIN = 4.0  # percent at both ends
RATIO = 30.0  # of the largest to the smallest value, above which the axis is logarithmic
REACH = 5.0  # times the median distance from the best, beyond which a value does not stretch the axis
FEW = 4  # values are always all on the axis
TICKS = 4  # about


def finite(values: Iterable[Any]) -> list[float]:
    """Those values of a summary that are finite numbers."""
    return [float(v) for v in values if v is not None and math.isfinite(float(v))]


def axis(
    values: Iterable[Any], within: tuple[float, float] = (-math.inf, math.inf), *, zero: bool = False
) -> "Axis | None":
    """An axis for the finite ones of a summary's values; None without one.

    ``within`` is where it ends at the latest; what is beyond becomes a mark at its end. With ``zero`` on it, an axis is
    linear.
    """
    known = finite(values)
    if not known:
        return None
    if zero:
        known.append(0.0)
    low, high = max(min(known), within[0]), min(max(known), within[1])
    if not zero and low > 0 and high / low > RATIO:
        few = math.ceil(math.log10(high)) - math.floor(math.log10(low)) < TICKS
        found = LogLocator(subs=(1, 3) if few else (1,), numticks=TICKS + 2).tick_values(low, high)
        marks = [(v, number(v, 1)) for v in map(float, found) if low * 0.999 <= v <= high * 1.001]
        return Axis(low, high, True, marks)
    if low == high:
        low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
    found = MaxNLocator(TICKS, steps=[1, 2, 5, 10]).tick_values(low, high)
    slack = (high - low) * 1e-9
    step = float(found[1] - found[0])
    return Axis(low, high, False, [(v, _mark(v, step)) for v in map(float, found) if low - slack <= v <= high + slack])


def reach(distances: Iterable[float]) -> float:
    """How far from the best value an axis goes, so that a few that are far worse do not press the others together.

    Infinite where none is far beyond the others. ``distances`` from the best value are at least 0.
    """
    known = finite(distances)
    limit = REACH * statistics.median_high(known) if len(known) > FEW else 0.0
    return limit if 0 < limit < max(known) else math.inf


def _mark(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{value:,.{digits}f}" if digits < 6 else f"{value:.3g}"
    return text.replace("-", MINUS)


class Axis(NamedTuple):
    """A horizontal axis from ``low`` to ``high``, with (value, text) of its ticks."""

    low: float
    high: float
    logarithmic: bool
    marks: list[tuple[float, str]]

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(place, text), ..."""
        return [(self.place(value), text) for value, text in self.marks]

    def place(self, value: float) -> float:
        """Percent of the width, from the left."""
        low, high, value = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return round(MARGIN + (100 - 2 * MARGIN) * (value - low) / (high - low), 2)

    def interval(self, low: Any, high: Any) -> tuple[float, float] | None:
        """Places of both ends, at most those of the axis; None if one is not finite or all of it is beyond."""
        if len(finite([low, high])) < 2 or low > self.high or high < self.low:
            return None
        return self.place(max(low, self.low)), self.place(min(high, self.high))

    def point(self, value: Any) -> float | None:
        """Place of a value; None if it is not on the axis."""
        return self.place(value) if finite([value]) and self.low <= value <= self.high else None

    def beyond(self, values: Iterable[Any]) -> tuple[bool, bool]:
        """Whether some values are beyond the left end, and beyond the right end."""
        known = [float(v) for v in values if v is not None]
        return any(v < self.low for v in known), any(v > self.high for v in known)

    def said(self, values: Iterable[Any]) -> str:
        """A sentence about values that are beyond the axis, or ""."""
        left, right = self.beyond(values)
        ends = [number(end, 3) for end, there in ((self.low, left), (self.high, right)) if there]
        if not ends:
            return ""
        return f"Arrows: beyond the axis, which ends at {' and '.join(ends)} so that the others can be told apart."
