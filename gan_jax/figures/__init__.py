"""Figures of the literature, computed by this package: ``gan-jax figure NAME --workdir=DIR``."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

from gan_jax import files
from gan_jax.errors import ConfigError, nearest
from gan_jax.paths import expanded

# Name -> "module:function", a function () -> {file name: bytes}; loaded when the figure is asked for.
FIGURES: Mapping[str, str] = {
    "costs": "gan_jax.figures.costs:files",
    "dirac": "gan_jax.figures.dirac_plots:files",
    "frechet_bias": "gan_jax.figures.frechet_bias:files",
}


def find(name: str) -> Callable[[], Mapping[str, bytes]]:
    """The function that makes a figure, its module not loaded before it is called; ConfigError where there is none."""
    if name not in FIGURES:
        raise ConfigError(f"there is no figure {name!r}{nearest(name, FIGURES)}; allowed: {', '.join(FIGURES)}")
    module, function = FIGURES[name].split(":")
    return lambda: getattr(importlib.import_module(module), function)()


def write(name: str, workdir: str | Path) -> list[Path]:
    """Make a figure, and write its files only when all of them are made.

    Args:
      name: a key of ``FIGURES``.
      workdir: folder for the files, made if it is not there; files of the same names are replaced.

    Returns:
      The paths.

    Raises:
      ConfigError: there is no such figure.
      WorkdirError: the folder cannot be made or written.
    """
    make, folder = find(name), expanded("workdir", workdir)
    advice = "choose another --workdir"
    files.probe(folder, advice)  # a figure may take minutes: say at once that it has nowhere to go
    return files.write(folder, make(), advice)
