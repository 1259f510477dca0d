"""Decoded arrays kept on disk, so that a set of compressed images is decoded once and not at every start.

A cached split is a folder of `.npy` files and an `index.json`, written last, that states their SHA-256 and what they
were made from. Whatever does not agree with the index, down to one bit, is not read but made again.
"""

import hashlib
import io
import json
import logging
import os
import pathlib
from collections.abc import Callable, Mapping

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
        contents = {name: (folder / f"{name}.npy").read_bytes() for name in index["sha256"]}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("the index of decoded arrays in %s is damaged (%r); they are made again", folder, error)
        return None
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != index["sha256"][name]:
            logger.warning("%s is damaged; it is made again", folder / f"{name}.npy")
            return None
    return {name: np.load(io.BytesIO(content)) for name, content in contents.items()}


def _write(folder: pathlib.Path, fingerprint: str, arrays: Mapping[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        sha256[name] = hashlib.sha256(buffer.getbuffer()).hexdigest()
        _replace(folder / f"{name}.npy", buffer.getbuffer())
    _replace(folder / "index.json", json.dumps({"fingerprint": fingerprint, "sha256": sha256}, indent=2).encode())


def _replace(path: pathlib.Path, content: bytes | memoryview) -> None:
    """Writes a file under another name, then renames it: readers see the old file or the new one, whole."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
