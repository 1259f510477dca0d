from types import SimpleNamespace

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from support.values import numbers

from gan_jax.data import synthetic
from gan_jax.errors import MetricError
from gan_jax.metrics.divergences import jensen_shannon, kullback_leibler
from gan_jax.metrics.grid import cell_centres, count
from gan_jax.metrics.grid_divergence import data_probabilities, grid_divergence

NORMAL = synthetic.gaussian((0.0,), 1.0)
PLANE = synthetic.gaussian((0.0, 0.0), 1.0)


def divergences(x, density, cells=50, alpha=1.0, **changes):
    """KL, reverse KL and Jensen-Shannon divergence; the density with some of its fields changed."""
    known = {"log_density": density.log_density, "support": density.support, **changes}
    return numbers(grid_divergence(x, SimpleNamespace(**known), cells, alpha))


def draws(seed, num, mean=0.0, std=1.0, dimension=1):
    return np.random.default_rng(seed).normal(mean, std, (num, dimension))


def test_probabilities_of_cells_are_those_of_the_distribution_function():
    p = np.exp(data_probabilities(NORMAL.log_density, NORMAL.support, 50))
    edges = np.linspace(-5, 5, 51)
    np.testing.assert_allclose(p[:-1], np.diff(stats.norm.cdf(edges)), rtol=2e-3, atol=1e-8)
    assert p[-1] < 1e-5


def test_two_gaussians_in_one_dimension():
    # KL(N(0, 1) || N(1, 1)) = 1/2 both ways; between means 0 and s with stds 1 and s, the closed form.
    kl, reverse, js = divergences(draws(0, 200_000, 1.0), NORMAL, 100, support=((-6.0, 7.0),))
    assert abs(kl - 0.5) < 0.02
    assert abs(reverse - 0.5) < 0.02
    kl, reverse, _ = divergences(draws(1, 200_000, 0.0, 2.0), NORMAL, 100, support=((-9.0, 9.0),))
    assert abs(kl - (np.log(2) + 1 / 8 - 1 / 2)) < 0.02
    assert abs(reverse - (-np.log(2) + 2 - 1 / 2)) < 0.05
    x = np.linspace(-12, 13, 20_001)
    p, q = stats.norm.pdf(x), stats.norm.pdf(x, 1)
    assert abs(js - jensenshannon(p, q) ** 2) < 0.005


def test_in_the_plane_against_scipys_histograms():
    x = draws(2, 5000, 0.5, 1.2, 2)
    kl, reverse, js = divergences(x, PLANE, 20)
    edges = np.linspace(-5, 5, 21)
    side = np.diff(stats.norm.cdf(edges))
    p = np.append(np.outer(side, side).reshape(-1), 1e-9)
    inside, *_ = np.histogram2d(x[:, 0], x[:, 1], bins=[edges, edges])
    counts = np.append(inside.reshape(-1), 5000 - inside.sum())
    np.testing.assert_allclose(kl, stats.entropy(p, counts + 1), rtol=2e-3)
    np.testing.assert_allclose(reverse, stats.entropy(counts, p), rtol=2e-2)
    np.testing.assert_allclose(js, jensenshannon(p, counts) ** 2, rtol=2e-3)


def test_samples_of_the_data_leave_the_noise_of_counting():
    ring = synthetic.ring()
    kl, _, js = divergences(np.asarray(ring.sample(jax.random.key(0), 50_000)), ring, 100)
    # Few of the 10,000 cells hold any of the data's mass; the smoothing moves a sixth of it into the others.
    assert 0 < kl < 0.25
    assert js < 0.02


def test_disjoint_and_missing():
    away = np.full((1000, 1), 4.95)
    kl, reverse, js = divergences(away, NORMAL, 20)
    assert abs(js - np.log(2)) < 1e-3
    assert np.isfinite(kl)
    assert divergences(away, NORMAL, 20, alpha=0.0)[0] == np.inf
    assert reverse > 10
    assert np.isfinite(divergences(np.full((10, 1), 99.0), NORMAL)[1])
    # exp of the log density underflows there, its logarithm does not
    narrow = synthetic.gaussian((0.0,), 0.01)
    assert 4e3 < divergences(np.full((10, 1), 1.0), narrow, 200, support=((-1.1, 1.1),))[1] < 6e3


def test_divergences_of_histograms_with_zeros():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    assert kullback_leibler(p, q) == pytest.approx(np.log(2))
    assert kullback_leibler(q, p) == np.inf
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q) ** 2)
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(np.log(2))


def test_cells_and_counts_agree_on_their_order():
    support = ((0.0, 1.0), (10.0, 14.0))
    centres = cell_centres(support, 4)
    for index in (0, 3, 4, 9, 15):
        counts, outside = count(centres[index : index + 1], support, 4)
        assert counts.argmax() == index
        assert outside == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"support": ((0.0, 1.0),) * 3}, "the data must have one or two dimensions, got 3"),
        ({"x": np.full((4, 1), np.nan)}, "samples must be finite numbers, got nan in row 0"),
        ({"support": ((0.0, 5.0),)}, "mass in .* comes out as 0.5 with cells=50"),
    ],
)
def test_refusals(change, said):
    with pytest.raises(MetricError, match=said):
        divergences(**{"x": draws(0, 10), "density": NORMAL, **change})


def test_a_density_below_the_smallest_number_leaves_the_divergence_finite():
    """As of a narrow mode, far from which the probability of a cell is 5e-324, and half of that is 0."""
    tiny = np.array([1.0, 5e-324, 0.0])
    assert jensen_shannon(tiny, np.array([1.0, 0.0, 0.0])) == 0.0
    assert jensen_shannon(tiny, np.array([0.0, 0.0, 1.0])) == pytest.approx(np.log(2), rel=1e-15)
    ring = synthetic.ring()
    samples = np.random.default_rng(0).uniform(-1.2, 1.2, (500, 2))
    assert 0 < divergences(samples, ring)[2] < np.log(2)
