"""Real examples and their features: the same on every machine, made once."""

import numpy as np
import pytest

from gan_jax import data
from gan_jax.data.source import to_float
from gan_jax.errors import ConfigError
from gan_jax.evaluation import features
from gan_jax.evaluation.reference import load
from gan_jax.extractors.extractor import Extractor


def digits(num, split="train", **options):
    return load("digits", split, num, data_dir=None, options={}, **options)


def test_a_part_of_a_split_is_a_fixed_random_part():
    whole, part = digits(10**6), digits(300)
    images = data.load("digits").arrays["image"]
    np.testing.assert_array_equal(whole.examples, images)
    assert part.examples.shape == (300, 8, 8, 1)
    assert part.sha256 == digits(300).sha256 != digits(299).sha256
    known = {image.tobytes() for image in images}
    assert all(image.tobytes() in known for image in part.examples)
    first = np.asarray([np.array_equal(a, b) for a, b in zip(part.examples, images)])
    assert first.mean() < 0.1, "not simply the first ones"
    assert part.num_classes == 10


def test_a_known_distribution_is_drawn():
    ring = load("ring", "test", 500, data_dir=None, options={"modes": 5})
    assert ring.split == "drawn"
    assert ring.examples.shape == (500, 2)
    assert len(ring.density.means) == 5
    assert not set(map(tuple, ring.validation.tolist())) & set(map(tuple, ring.examples.tolist()))


def test_a_split_that_there_is_not():
    with pytest.raises(ConfigError, match=r"split 'test' of the real examples: digits has one split, 'train'"):
        digits(10, "test")
    with pytest.raises(ConfigError, match=r"split 'dev' of the validation examples"):
        digits(10, validation="dev")


def test_eight_bits_are_those_of_the_data():
    """Rounding undoes the map from bytes to [-1, 1], and any number becomes the nearest byte."""
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(features.eight_bit(np.asarray(to_float(levels))), levels)
    x = np.random.default_rng(0).uniform(-1.2, 1.2, 10_000).astype(np.float32)
    nearest = np.abs((x[:, None].astype(np.float64) + 1) * 127.5 - np.arange(256)).argmin(1)
    np.testing.assert_array_equal(features.eight_bit(x), nearest)


def counting(sha256="1"):
    """An extractor that counts its calls: brightness, and two logits."""
    calls = []

    def apply(x):
        calls.append(x.shape)  # once a trace
        flat = x.reshape(x.shape[0], -1)
        return flat[:, :3], flat[:, :2]

    return Extractor("test", sha256, "none", apply), calls


def test_features_do_not_depend_on_chunks(monkeypatch):
    examples = digits(70).examples
    extractor, _ = counting("chunks")
    whole = features.extract(extractor, examples)
    monkeypatch.setattr(features, "CHUNK", 32)
    parts = features.extract(extractor, examples)
    for a, b in zip(whole, parts):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(whole[0], features.as_float(examples).reshape(70, -1)[:, :3])


def test_features_of_real_examples_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    extractor, calls = counting("kept")
    made = features.of_reference(extractor, digits(50))
    assert len(calls) == 1
    monkeypatch.setattr(features, "extract", lambda *_: pytest.fail("made again"))
    again = features.of_reference(extractor, digits(50))
    for a, b in zip(made, again):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("changed", ["weights", "examples"])
def test_other_weights_or_examples_are_another_entry(tmp_path, monkeypatch, changed):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    features.of_reference(counting("a")[0], digits(50))
    other, num = ("b", 50) if changed == "weights" else ("a", 49)
    assert len(features.of_reference(counting(other)[0], digits(num))[0]) == num
    assert len(list((tmp_path / "gan_jax" / "reference").iterdir())) == 2


@pytest.mark.parametrize("extractor", [Extractor("pixels", "", "none", None), Extractor("mine", "1", "its own", None)])
def test_features_that_a_hash_does_not_determine_are_not_kept(tmp_path, monkeypatch, extractor):
    """A user's function may read weights, which change while its file does not."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(features, "extract", lambda *_: (np.zeros((50, 1), np.float32), None))
    features.of_reference(extractor, digits(50))
    assert not list(tmp_path.iterdir())
