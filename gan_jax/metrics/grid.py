"""A grid of equal cells over a box in one or two dimensions: where a known density meets samples."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics import arguments

Support = Sequence[tuple[float, float]]
CHUNK = 2**14  # points at a time: a density may be a sum of hundreds of terms for each


def check_support(support: Any) -> np.ndarray:
    """A box as float64 [D, 2].

    Raises:
      MetricError: it is not one or two pairs (low, high) of finite numbers with low below high.
    """
    box = np.asarray(support, np.float64)
    if box.shape not in ((1, 2), (2, 2)) or not np.isfinite(box).all() or not (box[:, 0] < box[:, 1]).all():
        raise MetricError(f"support={support!r} is not possible; allowed: one or two pairs (low, high), low below high")
    return box


def cell_centres(support: Support, cells: int) -> np.ndarray:
    """The centres of all cells, float32 [cells^D, D]; the last axis of the box runs fastest."""
    box = check_support(support)
    axes = [low + (high - low) * (np.arange(cells) + 0.5) / cells for low, high in box]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(box)).astype(np.float32)


def count(samples: Any, support: Support, cells: int) -> tuple[np.ndarray, int]:
    """How many samples lie in each cell, float64 [cells^D], and how many outside all.

    Raises:
      MetricError: the samples are no finite [N, D] of the box's dimension.
    """
    box = check_support(support)
    samples = arguments.matrix("samples", samples, columns=len(box))
    counted, _ = np.histogramdd(samples, bins=[cells] * len(box), range=[tuple(side) for side in box])
    return counted.reshape(-1), len(samples) - int(counted.sum())


def log_mass(log_density: Callable[[jax.Array], jax.Array], support: Support, cells: int, points: int) -> np.ndarray:
    """The logarithm of a density's mass in each cell, by the midpoint rule.

    Args:
      log_density: float32 [..., D] -> [...].
      support: the box.
      cells: along each axis.
      points: of the rule in each cell, along each axis.

    Returns:
      float64 [cells^D], not normalized.
    """
    box = check_support(support)
    dimension = len(box)
    where = cell_centres(support, cells * points)
    size = max(1, min(len(where), CHUNK))
    values = np.asarray(jax.lax.map(log_density, jnp.asarray(where), batch_size=size), np.float64)
    if not (values < np.inf).all():
        raise MetricError("log_density is NaN or +inf somewhere in the support; allowed: finite, or -inf")
    split = values.reshape((cells, points) * dimension)
    inner = tuple(range(1, 2 * dimension, 2))
    volume = np.log(np.prod((box[:, 1] - box[:, 0]) / (cells * points)))
    return np.asarray(np.logaddexp.reduce(split, axis=inner) + volume).reshape(-1)
