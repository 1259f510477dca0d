"""One plain JSON document of a sweep; the page, the figures and the printed table are made of nothing else."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_jax.config import flatten
from gan_jax.evaluation.protocol import FIELDS
from gan_jax.paths import expanded
from gan_jax.reporting import ranking
from gan_jax.reporting.curves import curves
from gan_jax.reporting.material import Material, read
from gan_jax.stored import read_object
from gan_jax.sweeps.layout import folder_of, read_groups, read_result, run_folder
from gan_jax.sweeps.table import direction

FILE = "summary.json"
SCHEMA = 1
SPENT = ("seconds", "programs", "compared", "compile_seconds")  # by a group of runs
ENVIRONMENT = {"versions": {}, "git_revision": "", "backend": "", "devices": [], "processes": 1, "xla_flags": ""}
FINDING = {"name": "", "since": None, "hopeless": False, "evidence": ""}
OF_SWEEP = ("question", "metric", "config", "sweep", "overrides", "commands", "fields", "halving", "versions")


def summary_of(workdir: str | Path) -> dict[str, Any]:
    """What a sweep found, and how: the content of summary.json, which docs/sweeps.md describes.

    Args:
      workdir: of a sweep, which may be unfinished.

    Raises:
      WorkdirError: there is no sweep, or a record cannot be read.
    """
    material = read(workdir)
    ranked, protocols = ranking.ranking(material), _protocols(material)
    made = {  # in which null stands for NaN and for what there is not, "inf" and "-inf" for infinities
        "schema": SCHEMA,
        "sweep": {name: material.sweep.get(name) for name in OF_SWEEP},
        "seeds": sorted({seed for runs in material.runs for seed in runs}),
        "settings": [
            {"point": point, "runs": list(runs.values()), "changes": _changes(material, [*runs.values()])}
            for point, runs in zip(material.points, material.runs, strict=True)
        ],
        "runs": _runs(material),
        "ranking": ranked,
        "comparisons": ranking.comparisons(material, ranked),
        "fields": ranking.fields(material, ranked),
        "values": ranking.values(material),
        "protocols": protocols,
        "costs": _costs(material),
    }
    return {**plain(made), "curves": curves(material, protocols)}


def encoded(summary: Mapping[str, Any]) -> bytes:
    """summary.json."""
    return (json.dumps(summary, allow_nan=False, separators=(",", ":")) + "\n").encode()


def stored(workdir: str | Path) -> dict[str, Any]:
    """The summary that the last report of a sweep was made of."""
    found = read_object(expanded("workdir", workdir) / FILE)
    assert found is not None
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "item"):  # NumPy's
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _changes(material: Material, runs: Sequence[str]) -> list[tuple[str, Any, Any]]:
    """(field, value of the base configuration, value of the setting), without the seed; null where there is none.

    Of a role's fields that one of the two does not have, those that a point or the command line sets. Runs of one
    setting differ in nothing but the seed, so one stands for all; where none has a configuration, its values do.
    """
    base = flatten(material.sweep["base"])
    values = material.sweep["runs"][runs[0]]
    given = {*values, *(override.partition("=")[0] for override in material.sweep["overrides"])}
    stored = (read_object(run_folder(material.workdir, run) / "config.json") for run in runs)
    config = next(filter(None, stored), None)
    own = {**base, **values} if config is None else flatten(config)
    return [
        (field, base.get(field), own.get(field))
        for field in sorted(base.keys() | own.keys())
        if field != "seed" and plain(base.get(field)) != plain(own.get(field))
        and (field in given or field in base.keys() & own.keys())
    ]  # fmt: skip


def _runs(material: Material) -> dict[str, dict[str, Any]]:
    """How every run stands, also those that have not begun."""
    rows = material.frame.drop_duplicates("run", keep="last").set_index("run")
    made = {}
    for number, runs in enumerate(material.runs):
        for seed, name in runs.items():
            row, result = rows.loc[name], read_result(material.workdir, name) or {}
            grids = run_folder(material.workdir, name).glob("samples/*.png")
            made[name] = {
                "setting": number, "seed": seed, "values": material.sweep["runs"][name], "status": str(row["status"]),
                "step": int(result.get("step", row["step"] or 0)), "steps": int(row["steps"]),
                "seconds": float(row["seconds"]), "reason": str(row["reason"]),
                "health": [{**FINDING, **finding} for finding in result.get("health", [])],
                "group": str(row["group"]), "grids": sorted(int(path.stem) for path in grids if path.stem.isdigit()),
            }  # fmt: skip
    return made


def _protocols(material: Material) -> list[dict[str, Any]]:
    """How each value was measured, that of the ranking first; titles number several protocols of one value."""
    found: dict[str, dict[str, Any]] = {}
    for run, records in material.evaluations.items():
        for record in records:
            kept = found.setdefault(record["protocol"], {"runs": set(), **{name: record[name] for name in FIELDS}})
            kept["runs"].add(run)
    made = []
    metrics = dict.fromkeys(one["metric"] for one in found.values())
    for metric in sorted(metrics, key=lambda name: name != material.sweep["metric"]):
        own = [sha for sha, one in found.items() if one["metric"] == metric]
        for i, sha in enumerate(own, 1):
            fields = {name: found[sha][name] for name in FIELDS if name != "metric"}
            title = f"{metric} [{i}]" if len(own) > 1 else metric
            made.append({"sha256": sha, "metric": metric, "title": title, "better": direction(material.frame, metric),
                         "runs": len(found[sha]["runs"]), "fields": fields})  # fmt: skip
    return made


def _costs(material: Material) -> dict[str, Any]:
    groups = []
    for group in read_groups(material.workdir):
        result = read_object(folder_of(material.workdir, group.name) / "result.json") or {}
        groups.append({
            "name": group.name, "runs": len(group.runs), "begin": group.begin, "until": group.until,
            "width": group.width, "way": group.way, "why": group.why,
            "seconds_per_step": dict(group.seconds_per_step), "status": str(result.get("status", "not ended")),
            "reason": str(result.get("reason", "")),
            **{name: result.get(name) for name in SPENT},
        })  # fmt: skip
    return {"groups": groups, "environments": _environments(material)}


def _environments(material: Material) -> list[dict[str, Any]]:
    """What runs ran on, by how many; one entry where all are alike."""
    found: dict[str, dict[str, Any]] = {}
    for run in material.sweep["runs"]:
        environment = read_object(run_folder(material.workdir, run) / "environment.json")
        if environment is not None:
            kept = {name: environment.get(name) or default for name, default in ENVIRONMENT.items()}
            found.setdefault(json.dumps(kept, sort_keys=True), {**kept, "runs": 0})["runs"] += 1
    return sorted(found.values(), key=lambda one: -one["runs"])
