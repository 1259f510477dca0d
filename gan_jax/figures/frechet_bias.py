"""How the Frechet distance depends on the number of examples: real MNIST digits against real MNIST digits.

The distance of the two splits' distributions does not change with the number of examples that are looked at; its
estimate falls as the number grows. To first order the excess is proportional to 1 / n, so that a line through the
estimates over 1 / n meets the axis at an estimate for n = infinity.

References:
  Binkowski et al., Demystifying MMD GANs, 2018, arXiv:1801.01401, section 4 (the estimate is biased).
  Chong and Forsyth, Effectively Unbiased FID and Inception Score and where to find them, 2020, arXiv:1911.07023.
"""

from typing import NamedTuple

import numpy as np
import pandas
from matplotlib.figure import Figure

from gan_jax import extractors
from gan_jax.evaluation.features import of_reference
from gan_jax.evaluation.reference import load
from gan_jax.figures.style import COLOURS, FAINT, new_figure, png, styled
from gan_jax.metrics.frechet import frechet_distance, moments

SIZES = (250, 500, 1000, 2000, 5000, 10_000)
DRAWS = 10
SEED = 0


class Row(NamedTuple):
    """The distance of two sets of so many examples each, over the draws."""

    size: int
    mean: float
    std: float


def measure(train: np.ndarray, test: np.ndarray, sizes: tuple[int, ...] = SIZES, draws: int = DRAWS) -> list[Row]:
    """Frechet distances of random parts of two sets of features, float32 [N, D] and [M, D]; one row a size."""
    rng, rows = np.random.default_rng(SEED), []
    for size in sizes:
        found = []
        for _ in range(draws):
            first, second = (moments(part[rng.permutation(len(part))[:size]]) for part in (train, test))
            found.append(frechet_distance(first, second))
        rows.append(Row(size, float(np.mean(found)), float(np.std(found, ddof=1))))
    return rows


def extrapolated(rows: list[Row]) -> tuple[float, float]:
    """(intercept, slope) of the least-squares line of the means over 1 / n, each weighted by 1 / std."""
    size, mean, std = np.asarray(rows).T
    slope, intercept = np.polyfit(1.0 / size, mean, 1, w=1.0 / std)
    return float(intercept), float(slope)


def draw(rows: list[Row]) -> Figure:
    """The means over 1 / n with their standard deviations, and the line."""
    intercept, slope = extrapolated(rows)
    size, mean, std = np.asarray(rows).T
    x = 1.0 / size
    figure = new_figure(6.0, 4.0)
    axes = figure.subplots()
    ends = np.asarray([0.0, x.max()])
    axes.plot(ends, intercept + slope * ends, color=FAINT, linewidth=1.5)
    axes.errorbar(x, mean, std, fmt="o", color=COLOURS[1], capsize=3.0)
    for one, at in zip(rows, x, strict=True):
        lower = -3.0 if one.size == 5000 else -11.0  # its neighbour's label stands below
        axes.annotate(f"{one.size:,}", (at, one.mean), (5.0, lower), textcoords="offset points", color=COLOURS[0])
    axes.set(
        title="Real MNIST digits against real MNIST digits", xlabel="1 / n", ylabel="Frechet LeNet distance",
        xlim=(-0.02 * x.max(), 1.1 * x.max()), ylim=(0.0, None),
    )  # fmt: skip
    return figure


def table(rows: list[Row]) -> str:
    """The rows as CSV."""
    return pandas.DataFrame(rows, columns=["n", "mean", "std"]).to_csv(index=False)


def files() -> dict[str, bytes]:
    """File name -> contents of the whole figure; reads MNIST."""
    lenet = extractors.get("lenet", dataset="mnist")
    train, test = (
        of_reference(lenet, load("mnist", split, 60_000, data_dir=None, options={}))[0] for split in ("train", "test")
    )
    rows = measure(train, test)
    with styled():
        return {"frechet_bias.png": png(draw(rows)), "frechet_bias.csv": table(rows).encode()}
