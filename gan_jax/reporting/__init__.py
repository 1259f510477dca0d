"""Reports of sweeps: a summary as JSON, one HTML file for reading, figures for papers. All from records alone."""

from pathlib import Path

from gan_jax import files
from gan_jax.errors import WorkdirError
from gan_jax.paths import expanded
from gan_jax.reporting.page import render
from gan_jax.reporting.summary import FILE, encoded, summary_of

__all__ = ["summary_of", "write_figures", "write_report"]
PAGE = "report.html"


def write_report(workdir: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a sweep (WORKDIR/report.html if ``out`` is None), and summary.json, of which it is made."""
    workdir = expanded("workdir", workdir)
    path = workdir / PAGE if out is None else expanded("out", out)
    if path.is_dir():  # before the page is made, which may take a while
        raise WorkdirError(f"{str(path)!r} cannot be written: it is a folder; choose a file, such as {path / PAGE}")
    summary = summary_of(workdir)
    files.probe(path.parent)
    files.write(workdir, {FILE: encoded(summary)})
    return files.write(path.parent, {path.name: render(summary, workdir).encode()})[0]


def write_figures(workdir: str | Path, folder: str | Path | None = None) -> list[Path]:
    """Write the figures that a sweep's records allow, all or none, to ``folder`` (WORKDIR/figures if None).

    They are ranking, curves_METRIC (of the metric that ranks and of every loss), sensitivity and samples, each as .png
    and .pdf.
    """
    from gan_jax.reporting import paper

    workdir = expanded("workdir", workdir)
    place = workdir / "figures" if folder is None else expanded("figures", folder)
    summary = summary_of(workdir)
    files.probe(place)  # before the figures are drawn, which takes a while
    return files.write(place, paper.contents(summary, workdir))
