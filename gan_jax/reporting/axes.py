"""Axes of the small plots in tables: positions as percentages, so that they fit any width."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from gan_jax.reporting.wording import MINUS, number

MARGIN = 4.0  # percent at both ends
RATIO = 30.0  # of the largest to the smallest value, above which the axis is logarithmic
REACH = 5.0  # times the median distance from the best, beyond which a value does not stretch the axis
FEW = 4  # values are always all on the axis


def axis(
    values: Iterable[float], within: tuple[float, float] = (-math.inf, math.inf), *, zero: bool = False, ticks: int = 4
) -> "Axis | None":
    """An axis for finite values; None without one.

    Args:
      values: of what is to be drawn; those that are not finite have no place on it.
      within: where it ends at the latest; what is beyond becomes a mark at its end.
      zero: whether zero is to be on it; it is then linear.
      ticks: about how many.
    """
    finite = [v for v in map(float, values) if math.isfinite(v)]
    if not finite:
        return None
    if zero:
        finite.append(0.0)
    low, high = max(min(finite), within[0]), min(max(finite), within[1])
    if not zero and low > 0 and high / low > RATIO:
        return _logarithmic(low, high, ticks)
    if low == high:
        low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
    step = _nice((high - low) / ticks)
    first = math.ceil(low / step - 1e-9)
    marks = [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]
    made = Axis(low, high, False, ())
    return made._replace(ticks=tuple((made.place(v), _mark(v, step)) for v in marks))


def reach(distances: Iterable[float]) -> float:
    """How far from the best value an axis goes, so that a few that are far worse do not press the others together.

    Args:
      distances: from the best value, at least 0.

    Returns:
      Infinity where none is far beyond the others.
    """
    finite = sorted(d for d in map(float, distances) if math.isfinite(d))
    limit = REACH * finite[len(finite) // 2] if len(finite) > FEW else 0.0
    return limit if 0 < limit < finite[-1] else math.inf


def _logarithmic(low: float, high: float, ticks: int) -> "Axis":
    made = Axis(low, high, True, ())
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [m * 10.0**e for e in decades for m in ((1, 3) if len(decades) <= ticks else (1,))]
    inside = [v for v in marks if low * 0.999 <= v <= high * 1.001]
    thin = max(1, math.ceil(len(inside) / (ticks + 2)))
    return made._replace(ticks=tuple((made.place(v), number(v, 1)) for v in inside[::thin]))


def _nice(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= step * 0.999)


def _mark(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{value:,.{digits}f}" if digits < 6 else f"{value:.3g}"
    return text.replace("-", MINUS)


class Axis(NamedTuple):
    """A horizontal axis.

    Attributes:
      low: smallest value.
      high: largest value.
      logarithmic: whether equal ratios are equally long.
      ticks: (place, text), ...
    """

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        """Percent of the width, from the left."""
        low, high, value = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return round(MARGIN + (100 - 2 * MARGIN) * (value - low) / (high - low), 2)

    def interval(self, low: float, high: float) -> tuple[float, float] | None:
        """Places of both ends, at most those of the axis; None if one is not finite or all of it is beyond."""
        if not (math.isfinite(low) and math.isfinite(high)) or low > self.high or high < self.low:
            return None
        return self.place(max(low, self.low)), self.place(min(high, self.high))

    def point(self, value: float) -> float | None:
        """Place of a value; None if it is not on the axis."""
        return self.place(value) if self.low <= value <= self.high else None

    def beyond(self, values: Iterable[float]) -> tuple[bool, bool]:
        """Whether some values are beyond the left end, and beyond the right end."""
        known = [v for v in values if not math.isnan(v)]
        return any(v < self.low for v in known), any(v > self.high for v in known)

    def said(self, values: Iterable[float]) -> str:
        """A sentence about values that are beyond the axis, or ""."""
        left, right = self.beyond(values)
        ends = [number(end, 3) for end, there in ((self.low, left), (self.high, right)) if there]
        if not ends:
            return ""
        return f"Arrows: beyond the axis, which ends at {' and '.join(ends)} so that the others can be told apart."
