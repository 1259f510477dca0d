"""Reads tensors from PyTorch's files without PyTorch and without running what a pickle asks for.

A `.pth` file is a pickle, and a pickle may call any function: opening one from a stranger is running his program. Here
a pickle may name ordered dictionaries, tensors, parameters and storages of numbers, each of which stands for something
of this module; any other name is refused before anything is called.

Both formats are read: the zip archive of PyTorch 1.6 and later, and the older stream of pickles.
"""

import hashlib
import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import DataError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001

DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


class _Storage(NamedTuple):
    """A row of numbers that tensors look at, by its key in the file."""

    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    """A tensor before its numbers are read."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any


# Instances that nothing can change stand for PyTorch's functions and types: a pickle may call them, no more.
class _RebuildTensor:
    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> _Tensor:
        del rest  # whether it had a gradient, and its hooks
        return _Tensor(storage, offset, shape, strides)


class _RebuildParameter:
    __slots__ = ()

    def __call__(self, data: Any, *rest: Any) -> Any:
        del rest
        return data


class _StorageType(NamedTuple):
    dtype: np.dtype


ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    **{("torch", name): _StorageType(np.dtype(dtype)) for name, dtype in DTYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, where: str) -> None:
        super().__init__(file)
        self.where = where
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise DataError(
                f"{self.where} were refused: its pickle names {module}.{name}, and a file of weights needs tensors only"
            )
        return ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _, size = pid[:5]
        if kind != "storage" or not isinstance(storage_type, _StorageType) or (len(pid) == 6 and pid[5] is not None):
            raise pickle.UnpicklingError("a part of it is no plain storage")
        storage = _Storage(str(key), storage_type.dtype, int(size))
        self.storages[storage.key] = storage
        return storage


def read(path: str | Path) -> tuple[dict[str, np.ndarray], str]:
    """The tensors by name in a file that `torch.save` made of a state dictionary, and the sha256 of the file.

    Raises:
      DataError: the file is missing, damaged, not of these formats, holds something else than named tensors, or its
        pickle names anything that is not allowed; nothing of it was called then.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"the weights {path} cannot be read: {error.strerror or error}") from None
    return parse(content, f"the weights {path}"), hashlib.sha256(content).hexdigest()


def parse(content: bytes, where: str) -> dict[str, np.ndarray]:
    """`read` of a file's bytes; `where` begins the messages."""
    is_zip = content[:4] == b"PK\x03\x04"
    try:
        state, numbers = _zip(content, where) if is_zip else _legacy(content, where)
        if not isinstance(state, dict) or not all(isinstance(value, _Tensor) for value in dict.values(state)):
            raise DataError(f"{where} must hold named tensors only (a state dictionary)")
        return {str(name): _array(value, numbers) for name, value in dict.items(state)}
    except DataError:
        raise
    # Broken pickles fail in many ways, and every one of them means the same to the user.
    except Exception as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{where} cannot be read as a PyTorch file of tensors: {detail}") from error


def _zip(content: bytes, where: str) -> tuple[Any, Callable[[_Storage], np.ndarray]]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(names) != 1:
        raise ValueError("it has no data.pkl")
    folder = names[0].removesuffix("data.pkl")
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise ValueError("it is compressed")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise ValueError("it is not little-endian")

    def numbers(storage: _Storage) -> np.ndarray:
        return np.frombuffer(archive.read(f"{folder}data/{storage.key}"), storage.dtype, storage.size)

    return _Unpickler(io.BytesIO(archive.read(names[0])), where).load(), numbers


def _legacy(content: bytes, where: str) -> tuple[Any, Callable[[_Storage], np.ndarray]]:
    """Five pickles (magic number, protocol, system, state, keys), then each storage: its length and its numbers."""
    file = io.BytesIO(content)
    if _Unpickler(file, where).load() != LEGACY_MAGIC or _Unpickler(file, where).load() != LEGACY_PROTOCOL:
        raise ValueError("its magic number is wrong")
    if _Unpickler(file, where).load().get("little_endian") is not True:
        raise ValueError("it is not little-endian")
    unpickler = _Unpickler(file, where)
    state = unpickler.load()
    arrays = {}
    for key in _Unpickler(file, where).load():
        storage = unpickler.storages[str(key)]
        if int.from_bytes(file.read(8), "little") != storage.size:
            raise ValueError(f"storage {key} has another length than its tensors say")
        arrays[storage.key] = np.frombuffer(content, storage.dtype, storage.size, file.tell())
        file.seek(arrays[storage.key].nbytes, io.SEEK_CUR)
    return state, lambda storage: arrays[storage.key]


def _array(tensor: _Tensor, numbers: Callable[[_Storage], np.ndarray]) -> np.ndarray:
    """A copy of a tensor's numbers, once its view is known to stay inside its storage."""
    row = numbers(tensor.storage)
    shape, strides = tuple(map(int, tensor.shape)), tuple(map(int, tensor.strides))
    last = tensor.offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if min((tensor.offset, *shape, *strides)) < 0 or (0 not in shape and last >= row.size):
        raise ValueError("a tensor reaches beyond its storage")
    bytes_apart = [s * row.itemsize for s in strides]
    return np.lib.stride_tricks.as_strided(row[tensor.offset :], shape, bytes_apart, writeable=False).copy()
