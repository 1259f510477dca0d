"""PyTorch's files: both formats give the tensors, and a pickle that asks for anything else calls nothing."""

import collections
import copyreg
import hashlib
import io
import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gan_jax.errors import DataError
from gan_jax.extractors import torch_files

GOLDEN = Path(__file__).parent / "golden"
FORMATS = ("zip", "legacy")


def expected():
    big = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    return {
        "a.weight": big,
        "a.view": big[1:, :, ::2],
        "a.transposed": big.transpose(2, 0, 1),
        "b.double": np.array([1.5, -2.5]),
        "b.long": np.array(7),
        "b.half": np.array([0.5], np.float16),
        "b.bool": np.array([True, False]),
        "b.empty": np.zeros((0, 3), np.float32),
        "c.parameter": np.array([3.0], np.float32),
    }


@pytest.mark.parametrize("form", FORMATS)
def test_files_that_pytorch_wrote(form):
    path = GOLDEN / f"tensors_{form}.pth"
    tensors, sha256 = torch_files.read(path)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(tensors) == list(expected())
    for name, value in expected().items():
        assert tensors[name].dtype == value.dtype
        np.testing.assert_array_equal(tensors[name], value, strict=True)


class Call:
    """Pickles as a call of a function, or of a name that stands for one."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


def zipped(data, **others):
    """A file in the newer format whose pickle has the bytes `data`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        for name, content in others.items():
            archive.writestr(f"archive/{name}", content)
    return buffer.getvalue()


def legacy(data, magic=torch_files.LEGACY_MAGIC, protocol=torch_files.LEGACY_PROTOCOL, little_endian=True):
    """A file in the older format whose pickle has the bytes `data`, without storages."""
    parts = [pickle.dumps(p, protocol=2) for p in (magic, protocol, {"little_endian": little_endian})]
    return b"".join([*parts, data, pickle.dumps([], protocol=2)])


@pytest.mark.parametrize("wrap", [zipped, legacy, lambda data: data])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_call_of_the_system_is_refused_and_not_made(wrap, protocol, tmp_path):
    trace = tmp_path / "trace"
    data = pickle.dumps({"weight": Call(os.system, f"touch {trace}")}, protocol=protocol)
    path = tmp_path / "evil.pth"
    path.write_bytes(wrap(data))
    with pytest.raises(DataError) as caught:
        torch_files.read(path)
    assert str(caught.value) == (
        f"the weights {path} were refused: its pickle names posix.system, and a file of weights needs tensors only"
    )
    assert not trace.exists()
    pickle.loads(data)  # the trap is a real one
    assert trace.exists()


@pytest.mark.parametrize(
    "function",
    [eval, exec, getattr, __import__, subprocess.Popen, collections.Counter, np.frombuffer, copyreg._reconstructor],
)
def test_other_names_are_refused(function):
    data = pickle.dumps({"weight": function}, protocol=4)
    name = re.escape(f"{function.__module__}.{function.__name__}")
    with pytest.raises(DataError, match=rf"^x were refused: its pickle names {name}, and"):
        torch_files.parse(zipped(data), "x")


def test_nested_names_and_pytorchs_loader_are_refused():
    for module, name in (
        ("collections", "OrderedDict.fromkeys"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
    ):
        data = pickle.PROTO + b"\x04" + b"".join(
            pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode() for text in (module, name)
        ) + pickle.STACK_GLOBAL + pickle.STOP  # fmt: skip
        with pytest.raises(DataError, match=rf"names {module}\.{name}, and"):
            torch_files.parse(zipped(data), "x")


def test_a_whole_module_is_refused():
    with pytest.raises(
        DataError, match=r"module_zip\.pth were refused: its pickle names torch\.nn\.modules\.linear\.Linear"
    ):
        torch_files.read(GOLDEN / "module_zip.pth")


def test_a_pickle_cannot_change_what_it_may_name():
    """BUILD with a state of slots sets attributes; on the stand-ins of PyTorch's functions that fails."""
    for module, name in torch_files.ALLOWED:
        data = b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"N}U\x08__call__K\x01s\x86b."
        with pytest.raises(DataError, match=r"^x cannot be read as a PyTorch file of tensors"):
            torch_files.parse(zipped(data), "x")
    tensors, _ = torch_files.read(GOLDEN / "tensors_zip.pth")
    np.testing.assert_array_equal(tensors["a.weight"], expected()["a.weight"])


@pytest.mark.parametrize("form", FORMATS)
def test_truncated_and_damaged_files_are_named(form, tmp_path):
    content = (GOLDEN / f"tensors_{form}.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"^the weights .*cut\.pth (cannot be read as|were refused|must hold)"):
            torch_files.read(path)


def test_a_flipped_bit_in_the_numbers_of_an_archive_is_found():
    content = bytearray((GOLDEN / "tensors_zip.pth").read_bytes())
    place = content.index(np.arange(24, dtype="<f4").tobytes())
    content[place + 17] ^= 1
    with pytest.raises(DataError, match="Bad CRC-32"):
        torch_files.parse(bytes(content), "x")


def tensor_pickle(size, offset, shape, strides):
    """The pickle of a state dictionary with one tensor of 32-bit floats, written as PyTorch does."""

    class Storage:
        pass

    class Pickler(pickle._Pickler):  # the Python one can be told to write any global
        def persistent_id(self, item):
            return ("storage", Global("torch", "FloatStorage"), "0", "cpu", size) if isinstance(item, Storage) else None

        def save_global_of(self, item):
            self.write(f"c{item.module}\n{item.name}\n".encode())

    class Global:
        def __init__(self, module, name):
            self.module, self.name = module, name

        def __call__(self):
            raise AssertionError

    Pickler.dispatch = {**pickle._Pickler.dispatch, Global: Pickler.save_global_of}
    call = Call(Global("torch._utils", "_rebuild_tensor_v2"), Storage(), offset, shape, strides, False, {})
    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump({"weight": call})
    return buffer.getvalue()


def test_views_inside_the_storage():
    content = zipped(tensor_pickle(6, 1, (2, 2), (3, 1)), **{"data/0": np.arange(6, dtype="<f4").tobytes()})
    np.testing.assert_array_equal(torch_files.parse(content, "x")["weight"], [[1.0, 2.0], [4.0, 5.0]])


@pytest.mark.parametrize(
    ("size", "offset", "shape", "strides"),
    [
        (6, 0, (7,), (1,)),
        (6, 3, (2, 2), (3, 1)),
        (6, -1, (2,), (1,)),
        (6, 5, (2,), (-1,)),
        (7, 0, (7,), (1,)),
        (6, 0, (2, 3), (3,)),
        (6, 0, (10**12,), (1,)),
        (10**12, 0, (6,), (1,)),
        (6, 0, (10**6, 10**6, 10**6), (0, 0, 0)),
    ],
)
def test_views_beyond_the_storage_are_refused(size, offset, shape, strides):
    content = zipped(tensor_pickle(size, offset, shape, strides), **{"data/0": np.arange(6, dtype="<f4").tobytes()})
    with pytest.raises(DataError, match=r"^x cannot be read as a PyTorch file of tensors: "):
        torch_files.parse(content, "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as a PyTorch file of tensors: "),
        (b"<html>not found</html>", "cannot be read as a PyTorch file of tensors: "),
        (pickle.dumps({"a": 1}), "its magic number is wrong"),
        (legacy(b"", magic=1), "its magic number is wrong"),
        (legacy(b"", protocol=1002), "its magic number is wrong"),
        (legacy(b"", little_endian=False), "it is not little-endian"),
        (legacy(pickle.dumps({"epoch": 3})), r"must hold named tensors only \(a state dictionary\)"),
        (zipped(pickle.dumps([1])), r"must hold named tensors only \(a state dictionary\)"),
        (zipped(pickle.dumps({}), byteorder=b"big"), "it is not little-endian"),
    ],
)
def test_files_of_another_kind(content, message):
    with pytest.raises(DataError, match=f"^x .*{message}"):
        torch_files.parse(content, "x")


def test_an_archive_without_a_pickle():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme", "x")
    with pytest.raises(DataError, match=r"it has no data\.pkl"):
        torch_files.parse(buffer.getvalue(), "x")


def test_a_compressed_archive_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}) + bytes(10**6))
    with pytest.raises(DataError, match="it is compressed"):
        torch_files.parse(buffer.getvalue(), "x")


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"the weights .*none\.pth cannot be read: No such file"):
        torch_files.read(tmp_path / "none.pth")


def test_pytorch_is_not_imported():
    assert "torch" not in sys.modules
