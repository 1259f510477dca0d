"""Figures of the literature, computed by this package: ``gan-jax figure NAME --workdir=DIR``."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

from gan_jax import files
from gan_jax.errors import ConfigError, nearest
from gan_jax.paths import expanded

# Name -> module, whose function ``files`` makes {file name: bytes}; loaded when the figure is asked for.
FIGURES = {"costs": "costs", "dirac": "dirac_plots", "frechet_bias": "frechet_bias"}


def find(name: str) -> Callable[[], Mapping[str, bytes]]:
    """The function that makes a figure, its module not loaded before it is called; ConfigError where there is none."""
    if name not in FIGURES:
        raise ConfigError(f"there is no figure {name!r}{nearest(name, FIGURES)}; allowed: {', '.join(FIGURES)}")
    return lambda: importlib.import_module(f"gan_jax.figures.{FIGURES[name]}").files()  # type: ignore[no-any-return]


def write(name: str, workdir: str | Path) -> list[Path]:
    """Make a figure of ``FIGURES``, and write its files to a folder only when all of them are made; their paths."""
    make, folder = find(name), expanded("workdir", workdir)
    advice = "choose another --workdir"
    files.probe(folder, advice)  # a figure may take minutes: say at once that it has nowhere to go
    return files.write(folder, make(), advice)
