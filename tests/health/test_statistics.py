import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from gan_jax.data import synthetic
from gan_jax.errors import DataError
from gan_jax.health import reference_statistics, sample_statistics

RING = synthetic.ring(8, 1.0, 0.01)


def draws(seed, shape, std=1.0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape) * std, jnp.float32)


def test_by_brute_force():
    real, fake = draws(0, (40, 6, 6, 1)), draws(1, (30, 6, 6, 1), 0.5) * jnp.linspace(0.1, 1, 36).reshape(1, 6, 6, 1)
    found = jax.jit(sample_statistics)(fake, reference_statistics(real))
    a, b = (np.asarray(x, np.float64).reshape(len(x), -1) for x in (real, fake))
    np.testing.assert_allclose(found["samples/diversity"], pdist(b).mean() / pdist(a).mean(), rtol=1e-5)
    rank = lambda x: np.trace(np.cov(x.T)) ** 2 / np.trace(np.cov(x.T) @ np.cov(x.T))
    np.testing.assert_allclose(found["samples/effective_rank"], rank(b) / rank(a), rtol=1e-4)


def test_the_data_itself_is_at_1_and_a_point_at_0():
    real = draws(0, (50, 4, 4, 1))
    reference = reference_statistics(real)
    assert all(v == pytest.approx(1) for v in sample_statistics(real, reference).values())
    one = sample_statistics(jnp.repeat(real[:1], 50, axis=0), reference)
    assert float(one["samples/diversity"]) == float(one["samples/effective_rank"]) == 0
    assert all(np.isfinite(v) for v in sample_statistics(jnp.zeros((50, 4, 4, 1)), reference).values())


def test_points_know_their_modes():
    reference = reference_statistics(RING.sample(jax.random.key(0), 200))
    means = jnp.asarray(RING.means)
    x = jnp.concatenate([jnp.repeat(means[2:3], 150, axis=0), jnp.repeat(means[5:6], 49, axis=0), means[:1]])
    found = jax.jit(sample_statistics)(x, reference, means, RING.std)
    assert found["samples/modes"] == 2 / 8  # one of 200 does not hold a mode
    assert found["samples/heaviest_mode"] == 2
    assert found["samples/heaviest_share"] == 0.75
    assert "samples/effective_rank" not in found
    away = sample_statistics(x + 9.0, reference, means, RING.std)
    assert away["samples/modes"] == 0
    whole = sample_statistics(RING.sample(jax.random.key(1), 200), reference, means, RING.std)
    assert whole["samples/modes"] == 1


def test_not_a_number_is_passed_on():
    reference = reference_statistics(draws(0, (20, 2)))
    assert np.isnan(sample_statistics(jnp.full((20, 2), jnp.nan), reference)["samples/diversity"])


@pytest.mark.parametrize("value", [1.0, 0.1, -0.29411766])
def test_a_reference_must_vary(value):
    allowed = r"allowed: at least 2 that differ, or health\.samples=0"
    with pytest.raises(DataError, match=rf"data\.name has equal real examples only, the 7 that were .*{allowed}"):
        reference_statistics(jnp.full((7, 5, 5, 3), value))
    with pytest.raises(DataError, match=rf"data\.name has too few real examples, 1; health\.samples .*{allowed}"):
        reference_statistics(jnp.full((1, 2), value))
