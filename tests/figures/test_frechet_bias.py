"""The figure of the Frechet distance's bias, on Gaussians whose distance is known."""

import numpy as np

from gan_jax.figures.frechet_bias import Row, draw, extrapolated, measure, table

SIZES = (200, 400, 800, 1600)


def test_the_excess_is_proportional_to_one_over_n():
    """Samples of N(0, I_d), whose distance is 0."""
    rng, dim = np.random.default_rng(0), 6
    first, second = (rng.normal(size=(40_000, dim)).astype(np.float32) for _ in range(2))
    rows = measure(first, second, SIZES, draws=60)
    assert [row.size for row in rows] == list(SIZES)
    intercept, slope = extrapolated(rows)
    assert abs(intercept) < 0.002
    # The means are |m1 - m2|^2 apart, 2 d / n in the mean. Covariances I + E1 and I + E2 are |E1 - E2|^2 / 4 apart to
    # first order, and E|E1 - E2|^2 = 2 d (d + 1) / n.
    assert abs(slope / (2 * dim + dim * (dim + 1) / 2) - 1) < 0.1


def test_its_files():
    rows = [Row(100, 2.5, 0.5), Row(200, 1.5, 0.25)]
    assert table(rows) == "n,mean,std\n100,2.5,0.5\n200,1.5,0.25\n"
    intercept, slope = extrapolated(rows)
    assert np.allclose((intercept, slope), (0.5, 200.0))
    labels = [text.get_text() for text in draw(rows).axes[0].texts]
    assert labels == ["100", "200"]
