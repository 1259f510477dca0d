"""One value for each run out of the table of a sweep, never of two protocols."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from gan_jax.errors import ConfigError
from gan_jax.sweeps.estimates import check_better
from gan_jax.sweeps.plain import plain, same

# What a run can be beside "finished".
UNFINISHED = ("non_finite", "stopped", "eliminated", "failed", "paused", "interrupted", "running", "missing")


def run_values(frame: pandas.DataFrame, metric: str, protocol: str | None = None) -> pandas.DataFrame:
    """A row for each run, in order of appearance, with its value of a metric.

    Args:
      frame: of ``gan_jax.sweeps.load``.
      metric: column, such as "frechet_lenet" or "train:generator/loss". Only rows of the last evaluated step count. A
        run measured several times by one protocol, with several seeds of the evaluation, has their mean.
      protocol: hash of the protocol that counts; None: the one that most runs have a value of, of equals the first.

    Returns:
      The columns of ``frame`` in the run's first row, and "value" (NaN: none), "value_step" (NaN: none), "early" (the
      value is of a step before the run's planned end), "left_out" (there are values, but of other protocols).
      ``attrs["protocol"]`` is the protocol that was chosen, "" where there is none.

    Raises:
      ConfigError: there is no such metric or protocol.
    """
    runs = frame.drop_duplicates("run").reset_index(drop=True)
    if metric not in frame.columns:
        from gan_jax.metrics.table import better_of  # it loads JAX

        if better_of(metric) is None:
            given = [c for c in frame.columns if f"{c}:protocol" in frame.columns or c.startswith("train:")]
            raise ConfigError(no_such("metric", metric, given))
        frame = frame.assign(**{metric: float("nan")})  # no run lived to be measured
    measured = frame[frame["last"].astype(bool) & frame[metric].notna()]
    stamps = measured.get(f"{metric}:protocol", pandas.Series("", index=measured.index))
    counts = measured.groupby(stamps, sort=False)["run"].nunique()
    if protocol is None:
        protocol = str(counts.idxmax()) if len(counts) else ""
    elif protocol not in counts.index:
        raise ConfigError(no_such("protocol", protocol, list(counts.index)))
    chosen = measured[stamps == protocol].groupby("run")
    value, step = chosen[metric].mean(), chosen["step"].max()
    runs["value"] = runs["run"].map(value).astype(float)
    runs["value_step"] = runs["run"].map(step).astype(float)
    runs["early"] = runs["value_step"] < runs["steps"].astype(float)
    runs["left_out"] = runs["value"].isna() & runs["run"].isin(measured["run"])
    runs.attrs = {**frame.attrs, "protocol": protocol}
    return runs


def settings_of(runs: pandas.DataFrame, by: Sequence[str]) -> list[tuple[dict[str, Any], pandas.DataFrame]]:
    """({field: value}, its runs) for every setting, in order of appearance.

    Args:
      by: fields whose values make a setting; none: all runs are one.
    """
    positions: dict[Any, list[int]] = {}
    for i in range(len(runs)):
        positions.setdefault(tuple(same(runs[field].iat[i]) for field in by), []).append(i)
    return [({f: plain(f, runs[f].iat[at[0]]) for f in by}, runs.iloc[at]) for at in positions.values()]


def matching(runs: pandas.DataFrame, setting: Mapping[str, Any]) -> pandas.DataFrame:
    """The runs of a setting.

    Args:
      setting: {field: value}, at least one.

    Raises:
      ConfigError: there is no such field, or no run with such a value.
    """
    if not setting:
        raise ConfigError("the setting {} has no field; allowed: at least one, such as {'loss.name': 'hinge'}")
    check_fields(runs, list(setting))
    for field, value in setting.items():
        wanted = same(plain(field, value))
        found = runs[[same(v) == wanted for v in runs[field]]]
        if found.empty:
            there = list(dict.fromkeys(repr(v) for v in runs[field]))
            raise ConfigError(f"no run has {field}={value!r}; allowed: {', '.join(there) or 'none is there'}")
        runs = found
    return runs


def fields_of(frame: pandas.DataFrame, given: Sequence[str] | None, name: str) -> list[str]:
    """The configuration columns that are meant.

    Args:
      given: columns; None: those that vary in the sweep.
      name: of the argument, for the message.

    Raises:
      ConfigError: there is no such column, or it is not known which vary.
    """
    if given is None:
        if "fields" not in frame.attrs:
            raise ConfigError(f"{name}=None, and the frame does not say which fields vary; allowed: a list of them")
        return list(frame.attrs["fields"])
    if isinstance(given, str):
        raise ConfigError(f"{name}={given!r} is no list; allowed: [{given!r}]")
    check_fields(frame, given)
    return list(given)


def check_fields(frame: pandas.DataFrame, fields: Sequence[str]) -> None:
    """Refuse what is not a column of the frame."""
    for field in fields:
        if field not in frame.columns:
            raise ConfigError(no_such("field", field, list(frame.columns)))


def direction(metric: str, better: str | None = None) -> str:
    """Which way is better: as given, else as the metric's table says; "" for neither.

    Raises:
      ConfigError: ``better`` is neither "lower" nor "higher".
    """
    if better is not None:
        check_better(better)
        return better
    from gan_jax.metrics.table import better_of  # it loads JAX

    return better_of(metric) or ""


def no_such(what: str, name: Any, there: Sequence[str]) -> str:
    """For a name that the frame lacks: the nearest one, and what there is."""
    from gan_jax.registry import nearest  # it loads the networks

    near = nearest(str(name), there)
    return f"there is no {what} {name!r}{near}; allowed: {', '.join(there) or 'none, since nothing was measured'}"
