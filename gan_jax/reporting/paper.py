"""Figures of a sweep for papers: PNG at 200 dpi, and PDF with fonts that can be edited."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from PIL import Image

from gan_jax import files
from gan_jax.figures.style import INK, new_figure, pdf, styled
from gan_jax.paths import expanded
from gan_jax.reporting.answer import Ranking, drawn, rankings
from gan_jax.reporting.axes import Axis
from gan_jax.reporting.curves import Series, band, series_of
from gan_jax.reporting.factors import Factors, factors
from gan_jax.reporting.grids import load, sample_steps
from gan_jax.reporting.material import Material, read
from gan_jax.reporting.wording import counted, number
from gan_jax.sweeps.layout import run_folder

# Eight colours that colour-blind readers keep apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8589a", "#c48500", "#3f9fd8", "#222222", "#7a7f87")
QUIET = "#8a8a8a"
DPI = 200
CURVES, ROWS, GRID_ROWS, GRID_COLUMNS = 8, 30, 8, 5  # at most, in a figure


def write_figures(workdir: str | Path, folder: str | Path | None = None) -> list[Path]:
    """Write the figures that a sweep's records allow, all or none.

    Args:
      workdir: of a sweep, which may be unfinished.
      folder: for the files, made if it is not there; WORKDIR/figures if None.

    Returns:
      The paths: ranking, curves_METRIC (of the metric that ranks and of every loss), sensitivity and samples, each as
      .png and .pdf; without those for which there is no record.

    Raises:
      WorkdirError: there is no sweep, a record cannot be read, or the folder cannot be written.
    """
    material = read(workdir)
    place = material.workdir / "figures" if folder is None else expanded("figures", folder)
    files.probe(place)  # before the figures are drawn, which takes a while
    return files.write(place, contents(material))


def contents(material: Material) -> dict[str, bytes]:
    """File name -> bytes of all figures; the same bytes for the same records."""
    ranking = rankings(material)[0]
    made: dict[str, bytes] = {}
    with styled():
        if ranking.axis is not None:
            made |= _both("ranking", draw_ranking(ranking))
        for name, (about, by_setting) in series_of(material).items():
            ranked = about["protocol"] == ranking.protocol != ""
            if by_setting and (ranked or name.endswith("/loss")):
                title = ranking.metric if ranked else name
                figure = draw_curves(material, title, by_setting, ranking.order)
                made |= _both(f"curves_{title.replace('/', '_')}", figure)
        found = factors(material, ranking.metric, ranking.protocol)
        if found is not None and found.axis is not None:
            made |= _both("sensitivity", draw_sensitivity(found))
        montage = draw_samples(material, ranking.order)
        if montage is not None:
            made |= _both("samples", montage)
    return made


def draw_ranking(ranking: Ranking) -> Figure:
    """Means with their intervals, one row for each setting, and every run as a small dot."""
    assert ranking.axis is not None
    rows, places = ranking.rows[:ROWS], ranking.axis
    figure = new_figure(6.5, 0.9 + 0.28 * len(rows))
    axes = figure.add_subplot()
    for y, row in enumerate(rows):
        axes.plot(list(row.values.values()), [y] * len(row.values), ".", color=QUIET, markersize=4, zorder=2)
        mean = float(row.table["mean"])
        _interval(axes, y, mean, float(row.table["low"]), float(row.table["high"]))
        _arrows(axes, y, places, mean, list(row.values.values()))
    labels = [row.setting.label if row.values else f"{row.setting.label} (no value)" for row in rows]
    axes.set_yticks(range(len(rows)), [_plain(text) for text in labels])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    if places.logarithmic:
        axes.set_xscale("log")
    if any(places.beyond(drawn(ranking))):
        margin = 0.0 if places.logarithmic else 0.04 * (places.high - places.low)
        axes.set_xlim(places.low - margin, places.high + margin)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{ranking.metric} ({ranking.better} is better)" if ranking.better else ranking.metric)
    arrows = "arrows: beyond the axis" if any(places.beyond(drawn(ranking))) else ""
    _say(axes, ", ".join(filter(None, (_part(len(rows), len(ranking.rows), "setting"), arrows))))
    return figure


def draw_curves(material: Material, name: str, by_setting: Mapping[int, Series], order: Sequence[int]) -> Figure:
    """Means over seeds against steps, with bands from the smallest to the largest, of the best settings."""
    known = [number for number in order if number in by_setting]
    figure = new_figure(6.5, 3.6 + 0.17 * math.ceil(min(len(known), CURVES) / 2))
    axes = figure.add_subplot()
    for colour, setting in zip(COLOURS, known[:CURVES], strict=False):
        series = by_setting[setting]
        steps = sorted({step for by_step in series.values() for step in by_step})
        mean, low, high, n = band(series, steps)
        axes.plot(steps, mean, color=colour, linewidth=1.6, marker="o" if len(steps) == 1 else None,
                  label=_plain(material.settings[setting].label))  # fmt: skip
        if int(n.max(initial=0)) > 1:
            axes.fill_between(steps, low, high, color=colour, alpha=0.16, linewidth=0)
    axes.set(xlabel="step", ylabel=_plain(name))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlim(left=0)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    _say(axes, _part(min(len(known), CURVES), len(known), "setting"))
    return figure


def draw_sensitivity(found: Factors) -> Figure:
    """Means at each value of each field, and the shares of the variance."""
    shown = [factor for factor in found.factors if len(factor.levels) > 1] or list(found.factors)
    heights = [len(factor.levels) + 1.4 for factor in shown]
    figure = new_figure(6.5, 0.6 + 0.25 * sum(heights))
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, factor in zip(panels, shown, strict=True):
        for y, level in enumerate(factor.levels):
            _interval(axes, y, level.mean, level.low, level.high)
        axes.set_yticks(range(len(factor.levels)), [_plain(level.text) for level in factor.levels])
        axes.set_ylim(len(factor.levels) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        share = "" if factor.share is None else f", {100 * factor.share:.0f}% of the variance"
        axes.set_title(f"{factor.field}{share}")
        _say(axes, factor.note)
    panels[-1].set_xlabel(_plain(found.metric))
    return figure


def draw_samples(material: Material, order: Sequence[int]) -> Figure | None:
    """The newest sample grids: rows are settings, the best first, columns seeds. None where there is none."""
    seeds = material.seeds[:GRID_COLUMNS]
    stored = {setting: {seed: run for seed, run in material.settings[setting].runs.items() if seed in seeds
                        and sample_steps(material, run)} for setting in order}  # fmt: skip
    known = [setting for setting in order if stored[setting]]
    if not known:
        return None
    kept = known[:GRID_ROWS]
    figure = new_figure(1.3 + 1.45 * len(seeds), 0.4 + 1.5 * len(kept))
    table = figure.subplots(len(kept), len(seeds), squeeze=False)
    for i, setting in enumerate(kept):
        for j, seed in enumerate(seeds):
            axes = table[i, j]
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            picture = _newest(material, stored[setting].get(seed))
            if picture is None:
                axes.text(0.5, 0.5, "no grid", ha="center", va="center", transform=axes.transAxes, color=QUIET)
            else:
                axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            if i == 0:
                axes.set_title(f"seed {seed}", loc="center", fontweight="normal", fontsize=9)
        words = "\n".join(_plain(word) for word in material.settings[setting].words)
        table[i, 0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=8)
    notes = [_part(len(kept), len(known), "setting"), _part(len(seeds), len(material.seeds), "seed")]
    if any(notes):
        figure.supxlabel(", ".join(filter(None, notes)), fontsize=8)
    return figure


def png(figure: Figure) -> bytes:
    """As that of ``gan_jax.figures.style``, but with every colour: bands and samples have more than 128."""
    buffer, out = io.BytesIO(), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    with Image.open(buffer) as image:
        image.convert("RGB").save(out, "PNG", optimize=True, dpi=(DPI, DPI))
    return out.getvalue()


def _arrows(axes: Axes, y: float, places: Axis, mean: float, values: Sequence[float]) -> None:
    """Marks for what is beyond the axis: a mean with its number, single runs in grey."""
    sides = ((places.low, "<", "left", 5), (places.high, ">", "right", -5))
    for (end, marker, side, gap), far, some in zip(sides, places.beyond([mean]), places.beyond(values), strict=True):
        if far or some:
            axes.plot(end, y, marker, color=COLOURS[0] if far else QUIET, markersize=6, clip_on=False)
        if far:
            axes.annotate(f" {number(mean)} ", (end, y), ha=side, va="center", xytext=(gap, 0),
                          textcoords="offset points", fontsize=8)  # fmt: skip


def _interval(axes: Axes, y: float, mean: float, low: float, high: float) -> None:
    if math.isfinite(low) and math.isfinite(high):
        axes.plot([low, high], [y, y], color=COLOURS[0], linewidth=2.2, alpha=0.6, solid_capstyle="round", zorder=3)
    if math.isfinite(mean):
        axes.plot(mean, y, "o", color=COLOURS[0], markersize=6, markeredgecolor="white", zorder=4)


def _newest(material: Material, run: str | None) -> np.ndarray | None:
    for step in reversed(sample_steps(material, run) if run else []):
        try:
            return np.asarray(load(run_folder(material.workdir, str(run)) / "samples" / f"{step}.png"))
        except OSError:  # cut short by a kill
            continue
    return None


def _both(name: str, figure: Figure) -> dict[str, bytes]:
    return {f"{name}.png": png(figure), f"{name}.pdf": pdf(figure)}


def _say(axes: Axes, text: str) -> None:
    if text:
        axes.set_title(text, loc="right", fontsize=8, fontweight="normal", color=INK)


def _part(shown: int, known: int, noun: str) -> str:
    return f"{shown} of {counted(known, noun)}" if shown < known else ""


def _plain(text: str) -> str:
    """Text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")
