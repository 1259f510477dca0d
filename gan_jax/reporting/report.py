"""The report of a sweep: one HTML file that needs nothing else, not even a network."""

import base64
import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gan_jax import files
from gan_jax.errors import WorkdirError
from gan_jax.paths import expanded
from gan_jax.reporting import answer, commands, cost, grids, protocols, states, wording
from gan_jax.reporting.curves import curves
from gan_jax.reporting.factors import factors
from gan_jax.reporting.material import Material, Setting, read
from gan_jax.scalars import same
from gan_jax.status import Status

TEMPLATES = Path(__file__).parent / "templates"
FILE = "report.html"
SOME = 6  # settings whose curves are on at first
VALUES = 12  # of a field, in the head


def write_report(workdir: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a sweep, whole or not at all.

    Args:
      workdir: of a sweep, which may be unfinished.
      out: the file; WORKDIR/report.html if None.

    Returns:
      Its path.

    Raises:
      WorkdirError: there is no sweep, a record cannot be read, or the file cannot be written.
    """
    path = expanded("workdir", workdir) / FILE if out is None else expanded("out", out)
    material = read(workdir)
    if path.is_dir():  # before the page is made, which may take a while
        raise WorkdirError(f"{str(path)!r} cannot be written: it is a folder; choose a file, such as {path / FILE}")
    files.probe(path.parent)
    return files.write(path.parent, {path.name: render(material).encode()})[0]


def write_figures(workdir: str | Path, folder: str | Path | None = None) -> list[Path]:
    """Write figures for papers; see ``gan_jax.reporting.paper.write_figures``."""
    from gan_jax.reporting import paper  # it loads matplotlib

    return paper.write_figures(workdir, folder)


def render(material: Material) -> str:
    """The report as HTML; the same text for the same records."""
    return _template().render(_context(material))


@functools.cache
def _template() -> jinja2.Template:
    """The page's template, compiled once a process."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html.j2")


def embedded(content: Any) -> Markup:
    """JSON for a ``<script>``: nothing in it can end the element or begin a comment."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _context(material: Material) -> dict[str, Any]:
    ranking, *others = answer.rankings(material)
    order = ranking.order
    positions = {number: i for i, number in enumerate(order)}
    compared = answer.comparisons(material, ranking)
    differences = answer.difference_axis(compared)
    measured = protocols.measured(material)
    columns, cells = answer.every_value(material, order)
    found = grids.grids(material, order)
    drawn = curves(material, order)
    with_curves = {line["setting"] for one in drawn["metrics"] for line in one["curves"]}
    in_curves = [number for number in order if number in with_curves]
    groups = cost.groups(material)
    labels = {setting.number: setting.label for setting in material.settings}
    data = {
        "steps": drawn["steps"], "metrics": drawn["metrics"], "labels": labels, "positions": positions,
        "order": in_curves, "some": SOME, "first": [_first_metric(material, drawn, panel) for panel in (0, 1)],
    }  # fmt: skip
    made: dict[str, Any] = {
        "title": material.sweep["question"] or f"Sweep of {material.sweep['config'] or 'a configuration'}",
        "facts": _facts(material), "fields": _fields(material), "seeds_text": ", ".join(map(str, material.seeds)),
        "sweep": material.sweep, "settings": material.settings, "runs": material.runs, "seeds": material.seeds,
        "positions": positions, "ranking": ranking, "others": others,
        "verdict": answer.verdict(ranking), "comparisons": compared,
        "difference_axis": differences, "longest": _longest(material),
        "ends": lambda found: found.axis.said(answer.drawn(found)) if found.axis else "",
        "difference_ends": differences.said(c.mean for _, c in compared) if differences else "",
        "smallest_p": wording.number(2.0 ** (1 - len(material.seeds)), 2), "troubles": answer.troubles,
        "columns": [material.short[f] for f in material.sweep["fields"]] if _few_fields(material) else ["setting"],
        "cells_of": partial(_cells_of, material), "curves": drawn, "drawn": in_curves,
        "some": min(SOME, len(in_curves)), "grids": found,
        "has_grid": lambda run: bool(grids.sample_steps(material, run)),
        "map": states.state_map(material, order), "counts": states.counts(material), "kinds": states.KINDS,
        "troubles_of_runs": states.ended_badly(material, order),
        "factors": factors(material, ranking.metric, ranking.protocol), "percent": _percent,
        "measured_values": measured, "titles": protocols.titles(measured), "common": protocols.common(measured),
        "apart": protocols.apart(measured),
        "value_columns": columns, "value_cells": cells, "sweep_commands": commands.sweep_commands(material),
        "changes": {setting.number: commands.changes(material, setting) for setting in material.settings},
        "run_commands": _run_commands(material, order), "groups": groups, "tiles": _tiles(material, groups),
        "environments": cost.environments(material), "key": _key, "nothing": wording.NOTHING,
        "measured": wording.measured, "interval": wording.interval, "number": wording.number,
        "duration": wording.duration, "counted": wording.counted,
        "data": embedded(data), "grid_data": embedded(found.earlier if len(found.earlier) > 1 else {}),
    }  # fmt: skip
    present = [("answer", "Answer"), ("curves", "Curves"), ("samples", "Samples"), ("runs", "Runs"),
               ("factors", "Fields"), ("measured", "Values"), ("repeat", "Repeat"), ("cost", "Time")]  # fmt: skip
    absent = {"factors" * (made["factors"] is None), "measured" * (not measured)}
    return {**made, "sections": [one for one in present if one[0] not in absent], **_own_files()}


def _own_files() -> dict[str, Any]:
    """Style and scripts; the page's policy allows these scripts, by their hashes, and no other."""
    from plotly.offline import get_plotlyjs

    plotly = get_plotlyjs().replace("</script", "<\\/script")
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (plotly, script)]
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return {"plotly": Markup(plotly), "script": Markup(script), "style": Markup(style),
            "script_hashes": Markup(" ".join(f"'sha256-{digest}'" for digest in digests))}  # fmt: skip


def _facts(material: Material) -> list[str]:
    counts = states.counts(material)
    done = sum(run.status == Status.FINISHED for run in material.runs.values())
    facts = [
        wording.counted(len(material.settings), "setting"), wording.counted(len(material.seeds), "seed"),
        wording.counted(len(material.runs), "run"), f"{done:,} finished",
    ]  # fmt: skip
    waiting = counts.get("unfinished", 0) + counts.get("missing", 0)
    return [*facts, f"{waiting:,} not finished yet"] if waiting else facts


def _fields(material: Material) -> list[tuple[str, list[str], str]]:
    made = []
    for field in material.sweep["fields"]:
        values = list({same(s.point[field]): s.point[field] for s in material.settings}.values())
        if all(isinstance(v, int | float) for v in values):
            values.sort()
        hidden = f"{VALUES} of {wording.counted(len(values), 'value')} are shown" if len(values) > VALUES else ""
        made.append((field, [wording.shown(v) for v in values[:VALUES]], hidden))
    return made


def _longest(material: Material) -> int:
    """Letters of the longest word in the settings' names, for the width of their columns."""
    return max(len(word) for setting in material.settings for word in setting.words)


def _few_fields(material: Material) -> bool:
    return 1 <= len(material.sweep["fields"]) <= 4


def _cells_of(material: Material, setting: Setting) -> list[tuple[str, str]]:
    """(text, what it is sorted by) of the columns that say which setting a row is."""
    if not _few_fields(material):
        return [(setting.label, setting.label)]
    values = [setting.point[field] for field in material.sweep["fields"]]
    return [(wording.shown(v), repr(v) if type(v) in (int, float) else wording.shown(v)) for v in values]


def _first_metric(material: Material, drawn: Mapping[str, Any], panel: int) -> int:
    """Which metric a panel shows at first: the one that ranks, and a loss beside it."""
    names = [one["name"].removesuffix(" [1]") for one in drawn["metrics"]]
    losses = [i for i, one in enumerate(drawn["metrics"]) if one["kind"] == "training"]
    evaluated = [i for i, one in enumerate(drawn["metrics"]) if one["kind"] == "evaluation"]
    ranked = [names.index(material.metric)] if material.metric in names else []
    wanted = [*ranked[:1], *([] if ranked else evaluated[:1]), *losses, 0, 0]
    return wanted[panel] if drawn["metrics"] else 0


def _run_commands(material: Material, order: Sequence[int]) -> list[tuple[int, int, str, tuple[str, ...]]]:
    return [
        (number, seed, name, commands.run_command(material, name))
        for number in order
        for seed, name in material.settings[number].runs.items()
        if material.sweep["config"]
    ]


def _tiles(material: Material, groups: list[cost.Group]) -> list[tuple[str, str]]:
    spent = cost.totals(material, groups)
    tiles = [(wording.duration(spent["runs"]), "in training, summed over runs")]
    if groups:
        tiles += [
            (wording.duration(spent["seconds"]), "in groups of runs"),
            (f"{int(spent['programs']):,}", "training program" if spent["programs"] == 1 else "training programs"),
            (wording.duration(spent["compiling"]), "of compiling"),
        ]
    if spent["compared"]:
        tiles.append((f"{int(spent['compared']):,}", "more programs compiled to compare ways of training"))
    return tiles


def _key(value: Any) -> str:
    """What a table sorts by: every digit, or "" for what has no place."""
    return "" if value is None or math.isnan(float(value)) else repr(float(value))


def _percent(share: float) -> float:
    return round(100 * min(1.0, max(0.0, share)), 1)
