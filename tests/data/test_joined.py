"""Joined sources: each part as it is alone, in an order of its own; the same resident and streamed."""

import itertools
import zlib

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax.data import joined, labelled, load, paired, resident, summary
from gan_jax.data.joined import stream_of
from gan_jax.data.source import decode
from gan_jax.errors import ConfigError, DataError

NUM = 23


def numbered(num=NUM, name="numbered"):
    """Examples that say which they are, in two classes."""
    image = np.arange(num, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    return resident(name, {"image": image, "label": np.arange(num, dtype=np.int32) % 2})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A path with what separates parts in it."""
    root = tmp_path_factory.mktemp("x=1, 2,=")
    for index in range(NUM):
        (root / "ab"[index % 2]).mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), 10 * index, np.uint8)).save(root / "ab"[index % 2] / f"{index}.png")
    return root


def position(start, num):
    return (np.arange(start, start + num) % 2**32).astype(np.uint32)


def test_each_part_is_what_it_is_alone_under_its_own_key():
    digits, ring, key = load("digits"), load("ring"), jax.random.key(4)
    source = load("photos=digits,points=ring")
    assert list(source.features) == ["photos", "photos_label", "points"]
    batch = source.fetch(source.arrays, key, position(1790, 30))
    own = {name: jax.random.fold_in(key, zlib.crc32(name.encode())) for name in ("photos", "points")}
    alone = digits.fetch(digits.arrays, own["photos"], position(1790, 30))
    assert np.array_equal(batch["photos"], alone["image"])
    assert np.array_equal(batch["photos_label"], alone["label"])
    assert np.array_equal(batch["points"], ring.fetch({}, own["points"], position(1790, 30))["image"])
    assert source.features["photos_label"].frequencies == tuple(np.bincount(digits.arrays["label"]) / 1797)
    assert {name: value.shape[1:] for name, value in batch.items()} == {n: f.shape for n, f in source.features.items()}
    assert {name: value.dtype for name, value in batch.items()} == {n: f.dtype for n, f in source.features.items()}


def test_two_domains_of_one_size_are_not_paired():
    """Of two independent orders of N the correlation has mean 0 and variance 1 / (N - 1), and the number of positions
    with one index is about Poisson's with mean 1; both add up over independent epochs.
    """
    n, epochs = 101, 200
    part = resident("numbers", {"image": np.arange(n, dtype=np.float32)[:, None]})
    for name in ("a", "b"), ("x", "y"), ("horses", "zebras"):
        source = joined(dict.fromkeys(name, part))
        for key in range(3):
            batch = jax.jit(source.fetch)(source.arrays, jax.random.key(key), position(0, n * epochs))
            first, second = (np.asarray(batch[part][:, 0], np.float64).reshape(epochs, n) for part in name)
            assert np.array_equal(np.sort(first), np.sort(second))  # both see everything in each epoch
            correlation = np.mean((first - first.mean()) * (second - second.mean()), axis=1) / first[0].var()
            assert abs(correlation.mean()) < 4 / np.sqrt(epochs * (n - 1))
            assert abs(np.mean(correlation**2) * (n - 1) - 1) < 4 * np.sqrt(2 / epochs)
            assert abs(np.sum(first == second) - epochs) < 4 * np.sqrt(epochs)


def test_pairs_stay_together(folder):
    first, key = numbered(), jax.random.key(2)
    image = np.arange(NUM, dtype=np.float32)[:, None]
    for second in (resident("depth", {"image": image}), load(f"folder:{folder}", memory_limit_mb=0)):
        source = paired({"photo": first, "depth": second})
        streams = [itertools.islice(stream_of(one)(key, 5, 10), 4) for one in (source, first, second)]
        for batch, one, other in zip(*streams, strict=True):
            assert np.array_equal(batch["photo"], one["image"])
            assert np.array_equal(batch["depth"], other["image"])
    with pytest.raises(DataError, match="the lengths a 23, b 22; allowed: one length"):
        paired({"a": first, "b": numbered(NUM - 1)})


@pytest.mark.parametrize("start", [0, 2**32 - 7])
def test_a_stream_has_what_would_be_fetched(folder, start):
    """Of a streamed folder beside resident images and points, divided among processes."""
    name, key = f"a=folder:{folder},b=digits,c=ring", jax.random.key(1)
    together, apart = load(name), load(name, folder={"memory_limit_mb": 0})
    assert (together.stream, apart.fetch, apart.arrays) == (None, None, {})
    assert apart.features == together.features
    halves = [apart.stream(key, start, 6, slice(first, first + 3)) for first in (0, 3)]
    for number in range(3):
        expected = together.fetch(together.arrays, key, position(start + 6 * number, 6))
        found = [decode(next(half)) for half in halves]
        for feature, value in expected.items():
            np.testing.assert_allclose(np.concatenate([half[feature] for half in found]), value, atol=1e-6)


def test_a_name_joins_folders_with_commas_and_equals_signs(folder):
    assert load(f"one=folder:{folder}").parts["one"].name == f"folder:{folder}"
    source = load(f"a=folder:{folder},b=digits,c=folder:{folder}", folder={"resolution": 2, "channels": 3})
    assert {name: feature.shape for name, feature in source.features.items() if feature.classes is None} == {
        "a": (2, 2, 3), "b": (8, 8, 1), "c": (2, 2, 3)
    }  # fmt: skip
    assert summary(load("a=digits,b=ring")) == (
        "a=digits (1,797 images of 8x8x1 in 10 classes), b=ring (endless points of dimension 2)"
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a=digits,a=ring", r"has two parts of one name; allowed: a=NAME,b=NAME"),
        ("a=", "data.name must be one of gaussian, .* or several as a=NAME,b=NAME; got ''"),
        ("a=digits,a_label=ring", r"has two features of one name; allowed: .* a, a_label"),
        ("a=ring,b=rings", r"no data set 'rings'; nearest names: ring"),
    ],
)
def test_names_that_join_nothing_are_refused_in_one_line(name, says):
    with pytest.raises(ConfigError, match=says):
        load(name)


def test_a_source_without_an_image_has_no_one_shape():
    source = load("a=digits,b=ring")
    for of in ("shape", "value_range", "num_classes"):
        with pytest.raises(ConfigError, match="has the features a, a_label, b; allowed: data with an 'image'"):
            getattr(source, of)


@pytest.mark.parametrize("limit", [2048, 0])
def test_labelled_images_are_balanced_and_chosen_by_the_seed(folder, limit):
    whole = load(f"folder:{folder}", memory_limit_mb=limit)
    source = labelled(whole, 6, seed=1)
    assert list(source.features) == ["image", "other", "labelled", "labelled_label"]
    chosen = source.parts["labelled"].arrays
    assert chosen["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(chosen["image"][:, 0, 0, 0] // 10 % 2, chosen["label"])  # the class of the folder
    assert len(np.unique(chosen["image"])) == 6
    assert not np.array_equal(labelled(whole, 6, seed=2).parts["labelled"].arrays["image"], chosen["image"])
    batch = decode(next(stream_of(source)(0, 0, NUM)))
    assert len(np.unique(batch["image"])) == NUM
    assert len(np.unique(batch["labelled"])) == 6


def test_hidden_labels_change_nothing():
    """Labels that are not among those that the choice has read, in the order of its seed."""
    source = numbered(200)
    seen = next(stream_of(source)(7, 0, 200))["image"][:, 0, 0, 0]
    last = max(np.flatnonzero(np.isin(seen, labelled(source, 20, 7).parts["labelled"].arrays["image"])))
    assert last < 50
    label = source.arrays["label"].copy()
    label[seen[last + 1 :]] = np.random.default_rng(0).permutation(label[seen[last + 1 :]])
    assert np.sum(label != source.arrays["label"]) > 50
    one, other = (labelled(s, 20, 7) for s in (source, resident("numbered", source.arrays | {"label": label})))
    assert one.sha256 == other.sha256
    for number in range(2):
        batches = [s.fetch(s.arrays, jax.random.key(3), position(100 * number, 100)) for s in (one, other)]
        assert all(np.array_equal(batches[0][name], batches[1][name]) for name in one.features)


@pytest.mark.parametrize(
    ("source", "num", "says"),
    [
        (load("ring"), 10, "has no labels of which to take 10"),
        (numbered(), 3, "allowed: a multiple of 2, as many of each class"),
        (numbered(), 24, "class 1 has 11 of 12 labelled examples wanted"),
    ],
)
def test_labels_that_cannot_be_had_are_refused(source, num, says):
    with pytest.raises(ConfigError, match=says):
        labelled(source, num)


@pytest.mark.parametrize("limit", [2048, 0])
def test_real_examples_are_taken_whatever_the_storage(folder, limit):
    source = load(f"a=folder:{folder},b=digits,c=ring", folder={"memory_limit_mb": limit})
    taken = source.take(jax.random.key(0), 30)
    assert {name: len(value) for name, value in taken.items()} == {
        "a": NUM, "a_label": NUM, "b": 30, "b_label": 30, "c": 30
    }  # fmt: skip
    assert len(np.unique(taken["a"])) == NUM
    assert {name: value.dtype for name, value in taken.items()} == {n: f.dtype for n, f in source.features.items()}
    assert np.array_equal(np.unique(taken["b_label"]), np.arange(10))
