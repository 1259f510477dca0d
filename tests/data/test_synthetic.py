"""Densities against quadrature and another library, samples against densities."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from scipy import stats

from gan_jax.data import load
from gan_jax.data.synthetic import gaussian, grid, mixture, ring, spiral, two_moons
from gan_jax.errors import DataError

PLANE = {
    "gaussian": gaussian((0.5, -1.0), 0.7),
    "ring": ring(),
    "grid": grid(),
    "spiral": spiral(),
    "two_moons": two_moons(),
}
SMALLEST_STD = {"gaussian": 0.7, "ring": 0.02, "grid": 0.05, "spiral": 0.02, "two_moons": 0.05}


def midpoints(low, high, step):
    num = int(np.ceil((high - low) / step))
    edges = np.linspace(low, high, num + 1)
    return (edges[:-1] + edges[1:]) / 2, (high - low) / num


@functools.cache
def density_on_grid(name):
    """Density at the midpoints of cells of a quarter of the width of a mode, and the area of a cell."""
    (x, dx), (y, dy) = (midpoints(*ends, 0.25 * SMALLEST_STD[name]) for ends in PLANE[name].support)
    rows = jax.jit(lambda x: jax.lax.map(lambda x: jnp.exp(PLANE[name].log_density(x)), x))
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).astype(np.float32)
    return np.asarray(rows(points), np.float64), dx * dy


def drawn(distribution, seed, num):
    return np.asarray(jax.jit(distribution.sample, static_argnums=1)(jax.random.key(seed), num))


@pytest.mark.parametrize("name", PLANE)
def test_density_integrates_to_one(name):
    density, area = density_on_grid(name)
    assert density.sum() * area == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", PLANE)
def test_samples_follow_the_density(name):
    density, area = density_on_grid(name)
    cells = 12
    num = [side // cells * cells for side in density.shape]
    probability = (density * area)[: num[0], : num[1]].reshape(cells, num[0] // cells, cells, num[1] // cells)
    probability = probability.sum(axis=(1, 3))
    edges = [
        np.linspace(low, low + (high - low) * kept / side, cells + 1)
        for (low, high), kept, side in zip(PLANE[name].support, num, density.shape, strict=True)
    ]
    samples = drawn(PLANE[name], 3, 20000)
    observed = np.histogram2d(*samples.T, bins=edges)[0]
    frequent = probability * len(samples) > 5
    observed = np.append(observed[frequent], len(samples) - observed[frequent].sum())
    expected = np.append(probability[frequent], 1 - probability[frequent].sum()) * len(samples)
    if expected[-1] < 5:
        observed = np.append(observed[:-2], observed[-2:].sum())
        expected = np.append(expected[:-2], expected[-2:].sum())
    assert stats.chisquare(observed, expected).pvalue > 1e-4


@pytest.mark.parametrize(("mean", "std"), [(-1.0, 1.0), (4.0, 0.5)])
def test_gaussian_in_one_dimension(mean, std):
    distribution = gaussian((mean,), std)
    samples = drawn(distribution, 0, 5000)
    assert samples.shape == (5000, 1)
    assert stats.kstest(samples[:, 0], stats.norm(mean, std).cdf).pvalue > 1e-4
    x = np.linspace(mean - 4 * std, mean + 4 * std, 101, dtype=np.float32)[:, None]
    np.testing.assert_allclose(
        jax.jit(distribution.log_density)(x), stats.norm(mean, std).logpdf(x[:, 0]), rtol=1e-5, atol=1e-5
    )


def test_log_density_against_scipy():
    means, std = np.array([[0.0, 1.0, 2.0], [3.0, -1.0, 0.5]]), 0.8
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    densities = [stats.multivariate_normal(mean, std**2 * np.eye(3)).pdf(x) for mean in means]
    result = jax.jit(mixture("test", means, std).log_density)(x.astype(np.float32))
    assert result.shape == (4, 5)
    np.testing.assert_allclose(result, np.log(np.mean(densities, axis=0)), rtol=1e-4)


def test_log_density_is_finite_far_away_and_differentiable():
    far = np.array([1e3, -1e3], np.float32)
    assert np.isfinite(jax.jit(ring().log_density)(far))
    # The gradient far from one Gaussian is (mean - x) / std**2.
    gradient = jax.jit(jax.grad(gaussian((0.0, 0.0), 2.0).log_density))(np.array([3.0, -5.0], np.float32))
    np.testing.assert_allclose(gradient, [-0.75, 1.25], rtol=1e-5)


@pytest.mark.parametrize(("distribution", "modes"), [(ring(), 8), (grid(), 25), (ring(modes=3, radius=2.0), 3)])
def test_modes_are_equally_frequent(distribution, modes):
    assert distribution.means.shape == (modes, 2)
    samples = drawn(distribution, 1, 10000)
    distance = np.linalg.norm(samples[:, None] - distribution.means, axis=-1)
    assert stats.chisquare(np.bincount(distance.argmin(axis=1), minlength=modes)).pvalue > 1e-4
    assert np.all(distance.min(axis=1) < 6 * distribution.std)


def test_geometry():
    np.testing.assert_allclose(np.linalg.norm(ring(radius=3.0).means, axis=-1), 3.0, rtol=1e-6)
    np.testing.assert_allclose(ring().means[0], [1.0, 0.0])
    assert set(map(tuple, grid().means.tolist())) == set(itertools.product([-4.0, -2.0, 0.0, 2.0, 4.0], repeat=2))
    two_arms = drawn(spiral(), 0, 2000)
    assert np.linalg.norm(two_arms, axis=-1).max() < 1.0 + 6 * 0.02
    for curve in (spiral(), two_moons()):
        assert curve.means is None
        assert curve.std is None


@pytest.mark.parametrize(
    ("name", "option", "value", "allowed"),
    [
        ("ring", "modes", 0, "a whole number of at least 1"),
        ("ring", "radius", 0.0, "a finite number above 0"),
        ("ring", "std", -1.0, "a finite number above 0"),
        ("grid", "side", 0, "a whole number of at least 1"),
        ("grid", "spacing", float("nan"), "a finite number above 0"),
        ("gaussian", "std", float("inf"), "a finite number above 0"),
        ("gaussian", "mean", (), "a tuple of float, at least one"),
        ("spiral", "components", 1, "a whole number of at least 2"),
        ("two_moons", "components", 1, "a whole number of at least 2"),
    ],
)
def test_impossible_options(name, option, value, allowed):
    with pytest.raises(DataError, match=rf"^data.{name}.{option}=.* is not possible; allowed: {allowed}$"):
        load(name, **{option: value})


@pytest.mark.parametrize("name", PLANE)
def test_a_source_of_points_is_endless(name):
    source = load(name)
    assert source.arrays == {}
    assert source.num_examples is None
    assert source.value_range is None


def test_point_depends_on_its_position_alone():
    source, key = load("ring"), jax.random.key(4)
    fetch = jax.jit(source.fetch)
    together = np.asarray(fetch({}, key, np.arange(100, 164))["image"])
    assert together.shape == (64, *source.shape)
    assert together.dtype == np.float32
    order = np.random.default_rng(0).permutation(64)
    assert np.array_equal(fetch({}, key, 100 + order)["image"], together[order])
    assert np.array_equal(fetch({}, key, np.array([117]))["image"], together[17:18])
    assert len(np.unique(together, axis=0)) == 64
    assert not np.array_equal(fetch({}, jax.random.key(5), np.arange(100, 164))["image"], together)


@pytest.mark.parametrize("num", [1, 2001])
def test_the_first_examples_are_those_of_the_run(num):
    source, key = load("ring"), jax.random.key(4)
    on_mesh = jax.device_put(key, NamedSharding(Mesh(np.asarray(jax.devices()), ("batch",)), PartitionSpec()))
    expected = source.fetch({}, key, jnp.arange(num, dtype=jnp.int32))["image"]
    assert np.array_equal(source.take(key, num)["image"], expected)
    assert np.array_equal(source.take(on_mesh, num)["image"], expected)
