"""The errors that a user can cause or must act on. Each message is one line that says what to do."""

import difflib
from collections.abc import Iterable


def nearest(name: str, allowed: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` with the closest allowed name, or the empty string."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


class GanJaxError(Exception):
    """Base of every error that the command line prints as one line."""

    exit_status = 1


class ConfigError(GanJaxError):
    """A field, name or value of a configuration or a flag is wrong."""

    exit_status = 2


class DataError(GanJaxError):
    """Data is missing, broken, or not of the form that was asked for."""


class DataConfigError(ConfigError, DataError):
    """A name or option of a data source is wrong; nothing is the matter with the data."""


class WorkdirError(GanJaxError):
    """A work directory is locked, unreadable, full, or holds no usable run."""


class NonFiniteError(GanJaxError):
    """A player's loss or gradient became NaN or infinite."""

    exit_status = 3


class MetricError(GanJaxError):
    """A metric has no value for what it was given: a wrong shape, too few examples, or values that are not finite."""
