"""The results of a sweep as a table: a row for each run and evaluation."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_jax import config as configs
from gan_jax import files
from gan_jax.evaluation import records as evaluations
from gan_jax.fields import all_fields
from gan_jax.paths import expanded
from gan_jax.stored import read_object
from gan_jax.sweeps.records import read_groups, read_metrics, read_result, read_sweep, run_folder, status_of

if TYPE_CHECKING:
    import pandas

HEAD = ("run", "group", "status", "reason", "health", "step", "steps", "last", "seconds", "by")
NOT_METRICS = ("step", "images_seen", "seconds", "images_per_second")


def load(workdir: str | Path) -> "pandas.DataFrame":
    """The table of a sweep, made anew from the records of its runs.

    Args:
      workdir: of a ``gan-jax sweep``.

    Returns:
      A row for each run and evaluation (one row for a run without any). Columns: run, group, status ("finished",
      "non_finite", "stopped", "eliminated", "failed", "paused", "interrupted", "running", "missing"), reason, health,
      step, steps, last (whether the row is of the run's last evaluated step), seconds, by ("train", "evaluate" or ""),
      then configuration fields by path, first those that vary, "seed", and those that are not at their default;
      then each metric with "METRIC:protocol", then "train:NAME" for the training metrics recorded at that step.
      ``attrs["fields"]`` lists the fields that vary, ``attrs["metric"]`` is the one that settings are ranked by.

    Raises:
      WorkdirError: the directory holds no sweep, or a record cannot be read.
    """
    import pandas

    workdir = expanded("workdir", workdir)
    sweep = read_sweep(workdir)
    varied = [*sweep["fields"], "seed"]
    own = {field: field_.default for field, field_ in all_fields().items()}
    group_of = {run: group.name for group in read_groups(workdir) for run in group.runs}
    rows: list[dict[str, Any]] = []
    others: dict[str, None] = {}
    for run, point in sweep["runs"].items():
        config = read_object(run_folder(workdir, run) / "config.json")
        flat = {**own, **(configs.flatten(config if config is not None else sweep["base"])), **point}
        others |= {field: None for field in own if _plain(flat[field]) != _plain(own[field]) and field not in varied}
        rows += [{**row, **flat} for row in _rows(workdir, run, group_of.get(run, ""), flat["steps"])]
    metrics = list(dict.fromkeys(name for row in rows for name in row if f"{name}:protocol" in row))
    trained = sorted({name for row in rows for name in row if name.startswith("train:")})
    columns = [*HEAD, *varied, *(f for f in own if f in others and f != "steps")]
    columns += [column for name in metrics for column in (name, f"{name}:protocol")] + trained
    frame = pandas.DataFrame([{name: _cell(row.get(name), name, metrics, trained) for name in columns} for row in rows])
    frame = frame.reindex(columns=columns)
    frame.attrs = {"fields": list(sweep["fields"]), "metric": sweep["metric"]}
    return frame


def write_results(workdir: Path) -> "pandas.DataFrame":
    """Write results.parquet and results.csv, both whole or none; the table.

    Raises:
      WorkdirError: a record cannot be read, or a file cannot be written.
    """
    frame = load(workdir)
    plain = frame.copy()
    plain.attrs = {}
    for name in plain.columns:  # a field such as widths is a tuple, which neither format has
        if plain[name].map(lambda value: isinstance(value, str | tuple | list | dict)).any():
            plain[name] = plain[name].map(_text)
    table = {"results.parquet": plain.to_parquet(index=False), "results.csv": plain.to_csv(index=False).encode()}
    files.write(workdir, table, "its records were read, and nothing was changed")
    return frame


def _rows(workdir: Path, run: str, group: str, steps: int) -> Iterable[dict[str, Any]]:
    folder = run_folder(workdir, run)
    result = read_result(workdir, run) or {}
    status = status_of(workdir, run)
    trained = {record["step"]: record for record in read_metrics(workdir, run)}
    last_record: Mapping[str, Any] = trained[max(trained)] if trained else {}
    head = {
        "run": run,
        "group": group,
        "status": status,
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
    end = result.get("step", last_record.get("step", 0))
    newest = max((step for step, *_ in found), default=end)
    for (step, by, _), rows in sorted(found.items()) or [((end, "", 0), [{}])]:
        own = {f"train:{k}": float(v) for k, v in trained.get(step, {}).items() if k not in NOT_METRICS}
        for row in rows:
            yield {**head, "step": int(step), "last": step == newest, "by": by, **row, **own}


def _cell(value: Any, name: str, metrics: list[str], trained: list[str]) -> Any:
    if value is None:
        return float("nan") if name in metrics or name in trained else ""
    return _plain(value)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
