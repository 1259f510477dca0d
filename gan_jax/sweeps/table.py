"""The results of a sweep as a table, a row for each run and evaluation; out of it one value a run, of one protocol."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas

from gan_jax import config as configs
from gan_jax import files
from gan_jax.errors import ConfigError, nearest
from gan_jax.evaluation import records as evaluations
from gan_jax.fields import all_fields
from gan_jax.paths import expanded
from gan_jax.scalars import plain, python_value, same
from gan_jax.status import Status
from gan_jax.stored import read_object
from gan_jax.sweeps.estimates import check_better
from gan_jax.sweeps.layout import read_groups, read_metrics, read_result, read_sweep, run_folder, status_of

UNFINISHED = tuple(status.value for status in Status if status != Status.FINISHED)
HEAD = ("run", "group", "status", "reason", "health", "step", "steps", "last", "seconds", "by")
NOT_METRICS = ("step", "images_seen", "seconds", "images_per_second")


def load(workdir: str | Path) -> pandas.DataFrame:
    """The table of a sweep, made anew from the records of its runs.

    Args:
      workdir: of a ``gan-jax sweep``.

    Returns:
      A row for each run and evaluation (one row for a run without any). Columns: run, group, status ("finished",
      "non_finite", "stopped", "eliminated", "failed", "paused", "interrupted", "running", "missing"), reason, health,
      step, steps, last (whether the row is of the run's last evaluated step), seconds, by ("train", "evaluate" or ""),
      then configuration fields by path, first those that vary (None where a run's game does not have one), "seed", and
      those that are not at their default;
      then each metric with "METRIC:protocol", then "train:NAME" for the training metrics recorded at that step.
      ``attrs["fields"]`` lists the fields that vary, ``attrs["metric"]`` is the one that settings are ranked by,
      ``attrs["better"]`` says of scores which way they are better.

    Raises:
      WorkdirError: the directory holds no sweep, or a record cannot be read.
    """
    workdir = expanded("workdir", workdir)
    sweep = read_sweep(workdir)
    varied = [*sweep["fields"], "seed"]
    own = {field: field_.default for field, field_ in all_fields().items()}
    group_of = {run: group.name for group in read_groups(workdir) for run in group.runs}
    rows: list[dict[str, Any]] = []
    others: dict[str, None] = {}
    for run, point in sweep["runs"].items():
        config = read_object(run_folder(workdir, run) / "config.json")
        stored = {**own, **configs.flatten(config if config is not None else sweep["base"]), **point}
        flat: dict[str, Any] = {f: tuple(v) if isinstance(v, list) else v for f, v in stored.items()}
        others |= {field: None for field in own if flat[field] != own[field] and field not in varied}
        rows += [{**row, **flat} for row in _rows(workdir, run, group_of.get(run, ""), flat["steps"])]
    metrics = list(dict.fromkeys(name for row in rows for name in row if f"{name}:protocol" in row))
    trained = sorted({name for row in rows for name in row if name.startswith("train:")})
    columns = [*HEAD, *varied, *(f for f in own if f in others and f != "steps")]
    columns += [column for name in metrics for column in (name, f"{name}:protocol")] + trained
    absent = dict.fromkeys(columns, "") | dict.fromkeys([*metrics, *trained], math.nan)
    table = {name: [row.get(name, absent[name]) for row in rows] for name in columns}
    # pandas would make a NaN of None, and a NaN equals nothing.
    frame = pandas.DataFrame({k: pandas.Series(v, dtype=object if None in v else None) for k, v in table.items()})
    better = {name: row[f"{name}:better"] for name in metrics for row in rows if f"{name}:better" in row}
    frame.attrs = {"fields": list(sweep["fields"]), "metric": sweep["metric"], "better": better}
    return frame


def write_results(workdir: Path) -> pandas.DataFrame:
    """Write results.parquet and results.csv, both whole or none; the table."""
    frame = load(workdir)
    texts = frame.copy()
    texts.attrs = {}
    for name in texts.columns:  # a field such as widths is a tuple, which neither format has
        if texts[name].map(lambda value: isinstance(value, str | tuple | list | dict)).any():
            texts[name] = [v if v is None or isinstance(v, str) else json.dumps(v) for v in texts[name]]
    table = {"results.parquet": texts.to_parquet(index=False), "results.csv": texts.to_csv(index=False).encode()}
    files.write(workdir, table, "its records were read, and nothing was changed")
    return frame


def run_values(frame: pandas.DataFrame, metric: str, protocol: str | None = None) -> pandas.DataFrame:
    """A row for each run with its "value" of a metric at its last evaluated step, by one protocol.

    A run measured with several seeds of the evaluation has their mean. Without a protocol that of most runs counts, of
    equals the first; ``attrs["protocol"]`` says which, "" where there is none.
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
    runs["left_out"] = runs["value"].isna() & runs["run"].isin(measured["run"])  # only of other protocols
    runs.attrs = {**frame.attrs, "protocol": protocol}
    return runs


def settings_of(runs: pandas.DataFrame, by: Sequence[str]) -> list[tuple[dict[str, Any], pandas.DataFrame]]:
    """({field: value}, its runs) for every setting, in order of appearance; without fields all runs are one."""
    positions: dict[Any, list[int]] = {}
    for i in range(len(runs)):
        positions.setdefault(tuple(same(runs[field].iat[i]) for field in by), []).append(i)
    return [({f: python_value(runs[f].iat[at[0]]) for f in by}, runs.iloc[at]) for at in positions.values()]


def matching(runs: pandas.DataFrame, setting: Mapping[str, Any]) -> pandas.DataFrame:
    """The runs of a setting, {field: value} with at least one field."""
    if not setting:
        raise ConfigError("the setting {} has no field; allowed: at least one, such as {'loss.name': 'hinge'}")
    check_fields(runs, list(setting))
    for field, value in setting.items():
        wanted = same(value if value is None else plain(field, value))
        found = runs[[same(v) == wanted for v in runs[field]]]
        if found.empty:
            there = list(dict.fromkeys(repr(v) for v in runs[field]))
            raise ConfigError(f"no run has {field}={value!r}; allowed: {', '.join(there) or 'none is there'}")
        runs = found
    return runs


def fields_of(frame: pandas.DataFrame, given: Sequence[str] | None, name: str) -> list[str]:
    """The configuration columns that an argument, whose name is for the message, means; None: those that vary."""
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


def direction(frame: pandas.DataFrame, metric: str, better: str | None = None) -> str:
    """Which way is better: as given, else as the records of a score or the metric's table say; "" for neither."""
    if better is not None:
        check_better(better)
        return better
    from gan_jax.metrics.metric import BY_GAME  # it loads JAX
    from gan_jax.metrics.table import better_of

    found = better_of(metric) or ""
    return frame.attrs.get("better", {}).get(metric, "") if found == BY_GAME else found


def no_such(what: str, name: Any, there: Sequence[str]) -> str:
    """For a name that the frame lacks: the nearest one, and what there is."""
    near = nearest(str(name), there)
    return f"there is no {what} {name!r}{near}; allowed: {', '.join(there) or 'none, since nothing was measured'}"


def _rows(workdir: Path, run: str, group: str, steps: int) -> Iterable[dict[str, Any]]:
    folder = run_folder(workdir, run)
    result = read_result(workdir, run) or {}
    status = status_of(workdir, run)
    trained = {record["step"]: record for record in read_metrics(workdir, run)}
    last_record: Mapping[str, Any] = trained[max(trained)] if trained else {}
    head = {
        "run": run,
        "group": group,
        "status": status.value,
        "reason": result.get("reason", ""),
        "health": ",".join(finding["name"] for finding in result.get("health", ())),
        "steps": steps,
        "seconds": float(result.get("seconds", last_record.get("seconds", 0.0))),
    }
    found: dict[tuple[int, str, int], list[dict[str, Any]]] = {}
    for record in evaluations.read(folder, ("protocol", "seed")):
        name, protocol = record["metric"], record["protocol"]
        rows = found.setdefault((record["step"], record["by"], record["seed"]), [])
        # Of one metric measured twice by one protocol the later counts; another protocol takes a row of its own.
        row = next((row for row in rows if row.get(f"{name}:protocol", protocol) == protocol), None)
        if row is None:
            rows.append(row := {})
        row |= {name: float(record["value"]), f"{name}:protocol": protocol}
        if better := record.get("options", {}).get("better"):
            row[f"{name}:better"] = better
    end = result.get("step", last_record.get("step", 0))
    newest = max((step for step, *_ in found), default=end)
    for (step, by, _), rows in sorted(found.items()) or [((end, "", 0), [{}])]:
        own = {f"train:{k}": float(v) for k, v in trained.get(step, {}).items() if k not in NOT_METRICS}
        for row in rows:
            yield {**head, "step": int(step), "last": step == newest, "by": by, **row, **own}
