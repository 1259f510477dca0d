"""Figures of a sweep for papers: PNG at 200 dpi, and PDF with fonts that can be edited."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from gan_jax.figures.style import INK, new_figure, pdf, png, styled
from gan_jax.reporting.answer import axis_of, drawn
from gan_jax.reporting.axes import Axis, finite
from gan_jax.reporting.curves import thinned
from gan_jax.reporting.grids import load
from gan_jax.reporting.wording import Setting, counted, number, settings_of, shown

# Eight colours that colour-blind readers keep apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8589a", "#c48500", "#3f9fd8", "#222222", "#7a7f87")
QUIET = "#8a8a8a"
DPI = 200
CURVES, ROWS, LEVELS, GRID_ROWS, GRID_COLUMNS = 8, 30, 16, 8, 5  # at most, in a figure


def contents(summary: Mapping[str, Any], workdir: Path) -> dict[str, bytes]:
    """File name -> bytes of all figures; the same bytes for the same summary and sample grids of a work directory."""
    ranking, settings, found = summary["ranking"], settings_of(summary), summary["fields"]
    table: Mapping[str, Any] = next(iter(ranking["tables"]), {"rows": [], "protocol": ""})
    made: dict[str, bytes] = {}

    def keep(name: str, figure: Figure) -> None:
        made[f"{name}.png"] = png(figure, DPI, colours=None)  # bands and samples have more than 128 colours
        made[f"{name}.pdf"] = pdf(figure)

    with styled():
        if finite(drawn(table["rows"])):
            keep("ranking", draw_ranking(ranking, settings))
        for one in summary["curves"]:
            ranked = one["protocol"] == table["protocol"] != ""
            if one["settings"] and (ranked or one["name"].endswith("/loss")):
                title = ranking["metric"] if ranked else one["name"]
                figure = draw_curves(title, one["settings"], settings, ranking["order"])
                keep(f"curves_{title.replace('/', '_')}", figure)
        if found is not None and finite(one["mean"] for field in found["fields"] for one in field["levels"]):
            keep("sensitivity", draw_sensitivity(summary))
        if (montage := draw_samples(summary, settings, workdir)) is not None:
            keep("samples", montage)
    return made


def draw_ranking(ranking: Mapping[str, Any], settings: Sequence[Setting]) -> Figure:
    """Means with their intervals, one row for each setting, and every run as a small dot."""
    every, metric, better = ranking["tables"][0]["rows"], ranking["metric"], ranking["better"]
    rows, places = every[:ROWS], axis_of(every, better)
    assert places is not None
    labels = [_label(settings[row["setting"]]) + ("" if row["values"] else " (no value)") for row in rows]
    lines = max(label.count("\n") + 1 for label in labels)
    figure = new_figure(6.5, 0.9 + (0.12 + 0.16 * lines) * len(rows))
    axes = figure.add_subplot()
    for y, row in enumerate(rows):
        values = [float(value) for value in row["values"].values()]
        axes.plot(values, [y] * len(values), ".", color=QUIET, markersize=4, zorder=2)
        _interval(axes, y, row)
        _arrows(axes, y, places, row["mean"], values)
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    if places.logarithmic:
        axes.set_xscale("log")
    if beyond := any(places.beyond(drawn(every))):
        margin = 0.0 if places.logarithmic else 0.04 * (places.high - places.low)
        axes.set_xlim(places.low - margin, places.high + margin)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{metric} ({better} is better)" if better else metric)
    notes = [_part(len(rows), len(every), "setting"), "arrows: beyond the axis" * beyond]
    _say(axes, ", ".join(filter(None, notes)))
    return figure


def draw_curves(
    name: str, lines: Sequence[Mapping[str, Any]], settings: Sequence[Setting], order: Sequence[int]
) -> Figure:
    """Means over seeds against steps, with bands from the smallest to the largest, of the best settings."""
    by_setting = {line["setting"]: line for line in lines}
    known = [number for number in order if number in by_setting]
    figure = new_figure(6.5, 3.6 + 0.17 * math.ceil(min(len(known), CURVES) / 2))
    axes = figure.add_subplot()
    for colour, setting in zip(COLOURS, known[:CURVES], strict=False):
        line = by_setting[setting]
        steps = line["steps"]
        axes.plot(steps, np.asarray(line["mean"], float), color=colour, linewidth=1.6,
                  marker="o" if len(steps) == 1 else None, label=_plain(settings[setting].label))  # fmt: skip
        if line["low"] is not None:
            low, high = (np.asarray(line[end], float) for end in ("low", "high"))
            axes.fill_between(steps, low, high, color=colour, alpha=0.16, linewidth=0)
    axes.set(xlabel="step", ylabel=_plain(name))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlim(left=0)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    _say(axes, _part(min(len(known), CURVES), len(known), "setting"))
    return figure


def draw_sensitivity(summary: Mapping[str, Any]) -> Figure:
    """Means at each value of each field, and the shares of the variance."""
    every = summary["fields"]["fields"]
    found = [one for one in every if len(one["levels"]) > 1] or every
    kept = [thinned(one["levels"], LEVELS) for one in found]
    heights = [len(levels) + 1.4 for levels in kept]
    figure = new_figure(6.5, 0.6 + 0.25 * sum(heights))
    panels = figure.subplots(len(kept), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, one, levels in zip(panels, found, kept, strict=True):
        for y, level in enumerate(levels):
            _interval(axes, y, level)
        axes.set_yticks(range(len(levels)), [_plain(shown(level["level"])) for level in levels])
        axes.set_ylim(len(levels) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        share = "" if one["share"] is None else f", {100 * one['share']:.0f}% of the variance"
        axes.set_title(f"{one['field']}{share}")
        _say(axes, _part(len(levels), len(one["levels"]), "value"))
    panels[-1].set_xlabel(_plain(summary["ranking"]["metric"]))
    return figure


def draw_samples(summary: Mapping[str, Any], settings: Sequence[Setting], workdir: Path) -> Figure | None:
    """The newest sample grids: rows are settings, the best first, columns seeds. None where there is none."""
    seeds, runs = summary["seeds"][:GRID_COLUMNS], summary["runs"]
    known = [settings[number] for number in summary["ranking"]["order"] if any(
        runs[run]["grids"] for seed, run in settings[number].runs.items() if seed in seeds)]  # fmt: skip
    if not known:
        return None
    kept = known[:GRID_ROWS]
    longest = max(len(word) for setting in kept for word in setting.words)
    figure = new_figure(max(1.3, 0.07 * longest) + 1.45 * len(seeds), 0.4 + 1.5 * len(kept))
    table = figure.subplots(len(kept), len(seeds), squeeze=False)
    for i, setting in enumerate(kept):
        for j, seed in enumerate(seeds):
            axes = table[i, j]
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            run = setting.runs.get(seed)
            stored = reversed(runs[run]["grids"]) if run else ()
            picture = next(filter(None, (load(workdir, str(run), step) for step in stored)), None)
            if picture is None:
                axes.text(0.5, 0.5, "no grid", ha="center", va="center", transform=axes.transAxes, color=QUIET)
            else:
                axes.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            if i == 0:
                axes.set_title(f"seed {seed}", loc="center", fontweight="normal", fontsize=9)
        words = "\n".join(_plain(word) for word in setting.words)
        table[i, 0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=8)
    notes = [_part(len(kept), len(known), "setting"), _part(len(seeds), len(summary["seeds"]), "seed")]
    if any(notes):
        figure.supxlabel(", ".join(filter(None, notes)), fontsize=8)
    return figure


def _arrows(axes: Axes, y: float, places: Axis, mean: Any, values: Sequence[float]) -> None:
    """Marks for what is beyond the axis: a mean with its number, single runs in grey."""
    sides = ((places.low, "<", "left", 5), (places.high, ">", "right", -5))
    for (end, marker, side, gap), far, some in zip(sides, places.beyond([mean]), places.beyond(values), strict=True):
        if far or some:
            axes.plot(end, y, marker, color=COLOURS[0] if far else QUIET, markersize=6, clip_on=False)
        if far:
            axes.annotate(f" {number(mean)} ", (end, y), ha=side, va="center", xytext=(gap, 0),
                          textcoords="offset points", fontsize=8)  # fmt: skip


def _interval(axes: Axes, y: float, row: Mapping[str, Any]) -> None:
    ends = finite([row["low"], row["high"]])
    if len(ends) == 2:
        axes.plot(ends, [y, y], color=COLOURS[0], linewidth=2.2, alpha=0.6, solid_capstyle="round", zorder=3)
    for mean in finite([row["mean"]]):
        axes.plot(mean, y, "o", color=COLOURS[0], markersize=6, markeredgecolor="white", zorder=4)


def _say(axes: Axes, text: str) -> None:
    if text:
        axes.set_title(text, loc="right", fontsize=8, fontweight="normal", color=INK)


def _part(shown: int, known: int, noun: str) -> str:
    return f"{shown} of {counted(known, noun)}" if shown < known else ""


def _label(setting: Setting) -> str:
    """A setting's name, on several lines where it is long."""
    return _plain(setting.label if len(setting.label) <= 45 else ",\n".join(setting.words))


def _plain(text: str) -> str:
    """Text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")
