"""Slant and width of drawn strokes that are known, and rank correlations by hand."""

import numpy as np
import pytest

from gan_jax.errors import MetricError
from gan_jax.metrics.code_correlation import code_correlation
from gan_jax.metrics.strokes import slant, width

SIDE, FINE = 28, 8


def stroke(angle=0.0, wide=3.0, long=18.0, at=(13.5, 13.5)):
    """A straight stroke [28, 28, 1] in [-1, 1] that leans to the right by an angle from the vertical, in radians."""
    points = (np.arange(SIDE * FINE) + 0.5) / FINE - 0.5
    y, x = np.meshgrid(points - at[0], points - at[1], indexing="ij")
    along, across = -y * np.cos(angle) + x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)
    inside = (np.abs(along) <= long / 2) & (np.abs(across) <= wide / 2)
    return 2 * inside.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))[..., None] - 1


@pytest.mark.parametrize("angle", [-0.6, -0.2, 0.0, 0.3, 0.7])
@pytest.mark.parametrize("at", [(13.5, 13.5), (12.0, 15.0)])
def test_the_slant_of_a_thin_stroke(angle, at):
    assert slant(stroke(angle, wide=1.0, at=at)[None])[0] == pytest.approx(angle, abs=0.01)


def test_the_slant_of_a_sheared_figure_is_the_angle_of_the_shear():
    """Of a figure whose moments have no slant themselves, a ring: mu11 / mu02 of the sheared one is the tangent."""
    points = (np.arange(SIDE * FINE) + 0.5) / FINE - 0.5 - 13.5
    y, x = np.meshgrid(points, points, indexing="ij")
    for angle in (-0.3, 0.4):
        radius = np.hypot(x + y * np.tan(angle), y)
        ring = ((radius > 5) & (radius < 8)).reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
        assert slant(2 * ring[None, ..., None] - 1)[0] == pytest.approx(angle, abs=0.005)


@pytest.mark.parametrize("wide", [2.0, 2.6, 3.5, 5.0])
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_the_width_of_a_stroke(wide, angle):
    long = 18.0
    found = width(stroke(angle, wide, long)[None])[0]
    assert found == pytest.approx(wide * long / (wide + long), rel=0.06)


def test_no_ink_and_ink_everywhere():
    empty = -np.ones((2, SIDE, SIDE, 1))
    np.testing.assert_array_equal(slant(empty), 0)
    np.testing.assert_array_equal(width(empty), 0)
    assert width(-empty)[0] == pytest.approx(SIDE / 2, rel=0.05)  # a square: s^2 over 2 s


def test_more_channels_are_averaged():
    image = stroke(0.3)[None]
    np.testing.assert_allclose(slant(np.repeat(image, 3, axis=-1)), slant(image))


def ranks(x):
    """Mean ranks of equal ones."""
    return np.array([np.mean(np.flatnonzero(np.sort(x) == value)) for value in x])


def test_correlations_are_those_of_ranks():
    draw = np.random.default_rng(0)
    lean, wide = draw.uniform(-0.6, 0.6, 60), draw.uniform(2, 6, 60)
    images = np.stack([stroke(a, w) for a, w in zip(lean, wide, strict=True)]).astype(np.float32)
    noise = draw.normal(size=60)
    codes = np.stack([noise, -np.exp(lean + 0.3 * noise), np.zeros(60)], axis=1).astype(np.float32)
    made = code_correlation(images, codes)
    for name, measured in (("slant", slant(images)), ("width", width(images))):
        expected = max(abs(np.corrcoef(ranks(code), ranks(measured))[0, 1]) for code in codes.T[:2])
        assert made[f"{name}_correlation"].value == pytest.approx(expected, rel=1e-9)
        assert made[f"{name}_correlation"].stamp == {"variables": 3}
    assert made["slant_correlation"].value > 0.7 > 0.4 > made["width_correlation"].value
    assert code_correlation(images, wide[:, None])["width_correlation"].value > 0.99
    assert code_correlation(np.repeat(images[:1], 60, axis=0), codes)["slant_correlation"].value == 0


def test_codes_are_columns():
    with pytest.raises(MetricError, match=r"^codes must have the shape \[N, variables\], got \[4\]$"):
        code_correlation(np.stack([stroke()] * 4), np.arange(4.0))
