"""Any prepared TFDS image set: tiny ones, written here without TensorFlow."""

import itertools
import pathlib
import shutil
import typing

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from gan_jax.data import decode, describe, load, tfds_datasets
from gan_jax.errors import DataError

NUM = 11


def picture(index, height=10, width=12):
    return np.random.default_rng(index).integers(0, 256, (height, width, 3), np.uint8)


class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A configurable set of images."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = pathlib.Path(__file__).parent
    features: typing.ClassVar  # name -> feature
    example = staticmethod(lambda index: {})

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(self.features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(NUM):
            yield index, self.example(index)


class TinyLabelled(Tiny, skip_registration=True):
    features: typing.ClassVar = {
        "image": tfds.features.Image(shape=(10, 12, 3)),
        "label": tfds.features.ClassLabel(names=["even", "odd"]),
        "id": tfds.features.Scalar(np.int64),
    }
    example = staticmethod(lambda i: {"image": Image.fromarray(picture(i)), "label": i % 2, "id": i})


class TinyMixed(Tiny, skip_registration=True):
    features: typing.ClassVar = {"image": tfds.features.Image(shape=(None, None, 3))}
    example = staticmethod(lambda i: {"image": Image.fromarray(picture(i, 10 + i, 12))})


class TinyNumbers(Tiny, skip_registration=True):
    features: typing.ClassVar = {"value": tfds.features.Scalar(np.int64)}
    example = staticmethod(lambda i: {"value": i})


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("tfds")
    for builder in (TinyLabelled, TinyMixed, TinyNumbers):
        with tfds_datasets.quiet():
            builder(data_dir=path, file_format="array_record").download_and_prepare()
    return path


def test_labelled_set_with_other_features(data_dir):
    source = load("tiny_labelled", data_dir=data_dir)
    assert (source.shape, source.num_examples, source.num_classes) == ((10, 12, 3), NUM, 2)
    assert set(source.arrays) == {"image", "label"}
    assert source.arrays["label"].sum() == NUM // 2
    expected = {picture(index).tobytes(): index % 2 for index in range(NUM)}
    found = zip(source.arrays["image"], source.arrays["label"], strict=True)
    assert {image.tobytes(): int(label) for image, label in found} == expected


def test_streamed_equals_resident(data_dir):
    resident = load("tiny_labelled", data_dir=data_dir, resolution=8)
    streamed = load("tiny_labelled", data_dir=data_dir, resolution=8, memory_limit_mb=0)
    assert streamed.fetch is None
    for number, batch in enumerate(itertools.islice(streamed.stream(3, 0, 4), 6)):
        position = np.arange(4 * number, 4 * number + 4, dtype=np.int32)
        expected = resident.fetch(resident.arrays, jax.random.key(3), position)
        assert np.array_equal(decode(batch)["image"], expected["image"])
        assert np.array_equal(batch["label"], expected["label"])


def test_mixed_sizes(data_dir):
    with pytest.raises(
        DataError,
        match=r"tiny_mixed: image 0 of split 'train' is .* and image . is 12x.* pixels; set data\.tfds\.resolution",
    ):
        load("tiny_mixed", data_dir=data_dir)
    source = load("tiny_mixed", data_dir=data_dir, resolution=8)
    assert (source.shape, source.num_classes) == ((8, 8, 3), None)
    assert load("tiny_mixed", data_dir=data_dir, resolution=8, channels=1).shape == (8, 8, 1)


def test_each_variant_has_its_own_cache(data_dir):
    variants = [{}, {"resolution": 4}, {"resolution": 8}, {"resolution": 8, "channels": 1}]
    for _ in range(2):
        for options in variants:
            side = options.get("resolution")
            shape = ((side, side) if side else (10, 12)) + (options.get("channels", 3),)
            assert load("tiny_labelled", data_dir=data_dir, **options).shape == shape
    for split, num in {"train": NUM, "train[:5]": 5, "train[5:]": NUM - 5, "train[:50%]": 6}.items():
        assert load("tiny_labelled", data_dir=data_dir, split=split).num_examples == num


def test_set_without_images(data_dir):
    with pytest.raises(DataError, match=r'tiny_numbers has no feature "image" of 8-bit images; its features are value'):
        load("tiny_numbers", data_dir=data_dir)


@pytest.mark.parametrize("split", ["test", "train[", "trian", "train[:0]", ""])
def test_unknown_split(data_dir, split):
    with pytest.raises(DataError, match=r"split .* of tiny_labelled is unknown or empty; known: train, also in slices"):
        load("tiny_labelled", data_dir=data_dir, split=split)


def test_format_that_needs_tensorflow(data_dir, tmp_path):
    folder = tmp_path / "tiny_labelled" / "1.0.0"
    folder.mkdir(parents=True)
    for file in (data_dir / "tiny_labelled" / "1.0.0").glob("*.json"):
        (folder / file.name).write_text(file.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(DataError, match=r"stored as tfrecord, which needs TensorFlow; prepare it with"):
        load("tiny_labelled", data_dir=tmp_path)


def as_folder(path):
    path.unlink()
    path.mkdir()


HARMS = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "no JSON": lambda path: path.write_bytes(b"<html>"),
    "other JSON": lambda path: path.write_bytes(b"[]"),
    "null": lambda path: path.write_bytes(b"null"),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe{}"),
    "a folder": as_folder,
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize(
    "file", ["dataset_info.json", "features.json", "tiny_labelled-train.array_record-00000-of-00001"]
)
def test_damaged_files_are_named(data_dir, tmp_path, file, harm):
    """In one line that says what to delete."""
    place = tmp_path / "tiny_labelled" / "1.0.0"
    shutil.copytree(data_dir / "tiny_labelled" / "1.0.0", place)
    HARMS[harm](place / file)
    named = place if file.endswith("of-00001") else place / file
    lines = []
    for options in ({}, {"memory_limit_mb": 0}):
        with pytest.raises(DataError) as raised:
            load("tiny_labelled", data_dir=tmp_path, **options)
        lines.append(str(raised.value))
    for line in lines:
        assert line.startswith(f"prepared files of tiny_labelled are missing or damaged ({named}: ")
        assert line.endswith(f"; delete {place} and prepare again")
        assert "\n" not in line
    assert not (tmp_path / "gan_jax_cache").exists()


def test_a_damaged_description_is_not_a_prepared_set(tmp_path):
    """The table of sources is printed all the same."""
    for harm in HARMS:
        info = tmp_path / harm / "mnist" / "3.0.1" / "dataset_info.json"
        info.parent.mkdir(parents=True)
        info.write_text('{"fileFormat": "array_record"}')
        assert prepared_mnist(tmp_path / harm)
        HARMS[harm](info)
        assert not prepared_mnist(tmp_path / harm)


def prepared_mnist(data_dir):
    return next(row["prepared"] for row in describe(data_dir) if row["name"] == "mnist")


def test_data_directory_by_environment(data_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    assert load("tiny_labelled").num_examples == NUM
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert tfds_datasets.default_data_dir(None) == pathlib.Path("~/tensorflow_datasets").expanduser()
