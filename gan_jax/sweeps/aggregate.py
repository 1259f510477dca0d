"""What a sweep says: settings summarized and ranked over seeds, compared seed by seed, and which fields matter.

Every function takes the table of ``gan_jax.sweeps.load`` and one value a run (``table.run_values``). Runs without a
value are counted, never dropped in silence; values of two protocols are never put together.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas

from gan_jax.errors import ConfigError
from gan_jax.sweeps.estimates import ENOUGH, best_of, bootstrap_interval, center, check_better, deviation, paired
from gan_jax.sweeps.table import UNFINISHED, direction, fields_of, matching, run_values, settings_of


def summarize(
    frame: pandas.DataFrame,
    metric: str,
    by: Sequence[str] | None = None,
    *,
    better: str | None = None,
    protocol: str | None = None,
    confidence: float = 0.95,
    k: Sequence[int] = (1, 3, 5),
) -> pandas.DataFrame:
    """A row for each setting, in order of appearance.

    A run that ended early counts with its last value, which is of fewer steps; "early" says how many. Where some runs
    have no value, the mean is that of the survivors: look at n beside runs.

    Args:
      frame: of ``gan_jax.sweeps.load``.
      metric: column, such as "frechet_lenet" or "train:generator/loss".
      by: fields whose values make a setting; None: those that vary in the sweep.
      better: "lower" or "higher"; None: as the metric's table says.
      protocol: hash of the evaluation protocol that counts; None: the one that most runs have.
      confidence: of the bootstrap interval of the mean, in (0, 1); it is too narrow, see ``bootstrap_interval``.
      k: for each, the expected best of k runs (``best_of``).

    Returns:
      Columns: the fields of ``by``; "n" (runs with a value), "runs", "early" (of n: measured before the planned end),
      "left_out" (runs with values of other protocols only); how many runs are "non_finite", "stopped", "eliminated",
      "failed", "paused", "interrupted", "running", "missing"; "mean", "median", "std" (N - 1), "low", "high", "best"
      and "best_of_K" (NaN where neither way is better), "enough" (n >= 3). ``attrs`` has metric, by, better, protocol
      and confidence.

    Raises:
      ConfigError: there is no such metric, field or protocol, or a number is out of range.
    """
    fields, better = fields_of(frame, by, "by"), direction(frame, metric, better)
    runs = run_values(frame, metric, protocol)
    rows = []
    for setting, own in settings_of(runs, fields):
        values = own["value"].dropna().to_numpy()
        low, high = bootstrap_interval(values, confidence)
        rows.append(
            {
                **setting,
                "n": len(values),
                "runs": len(own),
                "early": int(own["early"].sum()),
                "left_out": int(own["left_out"].sum()),
                **{status: int((own["status"] == status).sum()) for status in UNFINISHED},
                "mean": center(np.mean, values),
                "median": center(np.median, values),
                "std": deviation(values),
                "low": low,
                "high": high,
                "best": best_of(values, len(values), better) if better and len(values) else math.nan,
                **{f"best_of_{i}": best_of(values, i, better) if better else math.nan for i in k},
                "enough": len(values) >= ENOUGH,
            }
        )
    columns = [*fields, "n", "runs", "early", "left_out", *UNFINISHED, "mean", "median", "std", "low", "high", "best"]
    table = pandas.DataFrame(rows, columns=[*columns, *(f"best_of_{i}" for i in k), "enough"])
    table.attrs = {
        "metric": metric, "by": fields, "better": better, "protocol": runs.attrs["protocol"], "confidence": confidence,
    }  # fmt: skip
    return table


def rank(summary: pandas.DataFrame, better: str | None = None) -> pandas.Series:
    """Ranks of settings that admit what the seeds leave open: 1 + the number of settings that are clearly better.

    A setting is clearly better where the intervals of the means do not overlap; others share a rank. Two settings that
    are the same, with normal values, are told apart by chance in 10 % of 10,000 pairs with three seeds each, 5 % with
    five and 2 % with ten: of many settings with few seeds, some ranks are chance.

    Args:
      summary: of ``summarize``.
      better: "lower" or "higher"; None: what ``summarize`` found.

    Returns:
      Float ranks with the index of ``summary``; NaN for settings of fewer than three values or without an interval.

    Raises:
      ConfigError: it is not known which way is better.
    """
    if better is None and not (better := summary.attrs.get("better")):
        raise ConfigError(
            f"better='' for {summary.attrs.get('metric', '')!r}: no way is better; allowed: lower, higher"
        )
    check_better(better)
    low, high = (summary[c].to_numpy(dtype=float) for c in ("low", "high"))
    ranked = summary["enough"].to_numpy(dtype=bool) & ~np.isnan(low) & ~np.isnan(high)
    # beaten[i, j]: setting j is clearly better than setting i.
    beaten = high[None, :] < low[:, None] if better == "lower" else low[None, :] > high[:, None]
    ranks = 1.0 + (beaten & ranked[None, :]).sum(1)
    return pandas.Series(np.where(ranked, ranks, math.nan), index=summary.index, name="rank")


class Comparison(NamedTuple):
    """Two settings, seed by seed; of the differences a - b the numbers of ``estimates.Paired``."""

    metric: str
    better: str  # "" for neither
    protocol: str
    pairs: int  # seeds for which both settings have a value
    left_out: int  # other seeds of either setting: no run, no value, or one of another protocol
    mean: float
    low: float
    high: float
    effect: float
    p: float
    enough: bool  # at least three pairs


def compare(
    frame: pandas.DataFrame,
    metric: str,
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    *,
    better: str | None = None,
    protocol: str | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two settings over the seeds that both have.

    Args:
      a, b: {field: value}, as many fields as it takes for one run a seed.
      frame, metric, better, protocol, confidence: as in ``summarize``; of the protocols of these runs.

    Raises:
      ConfigError: there is no such metric, field, value or protocol, or a setting has several runs of a seed or runs of
        the other.
    """
    either = [matching(frame, setting) for setting in (a, b)]
    if both := sorted(set(either[0]["run"]) & set(either[1]["run"])):
        raise ConfigError(
            f"a={dict(a)!r} and b={dict(b)!r} share the run {both[0]}; allowed: settings without a common run"
        )
    runs = run_values(frame[frame["run"].isin([*either[0]["run"], *either[1]["run"]])], metric, protocol)
    of_a, of_b = (_by_seed(runs[runs["run"].isin(own["run"])], s) for own, s in zip(either, (a, b)))
    shared = [seed for seed in of_a.index if seed in of_b.index]
    differences = (of_a[shared] - of_b[shared]).dropna().to_numpy()
    pairs = len(differences)
    left_out = len({*of_a.index, *of_b.index}) - pairs
    made = paired(differences, confidence)
    better = direction(frame, metric, better)
    return Comparison(metric, better, runs.attrs["protocol"], pairs, left_out, *made, enough=pairs >= ENOUGH)


class Sensitivity(NamedTuple):
    """How much each field matters."""

    # A row for each value of each factor: "factor", "level", "n" (values), "mean", "low", "high". The interval is over
    # all runs at that level, so it holds the spread from the other factors too.
    levels: pandas.DataFrame
    # Of the variance between runs, {factor: eta squared, "interactions": ..., "seeds": ...}; they sum to 1. "seeds" is
    # what remains between runs of one setting; NaN where no setting has two values, and "interactions" then holds it.
    # All NaN without variance or with an infinite value.
    shares: pandas.Series
    # Whether every combination of levels has equally many values. Where it is not, factors go together: shares overlap,
    # may sum to more than 1 with a negative rest in "interactions", and say less.
    balanced: bool


def sensitivity(
    frame: pandas.DataFrame,
    metric: str,
    factors: Sequence[str] | None = None,
    *,
    protocol: str | None = None,
    confidence: float = 0.95,
) -> Sensitivity:
    """The mean at each level of each factor, and which share of the variance each factor's main effect explains.

    Args:
      factors: fields; None: those that vary in the sweep.
      frame, metric, protocol, confidence: as in ``summarize``.

    Raises:
      ConfigError: there is no such metric, field or protocol.

    References:
      Fisher, Statistical Methods for Research Workers, 1925, chapter 7 (the analysis of variance).
    """
    fields = fields_of(frame, factors, "factors")
    runs = run_values(frame, metric, protocol).dropna(subset="value")
    levels, cells = {field: settings_of(runs, [field]) for field in fields}, settings_of(runs, fields)
    rows = []
    for field, found in levels.items():
        for setting, own in found:
            values = own["value"].to_numpy()
            rows.append((field, setting[field], len(values), center(np.mean, values),
                         *bootstrap_interval(values, confidence)))  # fmt: skip
    x = runs["value"].to_numpy()
    finite = bool(len(x)) and bool(np.all(np.isfinite(x))) and bool(np.any(x != x[0]))
    total = float(np.sum((x - x.mean()) ** 2)) if finite else math.nan
    explained, of_all = {field: _between(runs, found) for field, found in levels.items()}, _between(runs, cells)
    explained["interactions"] = of_all - sum(explained.values())
    explained["seeds"] = total - of_all if any(len(own) > 1 for _, own in cells) else math.nan
    sizes = {len(own) for _, own in cells}
    return Sensitivity(
        pandas.DataFrame(rows, columns=["factor", "level", "n", "mean", "low", "high"]),
        pandas.Series({name: value / total for name, value in explained.items()}, name="share", dtype=float),
        balanced=len(cells) == math.prod(map(len, levels.values())) and len(sizes) == 1,
    )


def _by_seed(runs: pandas.DataFrame, setting: Mapping[str, Any]) -> pandas.Series:
    """Values by seed; NaN for a run without one."""
    twice = runs[runs["seed"].duplicated(keep=False)]
    if len(twice):
        among = [f for f in runs.attrs.get("fields", ()) if f not in setting and len(settings_of(runs, [f])) > 1]
        hint = f"; give {', '.join(among)} too" if among else ""
        raise ConfigError(
            f"the setting {dict(setting)!r} has several runs of seed {twice['seed'].iloc[0]}{hint}; allowed: one each"
        )
    return runs.set_index("seed")["value"]


def _between(runs: pandas.DataFrame, groups: list[tuple[dict[str, Any], pandas.DataFrame]]) -> float:
    """The sum of squares between groups of runs."""
    if not len(runs) or not np.all(np.isfinite(runs["value"])):
        return math.nan
    overall = runs["value"].mean()
    return float(sum(len(own) * (own["value"].mean() - overall) ** 2 for _, own in groups))
