"""Sweeps: many runs of one experiment, over settings and seeds, and what came out of them.

A file of a sweep defines ``get_sweep()``::

    from gan_jax.sweeps import Sweep, grid

    def get_sweep():
        return Sweep(grid({"loss.name": ["hinge", "wasserstein"]}), seeds=5, metric="frechet_lenet")

The names below load what they need on first use, so that importing the package is quick.
"""

import importlib
from typing import Any

_ORIGIN = {
    "Sweep": "sweep",
    "Space": "space",
    "Halving": "sweep",
    "Resources": "sweep",
    "grid": "space",
    "product": "space",
    "zipped": "space",
    "union": "space",
    "when": "space",
    "only": "space",
    "random": "space",
    "uniform": "space",
    "log_uniform": "space",
    "integers": "space",
    "choice": "space",
    "load": "table",
    "summarize": "aggregate",
    "compare": "aggregate",
    "rank": "aggregate",
    "best_of": "aggregate",
    "sensitivity": "aggregate",
    "bootstrap_interval": "aggregate",
}

__all__ = [*_ORIGIN]


def __getattr__(name: str) -> Any:
    if name in _ORIGIN:
        return getattr(importlib.import_module(f"gan_jax.sweeps.{_ORIGIN[name]}"), name)
    raise AttributeError(f"module 'gan_jax.sweeps' has no attribute {name!r}")
