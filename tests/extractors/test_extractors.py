"""What all extractors share: names, a user's own function, and pixels."""

import functools
import hashlib
import pickle
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import extractors
from gan_jax.errors import ConfigError, DataError


def brightness(images):
    return jnp.mean(images, axis=(1, 2))


class Classifier:
    def __call__(self, images):
        features = brightness(images)
        return features, 2.0 * features


OWN_SHA256 = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
IMAGES = jax.random.uniform(jax.random.key(0), (3, 4, 5, 2), minval=-1.0, maxval=1.0)


def test_unknown_name():
    message = r"extractor 'inceptoin' is unknown \(did you mean 'inception'\?\); allowed: lenet, inception, .*pixels"
    with pytest.raises(ConfigError, match=message):
        extractors.get("inceptoin")


def test_pixels():
    extractor = extractors.get("pixels", dataset="mnist")
    assert extractor[:3] == ("pixels", "", "none")
    features, logits = extractor.apply(IMAGES)
    assert logits is None
    np.testing.assert_array_equal(features, np.asarray(IMAGES).reshape(3, 40))
    np.testing.assert_array_equal(jax.jit(extractor.apply)(IMAGES)[0], features)
    with pytest.raises(ConfigError, match="extractor pixels takes no path"):
        extractors.get("pixels", path="x")
    with pytest.raises(ConfigError, match=r"pixels takes float32 \[B, \.\.\.\], got uint8 \[3, 4\]"):
        extractor.apply(jnp.zeros((3, 4), jnp.uint8))


@pytest.mark.parametrize(
    "function", [brightness, jax.jit(brightness), functools.partial(brightness), lambda images: brightness(images)]
)
def test_a_function_of_a_users_own(function):
    extractor = extractors.of_callable(function, "mine")
    assert extractor[:3] == ("mine", OWN_SHA256, "its own")
    features, logits = jax.jit(extractor.apply)(IMAGES)
    assert logits is None
    np.testing.assert_allclose(features, np.asarray(IMAGES).mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_an_object_with_logits_of_a_users_own():
    extractor = extractors.of_callable(Classifier(), "mine")
    assert extractor.sha256 == OWN_SHA256
    features, logits = extractor.apply(IMAGES)
    np.testing.assert_array_equal(logits, 2.0 * features)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, r"must return features float32 \[3, n\], got float32 \[3, 4, 5, 2\]"),
        (lambda x: brightness(x)[:2], r"must return features float32 \[3, n\], got float32 \[2, 2\]"),
        (lambda x: brightness(x)[:, :0], r"must return features float32 \[3, n\], got float32 \[3, 0\]"),
        (lambda x: brightness(x).astype(jnp.bfloat16), r"features .*got bfloat16 \[3, 2\]"),
        (lambda x: "features", "must return features .*got str"),
        (lambda x: (brightness(x), x), r"must return logits .*got float32 \[3, 4, 5, 2\]"),
    ],
)
def test_other_results_are_refused(function, message):
    with pytest.raises(ConfigError, match=message):
        extractors.of_callable(function, "mine").apply(IMAGES)


def test_what_is_no_function_of_python_is_refused():
    with pytest.raises(ConfigError, match="extractor mine must be a function of images, got str"):
        extractors.of_callable("brightness", "mine")
    with pytest.raises(ConfigError, match="extractor mine has no source file"):
        extractors.of_callable(len, "mine")


@pytest.mark.parametrize("name", ["inception", "efficientnet_lite0"])
def test_files_that_are_not_the_weights(name, tmp_path):
    with pytest.raises(
        DataError, match=f"there is no file {tmp_path / 'none.pth'}: give the path of .*sha256 [0-9a-f]{{64}}"
    ):
        extractors.get(name, path=tmp_path / "none.pth")
    other = Path(__file__).parent / "golden" / "tensors_zip.pth"
    with pytest.raises(DataError, match=r"tensors_zip\.pth are not .*\.pth: sha256 [0-9a-f]{64}, must be [0-9a-f]{64}"):
        extractors.get(name, path=other)
    (tmp_path / "unsafe.pth").write_bytes(pickle.dumps(pickle.Unpickler, protocol=2))
    with pytest.raises(DataError, match=r"unsafe\.pth were refused: its pickle names pickle\.Unpickler"):
        extractors.get(name, path=tmp_path / "unsafe.pth")
