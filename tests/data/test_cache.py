"""The cache of decoded arrays: used when it is right, made again when it is anything else."""

import logging
import os

import numpy as np
import pytest

from gan_jax.data.cache import cached

ARRAYS = {"image": np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1), "label": np.array([1, 0], np.int32)}


@pytest.fixture
def made():
    return []


@pytest.fixture
def read(tmp_path, made):
    def make():
        made.append(True)
        return ARRAYS

    def read(fingerprint="one"):
        result = cached(tmp_path / "set" / "train", fingerprint, make)
        assert set(result) == set(ARRAYS)
        for name, array in ARRAYS.items():
            assert result[name].dtype == array.dtype
            assert np.array_equal(result[name], array)

    return read


def test_second_reading_makes_nothing(read, made, tmp_path):
    read()
    read()
    assert len(made) == 1
    assert sorted(os.listdir(tmp_path / "set" / "train")) == ["image.npy", "index.json", "label.npy"]


def damage_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["image.npy", "label.npy", "index.json"])
@pytest.mark.parametrize(
    "harm",
    [
        damage_bit,
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"[]"),
        lambda path: path.unlink(),
    ],
    ids=["one bit", "truncated", "empty", "other", "missing"],
)
def test_harm_is_found_and_mended(read, made, tmp_path, name, harm):
    read()
    harm(tmp_path / "set" / "train" / name)
    read()
    assert len(made) == 2
    read()
    assert len(made) == 2


@pytest.mark.parametrize("name", ["image.npy", "index.json"])
def test_a_folder_in_place_of_a_file(read, made, tmp_path, name, caplog):
    """The arrays are made all the same, at every start until someone removes it; each time says so."""
    read()
    (tmp_path / "set" / "train" / name).unlink()
    (tmp_path / "set" / "train" / name).mkdir()
    with caplog.at_level(logging.WARNING):
        read()
    assert "cannot be read (Is a directory); they are made again" in caplog.text
    assert "could not be kept" in caplog.text
    assert len(made) == 2
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    "index",
    [b"[" * 100_000, b"\xff\xfe", b'{"fingerprint": "one", "sha256": 3}', b'{"fingerprint": "one", "sha256": {}}'],
)
def test_an_index_that_is_none(read, made, tmp_path, index):
    read()
    (tmp_path / "set" / "train" / "index.json").write_bytes(index)
    read()
    read()
    assert len(made) == 2


def test_other_origin_is_made_again(read, made):
    read("one")
    read("two")
    read("two")
    assert len(made) == 2


def test_failed_writing_leaves_nothing_trusted(read, made, tmp_path, monkeypatch, caplog):
    replace = os.replace

    def fail_at_index(source, target):
        if os.fspath(target).endswith("index.json"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_index)
    with caplog.at_level(logging.WARNING):
        read()
    assert "could not be kept" in caplog.text
    assert not any(name.endswith(".tmp") for name in os.listdir(tmp_path / "set" / "train"))
    monkeypatch.undo()
    read()
    read()
    assert len(made) == 2
