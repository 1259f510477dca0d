"""Losses against float64 NumPy, at extreme logits, and at the optimum that theory gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_jax import losses
from gan_jax.errors import ConfigError

LOGITS = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=16)


def log1pexp(t):
    return np.logaddexp(0.0, np.asarray(t, np.float64))


CLOSED_FORMS = {
    "minimax": (lambda r, f: log1pexp(-r) + log1pexp(f), lambda r, f: -log1pexp(f)),
    "non_saturating": (lambda r, f: log1pexp(-r) + log1pexp(f), lambda r, f: log1pexp(-f)),
    "least_squares": (lambda r, f: 0.5 * (r - 1) ** 2 + 0.5 * f**2, lambda r, f: 0.5 * (f - 1) ** 2),
}


def test_every_loss_has_a_closed_form_here():
    assert set(CLOSED_FORMS) == set(losses.LOSSES)


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
@given(logits=LOGITS)
def test_values_equal_the_closed_form_and_stay_finite(name, logits):
    real = np.asarray(logits, np.float32)
    fake = real[::-1].copy()
    made = losses.get(name)
    for function, expected in zip((made.discriminator, made.generator), CLOSED_FORMS[name], strict=True):
        value = np.asarray(function(jnp.asarray(real), jnp.asarray(fake)))
        assert value.shape == real.shape
        assert value.dtype == np.float32
        np.testing.assert_allclose(
            value, expected(real.astype(np.float64), fake.astype(np.float64)), rtol=2e-6, atol=2e-6
        )
        grads = jax.grad(lambda f, fn=function: fn(jnp.asarray(real), f).sum())(jnp.asarray(fake))
        assert np.isfinite(grads).all()


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_each_example_stands_alone(name):
    """The Jacobian with respect to either argument is diagonal."""
    real, fake = jnp.linspace(-2.0, 3.0, 5), jnp.linspace(1.0, -4.0, 5)
    for function in losses.get(name)[:2]:
        for argument in (0, 1):
            jacobian = np.array(jax.jacobian(function, argument)(real, fake))
            assert (jacobian[~np.eye(5, dtype=bool)] == 0).all()


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_generator_reads_real_tells_the_truth(name):
    made = losses.get(name)
    real, fake = jnp.linspace(-2.0, 3.0, 5), jnp.linspace(1.0, -4.0, 5)
    slope = np.abs(jax.jacobian(made.generator, 0)(real, fake)).sum()
    assert (slope > 0) == made.generator_reads_real


def test_the_best_discriminator_and_the_cost_of_minimax():
    """D* = p / (p + q), and at it C(G) = -log 4 + 2 JSD, with the cost by brute force."""
    p, q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.4, 0.1, 0.25, 0.25])
    made = losses.get("minimax")

    def cost(logits):
        one = made.discriminator(logits, jnp.zeros(4)) - made.discriminator(jnp.zeros(4), jnp.zeros(4))
        two = made.discriminator(jnp.zeros(4), logits) - made.discriminator(jnp.zeros(4), jnp.zeros(4))
        return (
            jnp.sum(jnp.asarray(p, jnp.float32) * one + jnp.asarray(q, jnp.float32) * two)
            + made.discriminator(jnp.zeros(1), jnp.zeros(1))[0]
        )

    logits = jnp.zeros(4)
    slope = jax.jit(jax.grad(cost))
    for _ in range(2000):
        logits = logits - 2.0 * slope(logits)
    np.testing.assert_allclose(jax.nn.sigmoid(logits), p / (p + q), atol=1e-3)
    m = (p + q) / 2
    jsd = 0.5 * np.sum(p * np.log(p / m)) + 0.5 * np.sum(q * np.log(q / m))
    np.testing.assert_allclose(-cost(logits), -np.log(4) + 2 * jsd, rtol=1e-5)


def test_minimax_saturates_and_non_saturating_does_not():
    """Slopes of half the cost with respect to the logit where D(G(z)) = 0.01, of the 2016 tutorial: -.005 and -.495."""
    logit = jnp.log(jnp.array([0.01 / 0.99]))
    slopes = {
        n: float(jax.grad(lambda f, n=n: 0.5 * losses.get(n).generator(f, f).sum())(logit)[0]) for n in losses.LOSSES
    }
    np.testing.assert_allclose(slopes["minimax"], -0.005, rtol=1e-4)
    np.testing.assert_allclose(slopes["non_saturating"], -0.495, rtol=1e-4)


@pytest.mark.parametrize(("a", "b", "c"), [(-1.0, 1.0, 0.0), (0.0, 1.0, 1.0)])
def test_least_squares_pulls_to_its_targets(a, b, c):
    made = losses.get("least_squares", a=a, b=b, c=c)
    at = jnp.array([0.5])
    np.testing.assert_allclose(made.discriminator(at, at), 0.5 * (0.5 - b) ** 2 + 0.5 * (0.5 - a) ** 2)
    np.testing.assert_allclose(made.generator(at, at), 0.5 * (0.5 - c) ** 2)


def test_a_loss_traces_its_numbers():
    value = jax.jit(lambda c: losses.get("least_squares", c=c).generator(jnp.zeros(1), jnp.zeros(1)))(jnp.float32(3.0))
    np.testing.assert_allclose(value, 4.5)


def test_unknown_names_and_options_are_refused():
    with pytest.raises(ConfigError, match="allowed: least_squares, minimax, non_saturating"):
        losses.get("hinged")
    with pytest.raises(ConfigError, match="unexpected keyword argument 'd'"):
        losses.get("least_squares", d=1.0)
