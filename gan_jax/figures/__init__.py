"""Figures of the literature, computed by this package: ``gan-jax figure NAME --workdir=DIR``."""

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.paths import expanded
from gan_jax.registry import nearest

# Name -> "module:function", a function () -> {file name: bytes}; loaded when the figure is asked for.
FIGURES: Mapping[str, str] = {
    "costs": "gan_jax.figures.costs:files",
    "dirac": "gan_jax.figures.dirac_plots:files",
    "frechet_bias": "gan_jax.figures.frechet_bias:files",
}


def find(name: str) -> Callable[[], Mapping[str, bytes]]:
    """The function that makes a figure, its module not loaded before it is called.

    Raises:
      ConfigError: there is no such figure.
    """
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
    _place(folder, {"probe": b""}, keep=False)  # a figure may take minutes: say at once that it has nowhere to go
    return _place(folder, make())


def _place(folder: Path, files: Mapping[str, bytes], *, keep: bool = True) -> list[Path]:
    """Write all files under temporary names, then rename all; whatever was not renamed is removed."""
    temporary = {name: folder / f".{name}.{os.getpid()}.tmp" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, content in files.items():
                temporary[name].write_bytes(content)
            for name in files if keep else ():
                os.replace(temporary[name], folder / name)
        finally:
            for path in temporary.values():
                path.unlink(missing_ok=True)
    except OSError as error:
        raise WorkdirError(
            f"work directory {str(folder)!r} cannot be written: {error.strerror or error}; choose another --workdir"
        ) from error
    return [folder / name for name in files]
