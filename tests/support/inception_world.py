"""Deterministic weights and images for Inception, which the oracle was given too (golden/README.md)."""

import json
import math
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent.parent / "extractors" / "golden"


def shapes():
    """Names and shapes of the tensors in the published file."""
    with open(GOLDEN / "inception_shapes.json") as file:
        return {name: tuple(shape) for name, shape in json.load(file).items()}


def pseudo_random_tensors(shapes):
    """Tensors of these shapes, drawn in the order of their names, that keep activations near 1."""
    rng = np.random.default_rng(2015)
    tensors = {}
    for name in sorted(shapes):
        shape = shapes[name]
        if name.endswith("num_batches_tracked"):
            tensors[name] = np.array(0)
        elif name.endswith("running_var") or name.endswith("bn.weight"):
            tensors[name] = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        elif len(shape) == 1:
            tensors[name] = rng.normal(0.0, 0.3, shape).astype(np.float32)
        else:
            gain = math.sqrt(2.0 / math.prod(shape[1:]))
            tensors[name] = gain * rng.standard_normal(shape, np.float32)
    return tensors


def images():
    """Two uint8 images [2, 20, 24, 3], one of a slope and stripes, one of noise."""
    y, x, c = np.mgrid[:20, :24, :3]
    noise = np.random.default_rng(12).integers(0, 256, (20, 24, 3))
    return np.stack([(9 * y + 5 * x * (c + 1) + 60 * (x % 5 == c)) % 256, noise]).astype(np.uint8)
