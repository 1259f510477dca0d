"""The report of a sweep: one HTML file that needs nothing else, not even a network; made of the summary."""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gan_jax.reporting import answer, commands, protocols, states, wording
from gan_jax.reporting.axes import axis
from gan_jax.reporting.curves import FEWEST, points_of, thinned
from gan_jax.reporting.grids import grids
from gan_jax.reporting.wording import counted, duration, key, shown
from gan_jax.scalars import same
from gan_jax.status import Status

TEMPLATES = Path(__file__).parent / "templates"
SOME = 6  # settings whose curves are on at first
POINTS = 200  # of a curve, at most
NUMBERS = 700_000  # of all curves; about 4.5 MB
VALUES = 12  # of a field, in the head
LEVELS = 16  # of a field, where its means are shown
SECTIONS = {"answer": "Answer", "curves": "Curves", "samples": "Samples", "runs": "Runs", "factors": "Fields",
            "measured": "Values", "repeat": "Repeat", "cost": "Time"}  # fmt: skip


def render(summary: Mapping[str, Any], workdir: Path) -> str:
    """The report as HTML; the same text for the same summary and sample grids of a work directory."""
    sweep, ranked = summary["sweep"], summary["ranking"]
    settings = wording.settings_of(summary)
    curves = _curves(summary, settings)
    absent = {"factors" * (summary["fields"] is None), "measured" * (not summary["protocols"])}
    runs = [run for number in ranked["order"] for run in summary["settings"][number]["runs"]] if sweep["config"] else []
    return _template().render(
        title=sweep["question"] or f"Sweep of {sweep['config'] or 'a configuration'}",
        sections={name: text for name, text in SECTIONS.items() if name not in absent},
        summary=summary, sweep=sweep, ranking=ranked, settings=settings, runs=summary["runs"], seeds=summary["seeds"],
        positions={number: i for i, number in enumerate(ranked["order"])},
        titles={one["sha256"]: one["title"] for one in summary["protocols"]},
        longest=max(len(word) for setting in settings for word in setting.words),
        head=_head(summary), answer=_answer(summary, settings), curves=curves,
        grids=grids(summary, settings, workdir), factors=_factors(summary), tiles=_tiles(summary),
        counts=states.counts(summary["runs"]), ended_badly=states.ended_badly(summary, ranked["order"]),
        common=protocols.common(summary["protocols"]), apart=protocols.apart(summary["protocols"]),
        commands_of_sweep=commands.sweep_commands(sweep),
        commands_of_runs=[(run, commands.run_command(summary, run)) for run in runs], **_own_files(),
    )  # fmt: skip


@functools.cache
def _template() -> jinja2.Template:
    """The page's template, compiled once a process."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(
        number=wording.number, interval=wording.interval, duration=duration, counted=counted, key=key, shown=shown,
        with_spread=wording.with_spread, nothing=wording.NOTHING, troubles=answer.troubles, state_of=states.kind_of,
        state_words=states.words_of, kinds=states.KINDS, told=protocols.told,
    )  # fmt: skip
    environment.filters["embedded"] = embedded
    return environment.get_template("report.html.j2")


def embedded(content: Any) -> Markup:
    """JSON for a ``<script>``: nothing in it can end the element or begin a comment."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _own_files() -> dict[str, Any]:
    """Style and scripts; the page's policy allows these scripts, by their hashes, and no other."""
    from plotly.offline import get_plotlyjs

    plotly = get_plotlyjs().replace("</script", "<\\/script")
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (plotly, script)]
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return {"plotly": Markup(plotly), "script": Markup(script), "style": Markup(style),
            "script_hashes": Markup(" ".join(f"'sha256-{digest}'" for digest in digests))}  # fmt: skip


def _head(summary: Mapping[str, Any]) -> dict[str, Any]:
    counts = states.counts(summary["runs"])
    done = sum(run["status"] == Status.FINISHED for run in summary["runs"].values())
    waiting = counts.get("unfinished", 0) + counts.get("missing", 0)
    facts = [counted(len(summary[name]), name.removesuffix("s")) for name in ("settings", "seeds", "runs")]
    facts += [f"{done:,} finished", *([f"{waiting:,} not finished yet"] if waiting else [])]
    fields = []
    for field in summary["sweep"]["fields"]:
        values = list({same(v): v for one in summary["settings"] if (v := one["point"][field]) is not None}.values())
        if all(isinstance(v, int | float) for v in values):
            values.sort()
        hidden = f"{VALUES} of {counted(len(values), 'value')} are shown" if len(values) > VALUES else ""
        fields.append((field, values[:VALUES], hidden))
    return {"facts": facts, "fields": fields}


def _answer(summary: Mapping[str, Any], settings: Sequence[wording.Setting]) -> dict[str, Any]:
    ranked, compared, fields = summary["ranking"], summary["comparisons"], summary["sweep"]["fields"]
    tables = []
    for table in ranked["tables"]:
        axis_of = answer.axis_of(table["rows"], ranked["better"])
        ends = axis_of.said(answer.drawn(table["rows"])) if axis_of else ""
        tables.append({**table, "axis": axis_of, "ends": ends})
    differences = answer.difference_axis(compared)
    few = 1 <= len(fields) <= 4
    points = [[one["point"][field] for field in fields] for one in summary["settings"]]
    named = points if few else [[one.label] for one in settings]
    # (text, what it is sorted by) of the columns that say which setting a row is
    cells = [[(shown(v), repr(v) if type(v) in (int, float) else shown(v)) for v in row] for row in named]
    short = wording.short_names(fields)
    ways = [one for one in summary["protocols"] if one["metric"] == ranked["metric"]]
    return {
        "tables": tables, "verdict": answer.verdict(ranked, [one.label for one in settings]), "cells": cells,
        "columns": [short[field] for field in fields] if few else ["setting"], "difference_axis": differences,
        "difference_ends": differences.said(one["mean"] for one in compared) if differences else "",
        "smallest_p": wording.number(2.0 ** (1 - len(summary["seeds"])), 2),
        "ways": [one["sha256"] for one in ways], "apart": protocols.differing(ways) if ways else {},
    }  # fmt: skip


def _curves(summary: Mapping[str, Any], settings: Sequence[wording.Setting]) -> dict[str, Any]:
    """What the page's script draws; where not all curves fit, those of the first settings are drawn."""
    order, found = summary["ranking"]["order"], summary["curves"]
    points = points_of(sum(len(one["settings"]) for one in found), POINTS, NUMBERS)
    drawn = order[: max(1, NUMBERS // (3 * FEWEST * max(1, len(found))))]
    shared: dict[tuple[int, ...], int] = {}  # steps -> their position
    metrics, kept = [], []
    for one in found:
        by_setting = {line["setting"]: line for line in one["settings"]}
        own = [by_setting[number] for number in drawn if number in by_setting]
        kept += own
        said = {name: one[name] for name in one if name != "settings"}
        metrics.append({**said, "curves": [_line(line, points, shared) for line in own]})
    most, lost = max((line["records"] for line in kept), default=0), sum(line["not_finite"] for line in kept)
    notes = []
    if most > points:
        notes.append(f"At most {points} points of a curve are drawn, evenly spaced; the longest has {most:,} records.")
    if len(order) > len(drawn):
        notes.append(f"Curves of {len(drawn)} of {counted(len(order), 'setting')} are in this page, the best first.")
    if lost:
        notes.append(f"Left out of means and bands: {counted(lost, 'value')} that are NaN or infinite.")
    present = {line["setting"] for line in kept}
    in_curves = [number for number in order if number in present]
    data = {
        "steps": [list(steps) for steps in shared], "metrics": metrics,
        "labels": {setting.number: setting.label for setting in settings},
        "positions": {number: i for i, number in enumerate(order)}, "order": in_curves, "some": SOME,
        "first": _first_metrics(summary["sweep"]["metric"], metrics),
    }  # fmt: skip
    return {"data": data, "notes": notes, "drawn": in_curves, "some": min(SOME, len(in_curves))}


def _line(line: Mapping[str, Any], points: int, shared: dict[tuple[int, ...], int]) -> dict[str, Any]:
    chosen = thinned(range(len(line["steps"])), points)
    position = shared.setdefault(tuple(line["steps"][i] for i in chosen), len(shared))
    made: dict[str, Any] = {"setting": line["setting"], "steps": position}
    for name in ("mean", "low", "high"):
        made[name] = line[name] and [_rounded(line[name][i]) for i in chosen]
    n = [line["n"][i] for i in chosen]
    return {**made, "n": n[0] if len({*n}) == 1 else n, "seeds": line["seeds"]}


def _rounded(value: float | None) -> float | int | None:
    if value is None:
        return None
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short


def _first_metrics(metric: str, metrics: Sequence[Mapping[str, Any]]) -> list[int]:
    """Which metrics the panels show at first: the one that ranks, or the first evaluated one, and a loss beside it."""
    names = [one["name"].removesuffix(" [1]") for one in metrics]
    of_kind = {kind: [i for i, one in enumerate(metrics) if one["kind"] == kind] for kind in ("evaluation", "training")}
    ranked = [names.index(metric)] if metric in names else of_kind["evaluation"][:1]
    return [*ranked, *of_kind["training"], 0, 0][:2]


def _factors(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    found = summary["fields"]
    if found is None:
        return None
    levels, made = [level for one in found["fields"] for level in one["levels"]], []
    for one in found["fields"]:
        count, kept = len(one["levels"]), thinned(one["levels"], LEVELS)
        note = f"{len(kept)} of {counted(count, 'value')} are shown." if len(kept) < count else ""
        percent = None if one["share"] is None else round(100 * min(1.0, max(0.0, one["share"])), 1)
        made.append({**one, "levels": kept, "note": note, "percent": percent})
    places = axis(level[name] for level in levels for name in ("mean", "low", "high"))
    return {**found, "fields": made, "axis": places}


def _tiles(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    groups = summary["costs"]["groups"]
    total = answer.totals(groups)
    tiles = [(duration(sum(run["seconds"] for run in summary["runs"].values())), "in training, summed over runs")]
    if groups:
        tiles += [
            (duration(total["seconds"]), "in groups of runs"),
            (f"{total['programs']:,}", "training program" if total["programs"] == 1 else "training programs"),
            (duration(total["compile_seconds"]), "of compiling"),
        ]
    if total["compared"]:
        tiles.append((f"{total['compared']:,}", "more programs compiled to compare ways of training"))
    return tiles
