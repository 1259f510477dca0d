"""Resident sources: values, order, independence of the batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.data import load, summary
from gan_jax.data.source import decode, to_float
from gan_jax.data.storage import resident
from gan_jax.errors import DataError


@pytest.fixture(scope="module")
def numbered():
    """Examples that say which they are: 50 of them, their label is their index."""
    image = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    return resident("numbered", {"image": image, "label": np.arange(50, dtype=np.int32)})


@pytest.fixture(scope="module")
def fetch(numbered):
    return jax.jit(numbered.fetch)


def test_pixels_fill_minus_one_to_one_exactly():
    pixels = np.arange(256, dtype=np.uint8)
    eager, compiled = to_float(jnp.asarray(pixels)), np.asarray(jax.jit(to_float)(pixels))
    assert eager.dtype == jnp.float32
    assert np.array_equal(eager, compiled)
    assert to_float(pixels).dtype == np.float32
    assert np.array_equal(to_float(pixels), compiled)
    assert (compiled.min(), compiled.max()) == (-1.0, 1.0)
    np.testing.assert_allclose(compiled, pixels / 127.5 - 1, atol=1e-7)
    assert np.array_equal(np.round((np.asarray(compiled) + 1) * 127.5), pixels)


def test_images_and_labels_stay_together(numbered, fetch):
    batch = fetch(numbered.arrays, jax.random.key(0), np.arange(150))
    assert batch["image"].shape == (150, 2, 3, 1)
    assert batch["label"].dtype == jnp.int32
    assert np.array_equal(np.round((np.asarray(batch["image"])[:, 0, 0, 0] + 1) * 127.5), batch["label"])


def test_each_epoch_is_complete_and_shuffled_anew(numbered, fetch):
    # One batch of more than N examples that straddles epochs.
    label = np.asarray(fetch(numbered.arrays, jax.random.key(1), np.arange(150))["label"]).reshape(3, 50)
    assert np.array_equal(np.sort(label, axis=1), np.tile(np.arange(50), (3, 1)))
    assert not np.array_equal(label[0], label[1])
    assert not np.array_equal(label[1], label[2])


@pytest.mark.parametrize("batch_size", [1, 7])
def test_order_does_not_depend_on_the_batch(numbered, fetch, batch_size):
    key = jax.random.key(2)
    whole = np.asarray(fetch(numbered.arrays, key, np.arange(150))["label"])
    parts = [
        fetch(numbered.arrays, key, np.arange(start, start + batch_size))["label"]
        for start in range(0, 150 - batch_size + 1, batch_size)
    ]
    parts = np.concatenate(parts)
    assert np.array_equal(parts, whole[: len(parts)])


def test_fetch_under_vmap_over_runs(numbered, fetch):
    keys = jax.random.split(jax.random.key(3), 4)
    runs = jax.jit(jax.vmap(numbered.fetch, in_axes=(None, 0, None)))
    together = runs(numbered.arrays, keys, np.arange(20))["label"]
    for i, row in enumerate(together):
        assert np.array_equal(row, fetch(numbered.arrays, keys[i], np.arange(150))["label"][:20])


@pytest.mark.parametrize(
    ("num", "others", "says"),
    [
        (1200, {"label": np.full(1200, 2, np.int32)}, "1,200 images of 2x3x1 in 3 classes"),
        (2, {"label": np.zeros(2, np.int32)}, "2 images of 2x3x1 in 1 class"),
        (1, {}, "1 image of 2x3x1, no classes"),
        (4, {"depth": np.zeros((4, 2, 3), np.float32)}, "4 examples of image 2x3x1, depth 2x3"),
    ],
)
def test_a_source_in_one_line(num, others, says):
    source = resident("new\nset", {"image": np.zeros((num, 2, 3, 1), np.uint8), **others})
    assert summary(source).replace("'", "") == f"new\\nset ({says})"


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({}, "has no arrays; allowed: arrays of one length"),
        ({"a": np.zeros((2, 1), np.uint8), "b": np.zeros(3, np.int32)}, "has a 2, b 3; allowed: arrays of one length"),
        ({"a": np.zeros(0, np.int32)}, "has a 0; allowed"),
        ({"a": np.zeros(3, np.int64)}, "has int64 in 'a'; allowed: uint8 images, int32 labels, float32"),
    ],
)
def test_arrays_that_are_no_source_are_refused_in_one_line(arrays, says):
    with pytest.raises(DataError, match=says):
        resident("mine", arrays)


def test_endless_points_in_one_line():
    assert summary(load("ring")) == "ring (endless points of dimension 2)"
    assert summary(load("gaussian", mean=(0.0,) * 5)) == "gaussian (endless points of dimension 5)"


def test_decode_leaves_labels_alone():
    batch = {"image": np.zeros((2, 4, 4, 1), np.uint8), "label": np.array([3, 4], np.int32)}
    result = jax.tree.map(np.asarray, jax.jit(decode)(batch))
    assert np.all(result["image"] == -1.0)
    assert np.array_equal(result["label"], batch["label"])


def test_digits():
    from sklearn.datasets import load_digits

    source = load("digits")
    assert (source.shape, source.num_examples, source.num_classes) == ((8, 8, 1), 1797, 10)
    assert source.arrays["image"].dtype == np.uint8
    assert (source.arrays["image"].min(), source.arrays["image"].max()) == (0, 255)
    assert np.array_equal(source.arrays["label"], load_digits().target)
    assert np.abs(source.arrays["image"][..., 0] / 255 * 16 - load_digits().images).max() < 0.5 / 15
