"""Streamed sources give what resident ones give, from any position, in any division among processes."""

import itertools
import threading

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax.data import decode, load
from gan_jax.errors import DataError

NUM = 23


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    for index in range(NUM):
        image = np.random.default_rng(index).integers(0, 256, (9, 9, 3), np.uint8)
        (root / "ab"[index % 2]).mkdir(exist_ok=True)
        Image.fromarray(image).save(root / "ab"[index % 2] / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def streamed(path):
    return load(f"folder:{path}", resolution=8, memory_limit_mb=0)


@pytest.fixture(scope="module")
def resident(path):
    return load(f"folder:{path}", resolution=8)


def take(source, num, *args, **options):
    return list(itertools.islice(source.stream(*args, **options), num))


def identities(source, resident, batches):
    """Index of each streamed image among the resident ones."""
    pictures = {image.tobytes(): index for index, image in enumerate(resident.arrays["image"])}
    return [[pictures[image.tobytes()] for image in batch["image"]] for batch in batches]


def test_equals_the_resident_source(streamed, resident):
    key, count = jax.random.key(5), 10
    assert (streamed.shape, streamed.num_classes) == (resident.shape, resident.num_classes)
    for number, batch in enumerate(take(streamed, 7, key, 0, count)):
        assert batch["image"].dtype == np.uint8
        assert batch["label"].dtype == np.int32
        expected = resident.fetch(resident.arrays, key, np.arange(number * count, (number + 1) * count, dtype=np.int32))
        result = decode(batch)
        assert np.array_equal(result["image"], expected["image"])
        assert np.array_equal(result["label"], expected["label"])


def test_each_example_once_an_epoch(streamed, resident):
    order = np.concatenate(identities(streamed, resident, take(streamed, 3, 1, 0, NUM)))
    assert np.array_equal(np.sort(order.reshape(3, NUM), axis=1), np.tile(np.arange(NUM), (3, 1)))
    assert not np.array_equal(order[:NUM], order[NUM : 2 * NUM])


@pytest.mark.parametrize("start", [0, 1, 22, 23, 40, 1_000_003])
def test_restart_at_any_position(streamed, resident, start):
    key = jax.random.key(0)
    fresh = np.concatenate(identities(streamed, resident, take(streamed, 4, key, start, 6)))
    longer = np.concatenate(identities(streamed, resident, take(streamed, 12, key, max(0, start - 48), 6)))
    overlap = min(start, 48)
    assert np.array_equal(fresh, longer[overlap : overlap + 24])


def test_processes_share_each_batch(streamed):
    whole = take(streamed, 3, 7, 12, 8)
    parts = [take(streamed, 3, 7, 12, 8, local=slice(first, first + 4)) for first in (0, 4)]
    strided = take(streamed, 3, 7, 12, 8, local=slice(1, None, 2))
    for number, batch in enumerate(whole):
        for name, value in batch.items():
            assert np.array_equal(np.concatenate([part[number][name] for part in parts]), value)
            assert np.array_equal(strided[number][name], value[1::2])


def test_an_integer_stands_for_its_key(streamed):
    for one, other in zip(take(streamed, 2, 9, 0, 4), take(streamed, 2, jax.random.key(9), 0, 4), strict=True):
        assert np.array_equal(one["image"], other["image"])


def test_closing_ends_the_threads(streamed):
    stream = streamed.stream(0, 0, 4)
    next(stream)
    assert any("grain-prefetch" in thread.name for thread in threading.enumerate())
    stream.close()
    for thread in threading.enumerate():
        if "grain-prefetch" in thread.name:
            thread.join(timeout=10)
    assert not any("grain-prefetch" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda path: path.write_bytes(b"broken since"), "is not an image"),
        (lambda path: path.unlink(), "cannot be read: No such file"),
        (lambda path: Image.fromarray(np.zeros((8, 9), np.uint8)).save(path), "is 9x8 pixels now and was 8x8; leave"),
    ],
)
def test_an_image_that_changed_is_named_when_it_is_read(tmp_path, harm, says):
    for index in range(4):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / f"{index}.png")
    source = load(f"folder:{tmp_path}", memory_limit_mb=0)
    harm(tmp_path / "2.png")
    with pytest.raises(DataError, match=rf"2\.png {says}"):
        take(source, 2, 0, 0, 4)


def test_a_batch_of_more_examples_than_there_are(tmp_path):
    """Goes through the epochs; a single image is all of them."""
    Image.fromarray(np.full((8, 8), 7, np.uint8)).save(tmp_path / "only.png")
    source = load(f"folder:{tmp_path}", memory_limit_mb=0)
    for batch in take(source, 2, 3, 5, 4):
        assert np.array_equal(batch["image"], np.full((4, 8, 8, 1), 7))
