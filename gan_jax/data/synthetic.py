"""Distributions in few dimensions whose density is known exactly.

All are mixtures of equally likely isotropic Gaussians of one width. The curved ones (`spiral`, `two_moons`) place many
components closely along their curves, so that they look continuous and their density is still a finite sum.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.options import POSITIVE, Allowed, at_least

SUPPORT_IN_STD = 5.0
POINTS_ON_CURVE = 2000

Std = Annotated[float, POSITIVE, "standard deviation of each Gaussian"]


def gaussian(
    mean: Annotated[
        tuple[float, ...], Allowed("a tuple of float, at least one", bool), "centre, as many numbers as dimensions"
    ] = (0.0, 0.0),
    std: Annotated[float, POSITIVE, "standard deviation in every dimension"] = 1.0,
) -> "Distribution":
    """One isotropic Gaussian, in as many dimensions as `mean` has entries (from 1).

    Args:
      mean: centre.
      std: standard deviation in every dimension, above 0.
    """
    return mixture("gaussian", np.array([mean], np.float64), std)


def ring(
    modes: Annotated[int, at_least(1), "number of Gaussians"] = 8,
    radius: Annotated[float, POSITIVE, "of the circle"] = 1.0,
    std: Std = 0.02,
) -> "Distribution":
    """Gaussians equally spaced on a circle around the origin, in the plane; the first is at (radius, 0).

    Args:
      modes: number of Gaussians, at least 1.
      radius: of the circle, above 0.
      std: standard deviation of each, above 0.

    References:
      Luke Metz, Ben Poole, David Pfau, Jascha Sohl-Dickstein, "Unrolled generative adversarial networks", 2016,
      arXiv:1611.02163, section 3.2.
    """
    angle = 2 * math.pi * np.arange(modes) / modes
    return mixture("ring", radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1), std)


def grid(
    side: Annotated[int, at_least(1), "Gaussians along each axis"] = 5,
    spacing: Annotated[float, POSITIVE, "distance of neighbours"] = 2.0,
    std: Std = 0.05,
) -> "Distribution":
    """Gaussians on a square grid centred on the origin, in the plane: side * side of them.

    Args:
      side: Gaussians along each axis, at least 1.
      spacing: distance of neighbours, above 0.
      std: standard deviation of each, above 0.

    References:
      Akash Srivastava, Lazar Valkov, Chris Russell, Michael U. Gutmann, Charles Sutton, "VEEGAN: reducing mode collapse
      in GANs using implicit variational learning", 2017, arXiv:1705.07761, section 4.
    """
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    return mixture("grid", np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2), std)


def spiral(
    arms: Annotated[int, at_least(1), "number of spirals"] = 2,
    turns: Annotated[float, POSITIVE, "revolutions of each from the origin to its end"] = 1.0,
    radius: Annotated[float, POSITIVE, "distance of each end from the origin"] = 1.0,
    std: Std = 0.02,
    components: Annotated[int, at_least(2), "Gaussians on each arm"] = 200,
) -> "Distribution":
    """Archimedean spirals in the plane that leave the origin in equally spaced directions.

    The density is that of `arms * components` Gaussians, equally spaced by arc length along each arm, and exact as
    such.

    Args:
      arms: number of spirals, at least 1.
      turns: revolutions of each from the origin to its end, above 0.
      radius: distance of each end from the origin, above 0.
      std: standard deviation of each Gaussian, above 0.
      components: Gaussians on each arm, at least 2.
    """
    t = np.linspace(0.0, 1.0, POINTS_ON_CURVE)
    curve = radius * t[:, None] * np.stack([np.cos(2 * math.pi * turns * t), np.sin(2 * math.pi * turns * t)], axis=-1)
    arm = _equally_spaced(curve, components)
    angle = 2 * math.pi * np.arange(arms) / arms
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    means = np.einsum("pi,ija->apj", arm, rotation).reshape(-1, 2)
    return dataclasses.replace(mixture("spiral", means, std), means=None, std=None)


def two_moons(
    std: Std = 0.05, components: Annotated[int, at_least(2), "Gaussians on each half circle"] = 100
) -> "Distribution":
    """Two interleaved half circles of radius 1 in the plane: the upper one around (0, 0), the lower around (1, 0.5).

    The density is that of `2 * components` Gaussians equally spaced along the half circles, and exact as such.

    Args:
      std: standard deviation of each Gaussian, above 0.
      components: Gaussians on each half circle, at least 2.

    References:
      The geometry is that of scikit-learn's `make_moons`.
    """
    angle = np.linspace(0.0, math.pi, components)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    means = np.concatenate([upper, np.array([1.0, 0.5]) - upper])
    return dataclasses.replace(mixture("two_moons", means, std), means=None, std=None)


def mixture(name: str, means: np.ndarray, std: float) -> "Distribution":
    """Equally likely isotropic Gaussians of one width."""
    num_components, dimension = means.shape
    centres = np.asarray(means, np.float32)
    log_normalizer = math.log(num_components) + dimension * math.log(std * math.sqrt(2 * math.pi))

    def sample(key: jax.Array, num: int) -> jax.Array:
        component_key, noise_key = jax.random.split(key)
        component = jax.random.randint(component_key, (num,), 0, num_components)
        noise = jax.random.normal(noise_key, (num, dimension), jnp.float32)
        return jnp.asarray(centres)[component] + std * noise

    def log_density(x: jax.Array) -> jax.Array:
        offset = jnp.expand_dims(jnp.asarray(x, jnp.float32), -2) - centres.reshape(
            (1,) * (jnp.ndim(x) - 1) + means.shape
        )
        exponent = -0.5 * jnp.sum(jnp.square(offset / std), axis=-1)
        return jax.scipy.special.logsumexp(exponent, axis=-1) - log_normalizer

    reach = SUPPORT_IN_STD * std
    support = tuple(
        (float(low - reach), float(high + reach)) for low, high in zip(means.min(0), means.max(0), strict=True)
    )
    return Distribution(name, sample, log_density, support, centres, float(std))


def _equally_spaced(curve: np.ndarray, num: int) -> np.ndarray:
    """Points [num, 2] at equal arc length along a polyline [P, 2], both ends included."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=-1))])
    target = np.linspace(0.0, length[-1], num)
    return np.stack([np.interp(target, length, curve[:, axis]) for axis in range(2)], axis=-1)


@dataclasses.dataclass(frozen=True)
class Distribution:
    """A distribution of points with a sampler and an exact density.

    Attributes:
      name: how it is called in messages.
      sample: (typed key, num) -> float32 [num, D], independent points; pure, `num` static.
      log_density: float [..., D] -> float32 [...], natural logarithm of the density.
      support: D pairs (low, high): a box that holds all but a negligible part of the mass, for plots and quadrature.
      means: float32 [K, D], centres of separate modes; None if there are none to count.
      std: standard deviation of each mode; None where `means` is.
    """

    name: str
    sample: Callable[[jax.Array, int], jax.Array]
    log_density: Callable[[jax.Array], jax.Array]
    support: tuple[tuple[float, float], ...]
    means: np.ndarray | None = None
    std: float | None = None
