from types import SimpleNamespace

import jax
import numpy as np
import pytest
from scipy.spatial.distance import cdist, jensenshannon
from support.values import numbers

from gan_jax.data import synthetic
from gan_jax.errors import ConfigError, MetricError
from gan_jax.metrics.modes import modes

RING = synthetic.ring(8, 1.0, 0.01)


def found_in(x, density=RING, **radii):
    """The values by the last words of their names."""
    names = ("captured", "held", "high_quality", "near", "reverse_kl", "jensen_shannon")
    return SimpleNamespace(**dict(zip(names, numbers(modes(x, density, **radii)), strict=True)))


def test_samples_of_the_data_itself():
    found = found_in(np.asarray(RING.sample(jax.random.key(0), 2500)))
    assert (found.captured, found.held) == (8, 8)
    assert abs(found.high_quality - (1 - np.exp(-4.5))) < 4 * np.sqrt(0.011 / 2500)  # a Rayleigh variable below 3
    assert found.near == 1
    assert found.reverse_kl < 0.01  # about 7 / (2 * 2500)


def test_one_mode_is_the_worst_case():
    found = found_in(np.repeat(RING.means[3:4], 100, axis=0))
    assert (found.captured, found.held, found.high_quality) == (1, 1, 1)
    np.testing.assert_allclose(found.reverse_kl, np.log(8), rtol=1e-12)
    one, uniform = np.eye(8)[3], np.full(8, 1 / 8)
    np.testing.assert_allclose(found.jensen_shannon, jensenshannon(one, uniform) ** 2, rtol=1e-10)


def test_by_brute_force():
    x = np.random.default_rng(0).normal(size=(400, 2)) * 0.8
    broad = synthetic.ring(8, 1.0, 0.05)
    found = found_in(x, broad, radius=2.0, loose_radius=4.0)
    distance = cdist(x, broad.means)
    near = distance.argmin(1)
    good, loose = distance.min(1) < 0.1, distance.min(1) < 0.2
    assert found.captured == len({*near[good]})
    assert found.held == sum((near[loose] == k).sum() > 4 for k in range(8))
    assert found.high_quality == good.mean()
    assert found.near == loose.mean()
    share = np.bincount(near, minlength=8) / 400
    np.testing.assert_allclose(found.reverse_kl, np.sum(share * np.log(share * 8)), rtol=1e-10)


def test_nothing_near_a_mode_is_a_number_all_the_same():
    found = found_in(np.full((50, 2), 30.0))
    assert (found.captured, found.held, found.high_quality, found.near) == (0, 0, 0.0, 0.0)
    assert found.reverse_kl == pytest.approx(np.log(8))  # all count for their nearest mode
    assert found_in(np.zeros((3, 2)), synthetic.gaussian()).reverse_kl == 0


def test_one_hit_captures_and_does_not_hold():
    x = np.concatenate([np.repeat(RING.means[:1], 99, axis=0), RING.means[1:2]])
    found = found_in(x)
    assert (found.captured, found.held) == (2, 1)


def test_refusals():
    with pytest.raises(MetricError, match="samples must be finite numbers, got inf in row 0"):
        modes(np.array([[0.0, np.inf]]), RING)
    with pytest.raises(ConfigError, match="modes needs separate modes; spiral has none"):
        modes(np.zeros((3, 2)), synthetic.spiral())
