"""Files appear whole or not at all, and what was there stays."""

import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from support.commands import contents

from gan_jax import files
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.reporting import write_report
from gan_jax.training import sampling
from gan_jax.training.run import check_out, write_samples


def full(path, content):
    """``Path.write_bytes`` on a disk that has room for five bytes."""
    with open(path, "wb") as file:
        file.write(content[:5])
    if len(content) > 5:
        raise OSError(28, "No space left on device")


def write_picture(path):
    sampling.write_png(path, np.zeros((4, 4, 3), np.uint8))


def write_array(path):
    write_samples(path, None, np.zeros(3))


@pytest.mark.parametrize(
    ("name", "write", "error"),
    [
        ("a.png", write_picture, OSError),
        ("a.npy", write_array, WorkdirError),
        ("a", lambda path: files.replace({path.with_name("b"): b"new", path: b"too much"}), OSError),
        ("a", lambda path: files.write(path.parent, {"b": b"new", "a": b"too much"}), WorkdirError),
    ],
)
def test_a_full_disk(name, write, error, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"old")
    (tmp_path / "b").write_bytes(b"old")
    before = contents(tmp_path)
    with mock.patch.object(Path, "write_bytes", full), pytest.raises(error, match="No space left") as raised:
        write(path)
    assert str(path) in str(raised.value)
    assert contents(tmp_path) == before
    write(path)
    assert contents(tmp_path) != before
    assert not list(tmp_path.glob(".*"))


def test_places_for_no_file(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/full")
    for name, said in (("folder", "it is a folder"), ("device", "it is no file")):
        with pytest.raises(WorkdirError, match=f"{name}' cannot be written: {said}; choose another folder"):
            files.write(tmp_path, {"other": b"new", name: b"new"})
    assert not (tmp_path / "other").exists()
    assert not Path("/dev/full").is_file()
    with pytest.raises(WorkdirError, match=r"/other' cannot be written: .*; choose another --workdir"):
        files.probe(tmp_path / "device" / "other", "choose another --workdir")


def test_a_link_stays_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for content in (b"one", b"two"):
        files.write(tmp_path, {"link": content})
        assert (tmp_path / "target").read_bytes() == content
        assert (tmp_path / "link").is_symlink()


def test_where_samples_and_reports_cannot_go(tmp_path):
    for name in ("a.npy", "a.png"):
        (tmp_path / name).mkdir()
        with pytest.raises(ConfigError, match=f"out='{tmp_path}/{name}' is a folder or a device; allowed: a file"):
            check_out(str(tmp_path / name))
    refused = mock.patch.object(Path, "write_bytes", side_effect=PermissionError(13, "Permission denied"))
    with refused, pytest.raises(WorkdirError, match="cannot be written: Permission denied; choose another --out"):
        check_out(str(tmp_path / "b.png"))
    with pytest.raises(WorkdirError, match="it is a folder; choose a file"):
        write_report("any", tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a.npy", "a.png"]
