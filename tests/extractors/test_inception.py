"""Inception with pseudo-random weights against torch-fidelity's network (golden/README.md says how)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import inception_world

from gan_jax import extractors
from gan_jax.data.source import to_float
from gan_jax.errors import ConfigError, DataError
from gan_jax.extractors import inception


@pytest.fixture(scope="module")
def tensors():
    return inception_world.pseudo_random_tensors(inception_world.shapes())


@pytest.fixture(scope="module")
def extractor(tensors):
    made = inception.from_tensors(tensors, "none", "the weights")
    return made._replace(apply=jax.jit(made.apply))


@pytest.fixture(scope="module")
def golden():
    with np.load(inception_world.GOLDEN / "inception.npz", allow_pickle=False) as file:
        return file["features"], file["logits"]


def test_features_and_logits_equal_the_oracles(extractor, golden):
    made = extractor.apply(to_float(jnp.asarray(inception_world.images())))
    for value, expected in zip(made, golden, strict=True):
        assert value.shape == expected.shape
        assert value.dtype == jnp.float32
        scale = np.abs(expected[0] - expected[1]).max()  # what tells one image from another
        assert np.abs(value - expected).max() < 1e-4 * scale


def test_gray_images_of_any_size(extractor):
    features, logits = jax.eval_shape(extractor.apply, jnp.zeros((2, 28, 28, 1)))  # test_resizing has the numbers
    assert (features.shape, logits.shape) == ((2, 2048), (2, 1008))


def test_features_do_not_depend_on_the_batch(extractor, golden):
    images = to_float(jnp.asarray(inception_world.images()))
    swapped = extractor.apply(images[::-1])
    np.testing.assert_allclose(swapped[0][::-1], golden[0], rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_without_jit(tensors, golden):
    features, logits = inception.from_tensors(tensors, "none", "the weights").apply(
        to_float(jnp.asarray(inception_world.images()))
    )
    np.testing.assert_allclose(features, golden[0], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(logits, golden[1], rtol=1e-4, atol=1e-3)


def test_the_published_files_structure():
    """23.85 million parameters with 1008 classes, 94 convolutions with their normalizations, and the dense layer."""
    shapes = inception_world.shapes()
    parameters = [s for n, s in shapes.items() if not n.endswith(("running_mean", "running_var", "_tracked"))]
    assert sum(int(np.prod(shape)) for shape in parameters) == 23_850_960
    assert len(shapes) == 94 * 6 + 2
    assert shapes["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert shapes["Mixed_5b.branch_pool.conv.weight"] == (32, 192, 1, 1)
    assert shapes["Mixed_6e.branch7x7_2.conv.weight"] == (192, 192, 1, 7)
    assert shapes["Mixed_7c.branch3x3dbl_3b.bn.running_var"] == (384,)
    assert shapes["fc.weight"] == (1008, 2048)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("Mixed_6a.branch3x3.bn.running_var"), "lack the tensor Mixed_6a.branch3x3.bn.running_var"),
        (lambda t: t.pop("fc.bias"), "lack the tensor fc.bias"),
        (lambda t: t.update({"AuxLogits.fc.bias": t["fc.bias"]}), "hold AuxLogits.fc.bias, which this network"),
        (lambda t: t.update({"fc.weight": t["fc.weight"][:1000]}), r"have fc.weight as float32 \[1000, 2048\], which"),
        (lambda t: t.update({"fc.weight": t["fc.weight"].astype(float)}), "have fc.weight as float64"),
    ],
)
def test_tensors_that_do_not_fit(tensors, change, message):
    changed = dict(tensors)
    change(changed)
    with pytest.raises(DataError, match=f"the weights x.pth {message}"):
        inception.from_tensors(changed, "none", "the weights x.pth")


def test_errors_say_where_the_weights_are_published():
    url = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
    for path, error in ((None, ConfigError), ("nowhere.pth", DataError)):
        with pytest.raises(error) as caught:
            extractors.get("inception", path=path)
        assert url in str(caught.value)
        assert "sha256 6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_other_images_are_refused(extractor):
    with pytest.raises(
        ConfigError, match=r"inception takes images float32 \[B, H, W, 1 or 3\], got float32 \[2, 8, 8, 4\]"
    ):
        extractor.apply(jnp.zeros((2, 8, 8, 4)))
