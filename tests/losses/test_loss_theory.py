"""What the papers say of the losses, by formulas and numbers that are not those of their claims."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses
from gan_jax.losses import divergences

P = np.array([0.1, 0.2, 0.3, 0.4])
Q = np.array([0.4, 0.1, 0.25, 0.25])


def slope_of(name, logit, **options):
    made = losses.get(name, **options)
    return float(jax.grad(lambda f: made.generator(f, f).sum())(jnp.asarray([logit], jnp.float32))[0])


# D(G(z)): the costs and slopes in the logit of the 2016 tutorial, which has a factor 1/2 before each.
TUTORIAL = {
    0.01: {"minimax": (-0.0050, -0.005), "non_saturating": (2.303, -0.495), "maximum_likelihood": (-0.0051, -0.0051)},
    0.5: {"minimax": (-0.347, -0.25), "non_saturating": (0.347, -0.25), "maximum_likelihood": (-0.5, -0.5)},
    0.9: {"minimax": (-1.151, -0.45), "non_saturating": (0.053, -0.05), "maximum_likelihood": (-4.5, -4.5)},
    0.99: {"minimax": (-2.303, -0.495), "non_saturating": (0.005, -0.005), "maximum_likelihood": (-49.5, -49.5)},
}


@pytest.mark.parametrize("d", sorted(TUTORIAL))
def test_costs_and_slopes_of_the_tutorial(d):
    logit = np.log(d / (1 - d))
    for name, (cost, slope) in TUTORIAL[d].items():
        at = jnp.asarray([logit], jnp.float32)
        np.testing.assert_allclose(losses.get(name).generator(at, at)[0] / 2, cost, rtol=1e-2, atol=5e-4)
        np.testing.assert_allclose(slope_of(name, logit) / 2, slope, rtol=1e-2)


def test_the_divergences_against_numpy():
    middle = (P + Q) / 2
    expected = {
        "kullback_leibler": np.sum(P * np.log(P / Q)),
        "jensen_shannon": 0.5 * np.sum(P * np.log(P / middle)) + 0.5 * np.sum(Q * np.log(Q / middle)),
        "total_variation": np.maximum(P - Q, 0).sum(),
        "triangular": np.sum((P - Q) ** 2 / (P + Q)),
        "pearson": np.sum(P**2 / Q) - 1,
        "squared_hellinger": 2 - 2 * np.sum(np.sqrt(P * Q)),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(divergences, name)(P, Q), value, rtol=1e-5, err_msg=name)
        np.testing.assert_allclose(getattr(divergences, name)(P, P), 0, atol=1e-6)


def test_pairs_are_products():
    first, second = divergences.pairs(P, Q)
    np.testing.assert_allclose(first.reshape(4, 4), P[:, None] * Q[None], rtol=1e-6)
    np.testing.assert_allclose(second.reshape(4, 4), Q[:, None] * P[None], rtol=1e-6)


@pytest.mark.parametrize("member", [options["divergence"] for options in losses.VARIANTS["f_gan"]])
def test_members_of_f_gan_follow_from_their_generator_function(member):
    """From f alone: D_f = sum q f(p/q), T* = f'(p/q), f*(T*) = u f'(u) - f(u)."""
    f = {
        "kl": lambda u: u * jnp.log(u),
        "reverse_kl": lambda u: -jnp.log(u),
        "pearson": lambda u: (u - 1) ** 2,
        "squared_hellinger": lambda u: (jnp.sqrt(u) - 1) ** 2,
        "jensen_shannon": lambda u: -(u + 1) * jnp.log((1 + u) / 2) + u * jnp.log(u),
        "gan": lambda u: u * jnp.log(u) - (u + 1) * jnp.log(u + 1),
    }[member]
    with jax.enable_x64(True):
        claims = losses.get("f_gan", divergence=member).claims()
        u = jnp.asarray(P / Q)
        best = claims.optimum.function(jnp.asarray(P), jnp.asarray(Q))
        rising = jax.vmap(jax.grad(f))(u)
        made = losses.get("f_gan", divergence=member)
        at_best = -made.generator(best, best)
        np.testing.assert_allclose(at_best, u * rising - f(u), rtol=1e-10)  # f*(T*), by Fenchel
        np.testing.assert_allclose(at_best - made.discriminator(best, best), rising, rtol=1e-10, atol=1e-12)  # g(v*)
        np.testing.assert_allclose(claims.divergence.slope(P, Q), jnp.sum(Q * f(u)), rtol=1e-10)
        np.testing.assert_allclose(claims.divergence.value(P, Q), -jnp.sum(Q * f(u)), rtol=1e-10)


def test_the_pairing_of_r3gan_has_the_sign_of_its_paper():
    """The generator minimizes E f(D(G(z)) - D(x)), f(t) = -log(1 + exp(-t)), with D positive on generated examples."""
    real, fake = jnp.array([1.5, -0.5]), jnp.array([-2.0, 0.25])
    papers = {"real": -real, "fake": -fake}
    value = -np.log1p(np.exp(-np.asarray(papers["fake"] - papers["real"])))
    made = losses.get("relativistic_pairing")
    np.testing.assert_allclose(made.generator(real, fake), value, rtol=1e-6)
    np.testing.assert_allclose(made.discriminator(real, fake), -value, rtol=1e-6)


def test_least_squares_does_not_follow_the_divergence_of_its_paper():
    """With (-1, 1, 0) the generator's slope is not that of chi-squared, and is flat to first order at q = p."""
    claims = losses.get("least_squares", a=-1.0, b=1.0, c=0.0).claims()
    with jax.enable_x64(True):
        p, q = jnp.asarray(P), jnp.asarray(Q)
        np.testing.assert_allclose(claims.divergence.symmetric(p, q), divergences.triangular(p, q) / 2, rtol=1e-12)
        ours, papers = (
            jax.grad(claims.divergence.slope, 1)(p, q),
            jax.grad(lambda q: divergences.triangular(p, q) / 2)(q),
        )
        assert np.ptp(np.asarray(ours - papers)) > 0.1
        np.testing.assert_allclose(jax.hessian(claims.divergence.slope, 1)(p, p), 0, atol=1e-9)


def test_fake_target_brings_the_generator_into_the_numerator():
    """D* = (a p + b q) / (p + q): with b > 0 it does not fall to 0 where there is no data."""
    claims = losses.get("minimax", real_target=0.9, fake_target=0.1).claims()
    best = jax.nn.sigmoid(claims.optimum.function(jnp.asarray(P), jnp.asarray(Q)))
    np.testing.assert_allclose(best, (0.9 * P + 0.1 * Q) / (P + Q), rtol=1e-5)


def test_claims_are_whole():
    """Every shipped loss says all that can be said, and gives a reason where there is no closed form."""
    for name, options in ((n, o) for n in losses.LOSSES for o in losses.VARIANTS[n]):
        claims = losses.get(name, **options).claims()
        assert all(claims.formula), name
        assert "References:" in losses.LOSSES[name].__doc__, name
        assert claims.optimum is not None, name
        assert claims.optimum.text, name
        assert claims.divergence is not None, name
        assert claims.divergence.text, name
        assert None not in (claims.saturating, claims.zero_sum, claims.shift_invariant), name
