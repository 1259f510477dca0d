"""Spaces: finite ordered sets of points, each a mapping {field: value}, and how larger ones are made of smaller ones.

For all spaces a, b, c: ``product(a, product(b, c))`` equals ``product(product(a, b), c)``, ``product(a, grid({}))``
equals a, ``len(product(a, b))`` is ``len(a) * len(b)``, and ``union(a, a)`` equals a.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import ConfigError, nearest
from gan_jax.scalars import listed, plain, python_value, same
from gan_jax.stored import original

Point = Mapping[str, Any]


@dataclass(frozen=True)
class Space:
    """A finite ordered set of points, which may have different fields.

    Raises:
      ConfigError: there is no point, a field is not a string or is "seed", or a value is NaN or of another type.
    """

    points: tuple[Point, ...]  # such as {"loss.name": "hinge", "batch_size": 64}; values become plain Python

    def __post_init__(self) -> None:
        for field in self.fields:
            if field == "seed":
                raise ConfigError("seed is no field of a space; allowed: Sweep(space, seeds=3) or seeds=(0, 1, 2)")
            if not isinstance(field, str) or not field:
                raise ConfigError(f"the field {field!r} of a space is no name; allowed: a string such as 'loss.name'")
        points = tuple({field: plain(field, value) for field, value in point.items()} for point in self.points)
        if not points:
            raise ConfigError("a space has no point; allowed: at least one")
        object.__setattr__(self, "points", points)

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that some point sets, in order of first appearance."""
        return tuple(dict.fromkeys(field for point in self.points for field in point))

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)


class Draw(NamedTuple):
    """A distribution of a field's values: of 64 random bits, as a whole number in [0, 2^64), a value."""

    of: Callable[[int], Any]


def grid(values: Mapping[str, Any]) -> Space:
    """Every combination; the last field varies fastest.

    Args:
      values: {field: list of values}; {} gives one point that sets nothing.

    Raises:
      ConfigError: a list is empty or has a value twice, or as ``Space``.
    """
    lists = _lists("grid", values)
    return Space(tuple(dict(zip(lists, row)) for row in itertools.product(*lists.values())))


def zipped(values: Mapping[str, Any]) -> Space:
    """The first values of all lists, the second values, and so on.

    Args:
      values: {field: list of values}, lists of one length. Here a value may occur again.

    Raises:
      ConfigError: there is no list, lengths differ, two points are equal, or as ``Space``.
    """
    lists = _lists("zipped", values, repeats=True)
    if not lists:
        raise ConfigError("zipped={} has no field; allowed: at least one, such as {'loss.name': ['hinge']}")
    if len({len(v) for v in lists.values()}) > 1:
        lengths = ", ".join(f"{field} has {len(v)}" for field, v in lists.items())
        raise ConfigError(f"zipped: {lengths} values; allowed: lists of one length")
    points: dict[Hashable, Point] = {}
    for row in zip(*lists.values()):
        point = dict(zip(lists, row))
        if same(point) in points:
            raise ConfigError(f"zipped: {in_words(point)} occurs twice; allowed: each point once")
        points[same(point)] = point
    return Space(tuple(points.values()))


def product(*spaces: Space) -> Space:
    """Every point of the first with every point of the others; the last space varies fastest.

    Raises:
      ConfigError: a field is in two of the spaces.
    """
    _spaces("product", spaces)
    for (i, a), (j, b) in itertools.combinations(enumerate(spaces, 1), 2):
        if common := [field for field in a.fields if field in b.fields]:
            raise ConfigError(f"product: {common[0]} is in factors {i} and {j}; allowed: a field in one factor only")
    return Space(tuple({f: v for point in row for f, v in point.items()} for row in itertools.product(*spaces)))


def union(*spaces: Space) -> Space:
    """The points of all spaces in order, equal points once.

    Raises:
      ConfigError: there is no space.
    """
    _spaces("union", spaces)
    points: dict[Hashable, Point] = {}
    for point in itertools.chain(*spaces):
        points.setdefault(same(point), point)
    return Space(tuple(points.values()))


def when(space: Space, match: Mapping[str, Any], then: Space) -> Space:
    """Points that match are multiplied by another space, in their place; the others stay.

    Args:
      space: what may match.
      match: {field: value, or a list of alternatives}, such as {"loss.name": "wasserstein"}; a point matches if it has
        one of the values in every field. A value that no point has is taken for a mistake.
      then: what the points that match are multiplied by.

    Raises:
      ConfigError: no point has such a field or value, none matches, or one that does sets a field of ``then``.
    """
    _spaces("when", (space, then))
    wanted = {field: _alternatives(space, field, value) for field, value in _mapping("when", match).items()}
    matching = [all(f in point and same(point[f]) in wanted[f] for f in wanted) for point in space]
    if not any(matching):
        raise ConfigError(f"when: no point has {in_words(match)} at once; allowed: values that one point has")
    points: list[Point] = []
    for point, matches in zip(space, matching):
        if matches and (common := [field for field in then.fields if field in point]):
            raise ConfigError(f"when: the point {in_words(point)} has {common[0]} already; allowed: fields it lacks")
        points.extend([{**point, **further} for further in then] if matches else [point])
    return Space(tuple(points))


def only(space: Space, predicate: Callable[[Point], bool]) -> Space:
    """The points for which a predicate holds.

    Raises:
      ConfigError: it holds for none.
    """
    _spaces("only", (space,))
    points = tuple(point for point in space if predicate(point))
    if not points:
        raise ConfigError(f"only: the predicate holds for none of {len(space)} points; allowed: at least one is left")
    return Space(points)


def random(n: int, values: Mapping[str, Draw], seed: int = 0) -> Space:
    """Points drawn at random, every field on its own.

    A value is a pure function of the seed, its field's name and the point's index: with a larger n or a further field,
    the points so far stay as they are.

    Args:
      n: number of points, at least 1.
      values: {field: ``uniform(...)``, ``log_uniform(...)``, ``integers(...)`` or ``choice([...])``}.
      seed: in [0, 2^32).

    Raises:
      ConfigError: n or the seed is out of range, there is no field, or a field has no distribution.
    """
    n, seed = python_value(n), python_value(seed)
    if type(n) is not int or not 1 <= n < 2**32:
        raise ConfigError(f"random: n={n!r} is not possible; allowed: a whole number of at least 1")
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ConfigError(f"random: seed={seed!r} is not possible; allowed: a whole number in [0, 2^32)")
    if not _mapping("random", values):
        raise ConfigError("random: values={} has no field; allowed: at least one")
    allowed = "uniform(low, high), log_uniform(low, high), integers(low, high), choice([...])"
    for field, draw in values.items():
        if not isinstance(draw, Draw):
            raise ConfigError(f"random: {field}={draw!r} is no distribution; allowed: {allowed}")
    return Space(tuple({f: _drawn(draw, seed, f, i) for f, draw in values.items()} for i in range(n)))


def uniform(low: float, high: float) -> Draw:
    """Uniform in [low, high].

    Raises:
      ConfigError: not two finite numbers, low is not below high, or their difference is infinite.
    """
    low, high = _bounds("uniform", low, high)
    return Draw(lambda bits: min(max(low + _fraction(bits) * (high - low), low), high))


def log_uniform(low: float, high: float) -> Draw:
    """Uniform in the logarithm, in [low, high]: as often in [1e-5, 1e-4] as in [1e-3, 1e-2].

    Raises:
      ConfigError: not two finite numbers above 0, or low is not below high.
    """
    low, high = _bounds("log_uniform", low, high)
    if low <= 0:
        raise ConfigError(f"log_uniform({low}, {high}) has no logarithm at {low}; allowed: low above 0")
    start, width = math.log(low), math.log(high) - math.log(low)
    return Draw(lambda bits: min(max(math.exp(start + _fraction(bits) * width), low), high))


def integers(low: int, high: int) -> Draw:
    """A whole number from low to high, both included, each as likely as the others.

    Raises:
      ConfigError: not two whole numbers, low is not below high, or there are 2^64 of them or more.
    """
    low, high = plain("integers: low", low), plain("integers: high", high)
    if type(low) is not int or type(high) is not int or not low < high < low + 2**64:
        raise ConfigError(
            f"integers({low!r}, {high!r}) is not possible; allowed: two whole numbers, low below high, both are drawn"
        )
    return Draw(lambda bits: low + (bits * (high - low + 1) >> 64))


def choice(values: Any) -> Draw:
    """One of a list of values, each as likely as the others.

    Raises:
      ConfigError: not a list, it is empty, or a value occurs twice.
    """
    options = listed("choice", values)
    return Draw(lambda bits: options[bits * len(options) >> 64])


def in_words(point: Point) -> str:
    """``loss.name='hinge', batch_size=64``."""
    return ", ".join(f"{field}={value!r}" for field, value in point.items()) or "no field"


def _mapping(function: str, values: Any) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{function}({values!r}) is not possible; allowed: a dict such as {{'loss.name': ...}}")
    return values


def _lists(function: str, values: Any, repeats: bool = False) -> dict[str, tuple[Any, ...]]:
    given = _mapping(function, values).items()
    return {field: listed(f"{function}: {field}", v, repeats=repeats) for field, v in given}


def _alternatives(space: Space, field: str, value: Any) -> set[Hashable]:
    """What a field may be to match; a tuple is one value where a point has it, else a list of them."""
    if field not in space.fields:
        near = nearest(field, space.fields) if isinstance(field, str) else ""
        raise ConfigError(
            f"when: no point has the field {field!r}{near}; allowed: {', '.join(space.fields) or 'none is set'}"
        )
    present = {same(point[field]): repr(point[field]) for point in space if field in point}
    value = plain(f"when: {field}", value)
    options = value if isinstance(value, tuple) and same(value) not in present else (value,)
    for option in options:
        if same(option) not in present:
            raise ConfigError(f"when: no point has {field}={option!r}; allowed: {', '.join(present.values())}")
    return {same(option) for option in options}


def _spaces(function: str, given: tuple[Any, ...]) -> None:
    for space in given:
        if not isinstance(space, Space):
            raise ConfigError(f"{function}: {space!r} is no space; allowed: grid({{...}}), random(n, {{...}}), ...")


def _drawn(draw: Draw, seed: int, field: str, index: int) -> Any:
    """The value of a field in a point: a function of these alone, whatever else is drawn."""
    # NumPy's SeedSequence gives the same in every version. The inverse distribution functions stand above by hand:
    # SciPy's differ in the last digit, and by one among many integers, so a sweep that exists would lose its points.
    words = np.frombuffer(hashlib.sha256(original(field).encode()).digest(), "<u4").tolist()
    return draw.of(int(np.random.SeedSequence([seed, *words, index]).generate_state(1, np.uint64)[0]))


def _fraction(bits: int) -> float:
    """In [0, 1), a multiple of 2^-53; what is made of it may leave its range by rounding."""
    return (bits >> 11) * 2.0**-53


def _bounds(name: str, low: Any, high: Any) -> tuple[float, float]:
    low, high = plain(f"{name}: low", low), plain(f"{name}: high", high)
    if not (type(low) in (int, float) and type(high) in (int, float) and low < high and math.isfinite(high - low)):
        raise ConfigError(f"{name}({low!r}, {high!r}) is not possible; allowed: two finite numbers, low below high")
    return float(low), float(high)
