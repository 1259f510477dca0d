"""Names of files: as users write them, and as messages show them."""

import os
import pathlib

from gan_jax.errors import DataConfigError


def shown(path: str | os.PathLike[str]) -> str:
    """A path as it is, or escaped where it has line breaks, control characters or bytes that are no UTF-8."""
    name = os.fspath(path)
    return name if name.isprintable() else ascii(name)


def expanded(path: str | os.PathLike[str]) -> pathlib.Path:
    """A path with its ~ or ~user replaced.

    Raises:
      DataConfigError: there is no such user, or nobody knows where home is, as in a container without users.
    """
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError as error:
        raise DataConfigError(
            f"{shown(path)} begins at a home folder that is not known; give a full path, or set HOME"
        ) from error
