"""Sweeps: many runs of one experiment, over settings and seeds, and what came out of them.

A file of a sweep defines ``get_sweep()``::

    from gan_jax.sweeps import Sweep, grid

    def get_sweep():
        return Sweep(grid({"loss.name": ["hinge", "wasserstein"]}), seeds=5, metric="frechet_lenet")

The names below load what they need on first use, so that importing the package is quick.
"""

import importlib
from typing import Any

_NAMES = {
    "sweep": ("Sweep", "Halving", "Resources"),
    "space": ("Space", "grid", "product", "zipped", "union", "when", "only",
              "random", "uniform", "log_uniform", "integers", "choice"),
    "table": ("load",),
    "aggregate": ("summarize", "compare", "rank", "sensitivity"),
    "estimates": ("best_of", "bootstrap_interval"),
}  # fmt: skip
_ORIGIN = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [*_ORIGIN]


def __getattr__(name: str) -> Any:
    if name in _ORIGIN:
        return getattr(importlib.import_module(f"gan_jax.sweeps.{_ORIGIN[name]}"), name)
    raise AttributeError(f"module 'gan_jax.sweeps' has no attribute {name!r}")
