"""How figures look, and how they become bytes: the same bytes every time, whatever the user's matplotlib settings."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

INK, FAINT = "#222222", "#d9d9d9"

# Three colours that colour-blind readers and a grey print keep apart: their lightness differs.
COLOURS = ("#111111", "#0072B2", "#E69F00")
TEXT_COLOURS = ("#111111", "#0072B2", "#9A6A00")  # the last is dark enough to be read

_SETTINGS: Mapping[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#8a8a8a",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#ececec",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "text.color": INK,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
}


@contextmanager
def styled() -> Iterator[None]:
    """Within the context, figures look like ours."""
    with matplotlib.style.context(["default", dict(_SETTINGS)]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that no global state knows of."""
    return Figure(figsize=(width, height), layout="constrained")


def png(figure: Figure, dpi: int = 150, *, colours: int | None = 128) -> bytes:
    """The figure in pixels of so many colours (None: all), without a trace of when or by what it was made."""
    canvas = FigureCanvasAgg(figure)
    before, figure.dpi = figure.dpi, dpi
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    figure.dpi = before
    if colours is not None:
        picture = picture.quantize(colours, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True, dpi=(dpi, dpi))
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as vectors, without a date."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    return buffer.getvalue()
