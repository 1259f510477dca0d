"""The three generator costs of the 2016 tutorial against D(G(z)), and the slopes that the generator follows.

References:
  Goodfellow, NIPS 2016 Tutorial: Generative Adversarial Networks, 2016, arXiv:1701.00160, section 3.2.5 and its figure
    of the costs.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gan_jax import losses
from gan_jax.figures.style import COLOURS, FAINT, new_figure, pdf, png, styled

# The tutorial writes 1/2 before every cost of both players; our losses have no such factor.
FACTOR = 0.5

# Loss -> what the figure calls it, and formulas of its cost and slope, for the legends only.
COSTS = {
    "minimax": ("minimax", r"\frac{1}{2}\,\log(1-d)", r"-\frac{1}{2}\,d"),
    "non_saturating": ("non-saturating", r"-\frac{1}{2}\,\log\,d", r"-\frac{1}{2}\,(1-d)"),
    "maximum_likelihood": ("maximum likelihood", r"-\frac{1}{2}\,d/(1-d)", r"-\frac{1}{2}\,d/(1-d)"),
}


def grid() -> np.ndarray:
    """Probabilities d in (0, 1), float64: every thousandth, and down to 1e-6 from either end."""
    ends = [digit / 10**k for k in (4, 5, 6) for digit in range(1, 10)]
    return np.unique(np.concatenate([np.arange(1, 1000) / 1000, ends, 1 - np.array(ends)]))


def curves(d: np.ndarray) -> dict[str, np.ndarray]:
    """The generators' costs at D(G(z)) = d, and as NAME_slope their derivatives with respect to the logit."""
    costs, slopes = {}, {}
    with jax.enable_x64(True):
        logits = jnp.asarray(np.log(d) - np.log1p(-d))
        for name in COSTS:
            generator = losses.get(name).generator
            costs[name] = FACTOR * np.asarray(generator(logits, logits))
            slope = jax.grad(lambda v, generator=generator: jnp.sum(generator(v, v)))(logits)  # type: ignore[misc]
            slopes[f"{name}_slope"] = FACTOR * np.asarray(slope)
    return costs | slopes


def draw(d: np.ndarray, made: dict[str, np.ndarray]) -> Figure:
    """Both panels."""
    figure = new_figure(9.0, 4.0)
    left, right = figure.subplots(1, 2)
    for colour, (name, (label, cost, slope)) in zip(COLOURS, COSTS.items(), strict=True):
        left.plot(d, made[name], color=colour, linewidth=2.0, label=f"{label},  ${cost}$")
        right.plot(d, made[f"{name}_slope"], color=colour, linewidth=2.0, label=f"${slope}$")
    _finish(left, "Cost of the generator", "cost  J(G)", (-20.0, 5.0))
    left.legend(loc="lower left", bbox_to_anchor=(0.02, 0.02))
    _finish(right, "Its slope", "d J(G) / d logit", (-2.0, 0.1))
    right.legend(loc="lower left", bbox_to_anchor=(0.02, 0.02))
    right.annotate("the only slope where\nsamples are rejected", (0.03, -0.485), (0.1, -0.98),
                   arrowprops={"arrowstyle": "-", "color": "#555555", "linewidth": 0.8}, color="#555555")  # fmt: skip
    return figure


def _finish(axes: Axes, title: str, ylabel: str, limits: tuple[float, float]) -> None:
    axes.axhline(0.0, color=FAINT, linewidth=1.0, zorder=1)
    axes.set(title=title, ylabel=ylabel, xlabel="d = D(G(z))", xlim=(0.0, 1.0), ylim=limits)


def files() -> dict[str, bytes]:
    """File name -> contents of the whole figure."""
    d = grid()
    made = curves(d)
    table = pandas.DataFrame({"d": d, **made}).to_csv(index=False)
    with styled():
        figure = draw(d, made)
        return {"costs.png": png(figure), "costs.pdf": pdf(figure), "costs.csv": table.encode()}
