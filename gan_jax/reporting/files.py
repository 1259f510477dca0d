"""Files that are written whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path

from gan_jax.errors import WorkdirError


def write(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write all files under temporary names, then rename all; whatever was not renamed is removed.

    Args:
      folder: made if it is not there.
      contents: {file name: bytes}.

    Returns:
      The paths.

    Raises:
      WorkdirError: the folder cannot be made or written.
    """
    temporary = {name: folder / f".{name}.{os.getpid()}.tmp" for name in contents}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, content in contents.items():
                temporary[name].write_bytes(content)
            for name in contents:
                temporary[name].replace(folder / name)
        finally:
            for path in temporary.values():
                path.unlink(missing_ok=True)
    except OSError as error:
        said = error.strerror or error
        raise WorkdirError(f"{str(folder)!r} cannot be written: {said}; choose another folder") from error
    return [folder / name for name in contents]
