"""LeNet: the shipped weights classify the real test sets as well as is claimed."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import extractors
from gan_jax.data import load
from gan_jax.data.source import to_float
from gan_jax.errors import ConfigError, DataError
from gan_jax.extractors import lenet

ACCURACY = {"mnist": 99.48, "fashion_mnist": 93.10}  # as in experiments/lenet/README.md
LEAST = {"mnist": 99.2, "fashion_mnist": 91.0}


@pytest.fixture(scope="module", params=sorted(ACCURACY))
def dataset(request):
    return request.param


@pytest.fixture(scope="module")
def extractor(dataset):
    return extractors.get("lenet", dataset=dataset)


def random_images(num):
    return jax.random.uniform(jax.random.key(3), (num, 28, 28, 1), minval=-1.0, maxval=1.0)


def test_accuracy_on_the_real_test_set(dataset, extractor):
    source = load(dataset, split="test")
    images, labels = source.arrays["image"], source.arrays["label"]
    apply = jax.jit(lambda x: extractor.apply(to_float(x)))
    parts = [apply(part) for part in np.split(images, 10)]
    correct = np.argmax(np.concatenate([logits for _, logits in parts]), axis=-1) == labels
    percent = 100.0 * correct.mean()
    assert percent >= LEAST[dataset]
    assert percent == pytest.approx(ACCURACY[dataset], abs=0.021)  # two images: rounding on another machine
    features = np.concatenate([features for features, _ in parts])
    assert features.min() == 0.0
    assert (features.std(axis=0) > 0).mean() > 0.9  # nearly no unit is dead


def test_weights_are_small_and_are_the_released_ones(dataset, extractor):
    file = lenet.WEIGHTS / f"lenet_{dataset}.npz"
    content = file.read_bytes()
    assert len(content) < 2_000_000
    assert hashlib.sha256(content).hexdigest() == extractor.sha256 == lenet.SHA256[dataset]
    with np.load(file, allow_pickle=False) as arrays:
        assert sum(array.size for array in arrays.values()) == 459_082
        assert {str(array.dtype) for array in arrays.values()} == {"float32"}
    assert (extractor.name, extractor.resize) == (f"lenet ({dataset})", "none")


def test_packing_makes_the_same_bytes(dataset):
    content = (lenet.WEIGHTS / f"lenet_{dataset}.npz").read_bytes()
    assert lenet.pack(lenet.unpack(content)) == content


def test_features_do_not_depend_on_the_batch_or_on_jit(extractor):
    images = random_images(7)
    features, logits = extractor.apply(images)
    assert (features.shape, logits.shape) == ((7, 128), (7, 10))
    assert features.dtype == logits.dtype == jnp.float32
    jitted = jax.jit(extractor.apply)(images)
    alone = jax.tree.map(lambda *parts: jnp.concatenate(parts), *(extractor.apply(images[i : i + 1]) for i in range(7)))
    backwards = jax.tree.map(lambda x: x[::-1], extractor.apply(images[::-1]))
    for other in (jitted, alone, backwards):
        np.testing.assert_allclose(other[0], features, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(other[1], logits, rtol=1e-4, atol=1e-4)


def test_features_are_what_the_logits_are_made_of(dataset, extractor):
    params = lenet.unpack((lenet.WEIGHTS / f"lenet_{dataset}.npz").read_bytes())
    features, logits = extractor.apply(random_images(3))
    expected = np.asarray(features) @ np.asarray(params["logits"]["kernel"]) + np.asarray(params["logits"]["bias"])
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_dropout_is_for_training_only():
    network = lenet.LeNet(dropout=0.5)
    images = random_images(2)
    params = lenet.unpack((lenet.WEIGHTS / "lenet_mnist.npz").read_bytes())
    plain = network.apply({"params": params}, images)[1]
    keys = jax.random.split(jax.random.key(1), 2)
    assert not np.allclose(network.apply({"params": params}, images, train=True, keys=keys)[1], plain)
    np.testing.assert_array_equal(lenet.LeNet().apply({"params": params}, images)[1], plain)


@pytest.mark.parametrize("shape", [(2, 32, 32, 1), (2, 28, 28, 3), (28, 28, 1)])
def test_other_images_are_refused(shape):
    apply = extractors.get("lenet", dataset="mnist").apply
    with pytest.raises(
        ConfigError, match=r"extractor lenet \(mnist\) takes images float32 \[B, 28, 28, 1\], got float32"
    ):
        apply(jnp.zeros(shape))
    with pytest.raises(ConfigError, match=r"got uint8 \[2, 28, 28, 1\]"):
        jax.jit(apply)(jnp.zeros((2, 28, 28, 1), jnp.uint8))


@pytest.mark.parametrize("dataset", [None, "cifar10", "mnist:3.0.1"])
def test_other_data_sets_are_refused(dataset):
    with pytest.raises(
        ConfigError, match=r"lenet has weights for mnist and fashion_mnist \(28 x 28 x 1\) only, not for"
    ):
        extractors.get("lenet", dataset=dataset)


def test_a_path_is_refused():
    with pytest.raises(ConfigError, match="extractor lenet takes no path"):
        extractors.get("lenet", dataset="mnist", path="weights.npz")


def test_damaged_and_missing_weights_are_named(tmp_path, monkeypatch):
    content = bytearray((lenet.WEIGHTS / "lenet_mnist.npz").read_bytes())
    content[1000] ^= 1
    monkeypatch.setattr(lenet, "WEIGHTS", tmp_path)
    with pytest.raises(DataError, match=r"lenet_mnist\.npz are missing"):
        extractors.get("lenet", dataset="mnist")
    (tmp_path / "lenet_mnist.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"lenet_mnist\.npz are damaged: sha256 [0-9a-f]{64}, must be [0-9a-f]{64}"):
        extractors.get("lenet", dataset="mnist")
