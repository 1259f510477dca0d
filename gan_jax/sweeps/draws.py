"""Distributions of a field's values, and draws that depend on nothing but a seed, the field and an index."""

import hashlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import ConfigError
from gan_jax.stored import original
from gan_jax.sweeps.plain import listed, plain


class Draw(NamedTuple):
    """A distribution of a field's values.

    Attributes:
      of: 64 random bits, as a whole number in [0, 2^64) -> value.
      words: how it is written.
    """

    of: Callable[[int], Any]
    words: str


def uniform(low: float, high: float) -> Draw:
    """Uniform in [low, high].

    Raises:
      ConfigError: not two finite numbers, low is not below high, or their difference is infinite.
    """
    low, high = _bounds("uniform", low, high)
    return Draw(lambda bits: _within(low + _fraction(bits) * (high - low), low, high), f"uniform({low}, {high})")


def log_uniform(low: float, high: float) -> Draw:
    """Uniform in the logarithm, in [low, high]: as often in [1e-5, 1e-4] as in [1e-3, 1e-2].

    Raises:
      ConfigError: not two finite numbers above 0, or low is not below high.
    """
    low, high = _bounds("log_uniform", low, high)
    if low <= 0:
        raise ConfigError(f"log_uniform({low}, {high}) has no logarithm at {low}; allowed: low above 0")
    start, width = math.log(low), math.log(high) - math.log(low)
    return Draw(
        lambda bits: _within(math.exp(start + _fraction(bits) * width), low, high), f"log_uniform({low}, {high})"
    )


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
    return Draw(lambda bits: low + (bits * (high - low + 1) >> 64), f"integers({low}, {high})")


def choice(values: Any) -> Draw:
    """One of a list of values, each as likely as the others.

    Raises:
      ConfigError: not a list, it is empty, or a value occurs twice.
    """
    options = listed("choice", values)
    return Draw(lambda bits: options[bits * len(options) >> 64], f"choice({options!r})")


def drawn(distribution: Draw, *, seed: int, field: str, index: int) -> Any:
    """The value of a field in a point.

    A pure function of its arguments: it does not change when other fields or further points are drawn too.

    Args:
      seed: in [0, 2^32).
      index: of the point, in [0, 2^32).

    References:
      NumPy, SeedSequence, whose output is the same in every version: hashed by O'Neill's seed_seq_fe128.
    """
    words = np.frombuffer(hashlib.sha256(original(field).encode()).digest(), "<u4").tolist()
    return distribution.of(int(np.random.SeedSequence([seed, *words, index]).generate_state(1, np.uint64)[0]))


def _fraction(bits: int) -> float:
    """In [0, 1), a multiple of 2^-53."""
    return (bits >> 11) * 2.0**-53


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)  # rounding may leave the range


def _bounds(name: str, low: Any, high: Any) -> tuple[float, float]:
    low, high = plain(f"{name}: low", low), plain(f"{name}: high", high)
    if not (type(low) in (int, float) and type(high) in (int, float) and low < high and math.isfinite(high - low)):
        raise ConfigError(f"{name}({low!r}, {high!r}) is not possible; allowed: two finite numbers, low below high")
    return float(low), float(high)
