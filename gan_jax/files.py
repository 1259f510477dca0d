"""Files that are written whole or not at all: under temporary names beside their places, then renamed."""

import os
from collections.abc import Mapping
from pathlib import Path

from gan_jax.errors import WorkdirError

Bytes = bytes | memoryview


def replace(contents: Mapping[Path, Bytes]) -> None:
    """Write all files, or leave what was there; of links, what they point to.

    Args:
      contents: {path: bytes}, in folders that are there.

    Raises:
      OSError: one cannot be written; its ``filename`` says which. A folder or a device is no place for a file.
    """
    places = {path: path.resolve() for path in contents}
    for path, place in places.items():
        if place.exists() and not place.is_file():
            raise OSError(None, "it is a folder" if place.is_dir() else "it is no file", str(path))
    temporary = {path: place.with_name(f".{place.name}.{os.getpid()}.tmp") for path, place in places.items()}
    at = Path()
    try:
        for at, content in contents.items():
            temporary[at].write_bytes(content)
        for at, place in places.items():
            temporary[at].replace(place)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(at)) from error
    finally:
        for one in temporary.values():
            one.unlink(missing_ok=True)


def write(folder: Path, contents: Mapping[str, Bytes], advice: str = "choose another folder") -> list[Path]:
    """Write all files of a folder, which is made, or leave what was there; ``advice`` ends the line of an error."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace({folder / name: content for name, content in contents.items()})
    except OSError as error:
        raise _not_written(error.filename or folder, error, advice) from error
    return [folder / name for name in contents]


def probe(folder: Path, advice: str = "choose another folder") -> None:
    """Make a folder, and see that a file can be written there, which is removed; errors as ``write``."""
    path = folder / f".{os.getpid()}.probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace({path: b""})
        path.unlink()
    except OSError as error:
        raise _not_written(folder, error, advice) from error


def _not_written(where: str | Path, error: OSError, advice: str) -> WorkdirError:
    return WorkdirError(f"{str(where)!r} cannot be written: {error.strerror or error}; {advice}")
