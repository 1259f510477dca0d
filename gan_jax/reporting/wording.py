"""Numbers, values of fields and names of fields, as a reader wants to see them."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

NOTHING, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def number(value: Any, digits: int = 4) -> str:
    """A number of the summary with some significant digits: "656.2", "0.8781", "1.2e-05", "∞"; a dash for null."""
    if value is None:
        return NOTHING
    value = float(value)
    sign, size = MINUS if value < 0 else "", abs(value)
    if math.isinf(size):
        return f"{sign}∞"
    if size == 0:
        return "0"
    if not 1e-4 <= size < 1e7:
        return f"{sign}{size:.{digits - 1}g}"
    return f"{sign}{size:,.{max(0, digits - 1 - math.floor(math.log10(size)))}f}"


def interval(low: Any, high: Any) -> str:
    """``[103.2, 119.8]``, or a dash where there is none."""
    return NOTHING if low is None or high is None else f"[{number(low)}, {number(high)}]"


def with_spread(mean: Any, std: Any) -> str:
    """``147.2 ± 8.1``: the spread with two digits, the mean to the same place."""
    if mean is None or std is None:
        return number(mean)
    mean, std = float(mean), float(std)
    places = max(0, 1 - math.floor(math.log10(std))) if 0 < std < math.inf else 7
    if not math.isfinite(mean) or places > 6:
        return f"{number(mean)} ± {number(std, 2)}"
    return f"{mean:,.{places}f} ± {std:.{places}f}".replace("-", MINUS)


def key(value: Any) -> str:
    """What a table sorts by: every digit, or "" for what has no place."""
    return "" if value is None else repr(float(value))


def duration(seconds: float | None) -> str:
    """``4.1 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 seed``, ``2 seeds``, ``1,200 runs``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def shown(value: Any) -> str:
    """A field's value: strings as they are, other values as JSON has them; a dash where a game lacks the field."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return f"{value:.1f}"
    if isinstance(value, bool | int | float):
        return str(value)
    return json.dumps(value, sort_keys=True)


def short_names(fields: Sequence[str]) -> dict[str, str]:
    """{field: the shortest ending that tells it from the others}; a last ``.name`` is left out first.

    ``loss.name`` becomes ``loss``, ``optimizer.generator.learning_rate`` becomes ``learning_rate`` unless that of the
    discriminator varies as well.
    """
    trimmed = {field: field.removesuffix(".name") or field for field in fields}
    short = {}
    for field, path in trimmed.items():
        parts = path.split(".")
        others = [f".{other}" for key, other in trimmed.items() if key != field]
        fewest = 2 if parts[-1] in ("weight", "options") else 1  # alone they would say nothing
        endings = (".".join(parts[-count:]) for count in range(min(fewest, len(parts)), len(parts) + 1))
        alone = (ending for ending in endings if not any(other.endswith(f".{ending}") for other in others))
        short[field] = next(alone, field)
    return short


def words_of(point: Mapping[str, Any], short: Mapping[str, str]) -> tuple[str, ...]:
    """A setting in a few words: ``hinge``, or ``loss=hinge``, ``learning_rate=0.0002`` where several fields vary."""
    if not point:
        return ("the base configuration",)
    if len(point) == 1:
        field, value = next(iter(point.items()))
        return (shown(value) if isinstance(value, str) and value else f"{short[field]}={shown(value)}",)
    return tuple(f"{short[field]}={shown(value)}" for field, value in point.items() if value is not None)


class Setting(NamedTuple):
    """A point of the grid."""

    number: int  # in the summary
    words: tuple[str, ...]  # of its name
    label: str
    runs: dict[int, str]  # {seed: run}


def settings_of(summary: Mapping[str, Any]) -> list[Setting]:
    """The settings of a summary, by their numbers."""
    short, made = short_names(summary["sweep"]["fields"]), []
    for number, one in enumerate(summary["settings"]):
        words = words_of(one["point"], short)
        runs = {summary["runs"][name]["seed"]: name for name in one["runs"]}
        made.append(Setting(number, words, ", ".join(words), runs))
    return made
