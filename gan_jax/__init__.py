"""gan_jax: generative adversarial networks as games, in JAX.

The names below load what they need on first use, so that importing the package is quick.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_ORIGIN = {
    "default_config": "gan_jax.config",
    "load_config": "gan_jax.config",
    "train": "gan_jax.training.loop",
    "load_run": "gan_jax.training.run",
    "ConfigError": "gan_jax.errors",
    "DataError": "gan_jax.errors",
    "GanJaxError": "gan_jax.errors",
    "NonFiniteError": "gan_jax.errors",
    "WorkdirError": "gan_jax.errors",
}
_MODULES = ("losses", "game", "networks", "data", "nn")

__all__ = [*_ORIGIN, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _ORIGIN:
        return getattr(importlib.import_module(_ORIGIN[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"gan_jax.{name}")
    raise AttributeError(f"module 'gan_jax' has no attribute {name!r}")
