"""A grid of equal cells over a box in one or two dimensions: where a known density meets samples."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import MetricError
from gan_jax.metrics.rows import check_rows

Support = Sequence[tuple[float, float]]
CHUNK = 2**14  # points at a time: a density may be a sum of hundreds of terms for each


def _box(support: Support) -> np.ndarray:
    """Pairs (low, high) as float64 [D, 2]; MetricError for a grid in more dimensions than are filled by samples."""
    if len(support) > 2:
        raise MetricError(f"the data must have one or two dimensions, got {len(support)}")
    return np.asarray(support, np.float64)


def cell_centres(support: Support, cells: int) -> np.ndarray:
    """The centres of all cells, float32 [cells^D, D]; the last axis of the box runs fastest."""
    box = _box(support)
    axes = [low + (high - low) * (np.arange(cells) + 0.5) / cells for low, high in box]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(box)).astype(np.float32)


def count(samples: np.ndarray, support: Support, cells: int) -> tuple[np.ndarray, int]:
    """How many samples lie in each cell, float64 [cells^D], and how many outside all."""
    box = _box(support)
    samples = check_rows(samples, "samples").astype(np.float64)
    counted, _ = np.histogramdd(samples, bins=[cells] * len(box), range=[tuple(side) for side in box])
    return counted.reshape(-1), len(samples) - int(counted.sum())


def log_mass(log_density: Callable[[jax.Array], jax.Array], support: Support, cells: int, points: int) -> np.ndarray:
    """The logarithm of a density's mass in each cell, float64 [cells^D], by the midpoint rule; not normalized.

    The density is float32 [..., D] -> [...]; ``points`` are of the rule in each cell, along each axis.
    """
    box = _box(support)
    dimension = len(box)
    where = cell_centres(support, cells * points)
    size = max(1, min(len(where), CHUNK))
    values = np.asarray(jax.lax.map(log_density, jnp.asarray(where), batch_size=size), np.float64)
    split = values.reshape((cells, points) * dimension)
    inner = tuple(range(1, 2 * dimension, 2))
    volume = np.log(np.prod((box[:, 1] - box[:, 0]) / (cells * points)))
    return np.asarray(np.logaddexp.reduce(split, axis=inner) + volume).reshape(-1)
