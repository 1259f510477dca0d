"""Trajectories of the Dirac-GAN, a panel for each rule or method and a curve for each schedule."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gan_jax.figures import dirac
from gan_jax.figures.dirac_tables import Paths, printed, radius, simulate_all, table_csv, table_markdown, trajectories
from gan_jax.figures.style import COLOURS, INK, TEXT_COLOURS, new_figure, pdf, png, styled

COLUMNS = 3

# Of both axes: a panel takes the smallest that holds its courses; those that leave the largest are cut.
LIMITS = (1.8, 2.6, 3.3)


def draw(paths: Paths) -> Figure:
    """One image, a panel for each rule or method."""
    rows = -(-len(paths) // COLUMNS)
    figure = new_figure(8.4, 2.85 * rows + 0.5)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes, (title, courses) in zip(grid.flat, paths.items(), strict=False):
        _panel(axes, title, courses)
    for axes in list(grid.flat)[len(paths) :]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel("θ  (generator)")
    for axes in grid[:, 0]:
        axes.set_ylabel("ψ  (discriminator)")
    courses = next(iter(paths.values()))
    steps = len(next(iter(courses.values()))) - 1
    title = f"Above each panel: distance from the equilibrium after {steps} steps. Scales differ."
    figure.legend(
        handles=_legend(courses), loc="outside lower center", ncols=5, fontsize=9, title=title, title_fontsize=9
    )
    return figure


def _panel(axes: Axes, title: str, courses: Mapping[str, np.ndarray]) -> None:
    # The schedule whose course covers most of the panel lies at the bottom, the shortest on top.
    length = {name: float(np.abs(np.diff(path, axis=0)).sum()) for name, path in courses.items()}
    order = sorted(courses, key=length.__getitem__, reverse=True)
    for place, (name, path) in enumerate(courses.items()):
        axes.plot(path[:, 0], path[:, 1], color=COLOURS[place], linewidth=0.9, zorder=2 + order.index(name))
        above: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 8.5, "color": TEXT_COLOURS[place]}
        axes.text((0.0, 0.36, 0.72)[place], 1.02, printed(radius(path), 3), **above)
    axes.plot(1.0, 1.0, "o", color="white", markeredgecolor=INK, markersize=6, zorder=6)
    axes.plot(0.0, 0.0, "P", color="white", markeredgecolor=INK, markersize=7.5, zorder=6)
    axes.set_title(title, pad=17, fontsize=9)
    reach = max(float(np.abs(path).max()) for path in courses.values())
    limit = next((limit for limit in LIMITS if reach < 0.96 * limit), LIMITS[-1])
    ticks = range(-int(limit), int(limit) + 1)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=ticks, yticks=ticks, aspect="equal")


def _legend(courses: Mapping[str, np.ndarray]) -> list[Line2D]:
    lines = [Line2D([], [], color=c, linewidth=2.0, label=name) for name, c in zip(courses, COLOURS, strict=True)]
    mark: dict[str, Any] = {"linestyle": "", "color": "white", "markeredgecolor": INK}
    return [
        *lines,
        Line2D([], [], marker="o", markersize=6, label="start", **mark),
        Line2D([], [], marker="P", markersize=7.5, label="equilibrium", **mark),
    ]


def files(steps: int = dirac.STEPS) -> dict[str, bytes]:
    """File name -> contents of the whole figure."""
    rules, methods = simulate_all(dirac.RULES, steps), simulate_all(dirac.METHODS, steps)
    with styled():
        of_rules, of_methods = draw(rules), draw(methods)
        return {
            "dirac_rules.png": png(of_rules), "dirac_rules.pdf": pdf(of_rules),
            "dirac_methods.png": png(of_methods), "dirac_methods.pdf": pdf(of_methods),
            "dirac_trajectories.npz": trajectories(methods, rules),
            "dirac.csv": table_csv(methods, rules).encode(), "dirac.md": table_markdown(methods, rules).encode(),
        }  # fmt: skip
