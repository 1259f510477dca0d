"""Decoded arrays kept on disk, so that a set of compressed images is decoded once and not at every start.

A cached split is a folder of `.npy` files and an `index.json`, written last, that states their SHA-256 and what they
were made from. Whatever does not agree with the index, down to one bit, is not read but made again.
"""

import functools
import hashlib
import json
import logging
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import BinaryIO

import numpy as np

logger = logging.getLogger(__name__)


def cached(
    folder: pathlib.Path, fingerprint: str, make: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Arrays from `folder`; where they are missing, damaged or stale, made and stored there.

    Files appear under their names by renaming, so a stop at any moment leaves nothing that a later run trusts. A folder
    that cannot be written costs a warning and the time to decode at the next start, nothing else.

    Args:
      folder: of this one set of arrays; created if missing.
      fingerprint: of what the arrays are made from; arrays stored under another one are made again.
      make: the arrays by name, when they have to be made.

    Returns:
      Arrays by name, in memory.
    """
    arrays = _read(folder, fingerprint)
    if arrays is not None:
        return arrays
    arrays = {name: np.ascontiguousarray(array) for name, array in make().items()}
    try:
        _write(folder, fingerprint, arrays)
    except OSError as error:
        logger.warning("decoded arrays could not be kept in %s (%s); the next start decodes again", folder, error)
    return arrays


def _read(folder: pathlib.Path, fingerprint: str) -> dict[str, np.ndarray] | None:
    """Arrays that agree with the index, or None."""
    try:
        index = json.loads((folder / "index.json").read_bytes())
        if index["fingerprint"] != fingerprint:
            return None
        arrays = {}
        for name, sha256 in index["sha256"].items():
            with (folder / f"{name}.npy").open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    logger.warning("%s is damaged; it is made again", folder / f"{name}.npy")
                    return None
                file.seek(0)
                arrays[name] = np.load(file)
        return arrays or None
    except FileNotFoundError:
        return None
    except OSError as error:
        logger.warning("decoded arrays in %s cannot be read (%s); they are made again", folder, error.strerror)
        return None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        logger.warning("the index of decoded arrays in %s is damaged (%r); they are made again", folder, error)
        return None


def _write(folder: pathlib.Path, fingerprint: str, arrays: Mapping[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = {name: _replace(folder / f"{name}.npy", functools.partial(_save, array)) for name, array in arrays.items()}
    index = json.dumps({"fingerprint": fingerprint, "sha256": sha256}, indent=2).encode()
    _replace(folder / "index.json", lambda file: file.write(index))


def _save(array: np.ndarray, file: BinaryIO) -> None:
    np.save(file, array)


def _replace(path: pathlib.Path, write: Callable[[BinaryIO], object]) -> str:
    """Writes a file under another name, then renames it: readers see the old or the new one, whole. Its SHA-256."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return sha256
