"""The Dirac-GAN under every method of Mescheder et al. 2018, against the numbers of their released code."""

import functools

import numpy as np
import pytest

from gan_jax.figures import dirac

NAMES = list(dirac.SCHEDULES)


@functools.cache
def course(fields, schedule):
    return dirac.simulate(dict(fields), dirac.SCHEDULES[schedule])


def end(fields, schedule):
    return float(np.hypot(*course(tuple(fields.items()), schedule)[-1].astype(np.float64)))


def half_a_unit(number, digits):
    return 0.51 * 10.0 ** (np.floor(np.log10(number)) - digits + 1)


@pytest.mark.parametrize("method", [m for m in dirac.METHODS if not m.startswith(("consensus", "instance"))])
def test_radius_after_500_steps_is_the_published_one(method):
    """To the digits printed: three, two where the players have all but arrived, one below 1e-33."""
    for schedule, published in zip(NAMES, dirac.PUBLISHED[method], strict=True):
        digits = 3 if published > 0.1 else 1 if f"{published:.0e}" == f"{published:g}" else 2
        np.testing.assert_allclose(
            end(dirac.METHODS[method], schedule), published, atol=half_a_unit(published, digits), rtol=1e-3
        )


def test_instance_noise_ends_near_zero():
    """The released code averages 1,000 samples, and so do we: what is left is that noise."""
    published = dict(zip(NAMES, dirac.PUBLISHED["instance noise, 0.7"], strict=True))
    for schedule in ("simultaneous", "alternating, D x 5"):
        assert end(dirac.METHODS["instance noise, 0.7"], schedule) < 3 * published[schedule]


def consensus_by_hand(schedule, factor):
    """In float64. ``factor`` 1 is the gradient of |v|^2 / 2; the released code has 1/2 in front of one of its terms."""
    theta, psi = 1.0, 1.0

    def field(theta, psi):
        slope = 1.0 / (1.0 + np.exp(psi * theta))
        curve = -slope * (1.0 - slope)
        square = psi**2 + theta**2
        return (
            -psi * slope - theta * slope**2 - factor * psi * square * slope * curve,
            theta * slope - psi * slope**2 - factor * theta * square * slope * curve,
        )

    for _ in range(dirac.STEPS):
        if schedule == "simultaneous":
            step = field(theta, psi)
            theta, psi = theta + 0.2 * step[0], psi + 0.2 * step[1]
        else:
            theta += 0.2 * field(theta, psi)[0]
            for _ in range(5 if "5" in schedule else 1):
                psi += 0.2 * field(theta, psi)[1]
    return np.hypot(theta, psi)


@pytest.mark.parametrize("schedule", NAMES)
def test_consensus_follows_the_true_gradient_and_the_published_row_does_not(schedule):
    published = dirac.PUBLISHED["consensus, 1"][NAMES.index(schedule)]
    np.testing.assert_allclose(consensus_by_hand(schedule, 0.5), published, rtol=0.1)
    ours = end(dirac.METHODS["consensus, 1"], schedule)
    np.testing.assert_allclose(ours, consensus_by_hand(schedule, 1.0), rtol=0.01)
    assert abs(ours / published - 1) > 0.2


@pytest.mark.parametrize("rule", list(dirac.RULES))
def test_every_rule_runs_and_many_converge_where_gradients_diverge(rule):
    radius = end({"loss.name": "minimax", **dirac.RULES[rule]}, "simultaneous")
    assert np.isfinite(radius)
    assert radius > 3.0 or rule != "gradient"
    if rule in ("optimistic", "extragradient", "consensus", "symplectic", "unrolled, 5 steps"):
        assert radius < 0.2
