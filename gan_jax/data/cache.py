"""Decoded arrays kept on disk, so that a set of compressed images is decoded once and not at every start.

A cached split is a folder of `.npy` files and an `index.json`, written last, that states their SHA-256 and what they
were made from. Whatever does not agree with the index, down to one bit, is not read but made again.
"""

import hashlib
import io
import json
import logging
import pathlib
from collections.abc import Callable, Mapping

import numpy as np

from gan_jax import files

logger = logging.getLogger(__name__)


def cached(
    folder: pathlib.Path, fingerprint: str, make: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Arrays from `folder`; where they are missing, damaged or stale, made and stored there.

    A stop at any moment leaves nothing that a later run trusts. A folder that cannot be written costs a warning and the
    time to decode at the next start, nothing else. Arrays stored under another `fingerprint`, of what they are made
    from, are made again.
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
    contents, sha256 = {}, {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        contents[folder / f"{name}.npy"] = buffer.getbuffer()
        sha256[name] = hashlib.sha256(buffer.getbuffer()).hexdigest()
    index = json.dumps({"fingerprint": fingerprint, "sha256": sha256}, indent=2).encode()
    files.replace({**contents, folder / "index.json": index})
