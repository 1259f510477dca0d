"""Inception v3 as the Fréchet Inception distance uses it: the graph that TensorFlow published on 2015-12-05.

Numbers are comparable with published ones only if everything before the network is as there too. Here it is as in the
original code: pixels 0 to 255, TensorFlow 1's bilinear resize to 299 x 299, then (pixel - 128) / 128. (pytorch-fid
scales to [-1, 1] and resizes with half-pixel centres instead, and its numbers differ a little.) The published tools
read images of 8 bits: round generated images to them first, 127.5 (x + 1) to the nearest integer, as real images have
been; this extractor takes what it is given.

The weights are not part of the package and are never downloaded.
"""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.errors import ConfigError
from gan_jax.extractors.conversion import conv_norm, convert, read_weights
from gan_jax.extractors.extractor import Extractor, check_images
from gan_jax.extractors.resizing import bilinear_tf1, to_rgb

SIZE = 299
NUM_CLASSES = 1008
FILE = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
NAME = "inception (2015-12-05)"
RESIZE = "bilinear to 299 x 299 as TensorFlow 1 does"


def _conv(
    x: jax.Array, name: str, features: int, size: tuple[int, int] = (1, 1), stride: int = 1, padding: str = "SAME"
) -> jax.Array:
    """Convolution, normalization and ReLU, in the calling module."""
    return jax.nn.relu(conv_norm(x, features, size, (f"{name}.conv", f"{name}.bn"), stride, padding))


def _average(x: jax.Array) -> jax.Array:
    # As TensorFlow does: the zeros around the image are not counted.
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def _shrink(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), (2, 2), "VALID")


class BlockA(nn.Module):
    """[B, 35, 35, C] to [B, 35, 35, 224 + pool_features]."""

    pool_features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """The four branches side by side."""
        one = _conv(x, "branch1x1", 64)
        five = _conv(x, "branch5x5_1", 48)
        five = _conv(five, "branch5x5_2", 64, (5, 5))
        three = _conv(x, "branch3x3dbl_1", 64)
        three = _conv(three, "branch3x3dbl_2", 96, (3, 3))
        three = _conv(three, "branch3x3dbl_3", 96, (3, 3))
        pool = _conv(_average(x), "branch_pool", self.pool_features)
        return jnp.concatenate([one, five, three, pool], axis=3)


class BlockB(nn.Module):
    """[B, 35, 35, 288] to [B, 17, 17, 768]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """The three branches side by side."""
        three = _conv(x, "branch3x3", 384, (3, 3), 2, "VALID")
        double = _conv(x, "branch3x3dbl_1", 64)
        double = _conv(double, "branch3x3dbl_2", 96, (3, 3))
        double = _conv(double, "branch3x3dbl_3", 96, (3, 3), 2, "VALID")
        return jnp.concatenate([three, double, _shrink(x)], axis=3)


class BlockC(nn.Module):
    """[B, 17, 17, 768] to the same; `channels` inside the branches of 7 x 1 and 1 x 7."""

    channels: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """The four branches side by side."""
        one = _conv(x, "branch1x1", 192)
        seven = _conv(x, "branch7x7_1", self.channels)
        seven = _conv(seven, "branch7x7_2", self.channels, (1, 7))
        seven = _conv(seven, "branch7x7_3", 192, (7, 1))
        double = _conv(x, "branch7x7dbl_1", self.channels)
        double = _conv(double, "branch7x7dbl_2", self.channels, (7, 1))
        double = _conv(double, "branch7x7dbl_3", self.channels, (1, 7))
        double = _conv(double, "branch7x7dbl_4", self.channels, (7, 1))
        double = _conv(double, "branch7x7dbl_5", 192, (1, 7))
        pool = _conv(_average(x), "branch_pool", 192)
        return jnp.concatenate([one, seven, double, pool], axis=3)


class BlockD(nn.Module):
    """[B, 17, 17, 768] to [B, 8, 8, 1280]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """The three branches side by side."""
        three = _conv(x, "branch3x3_1", 192)
        three = _conv(three, "branch3x3_2", 320, (3, 3), 2, "VALID")
        seven = _conv(x, "branch7x7x3_1", 192)
        seven = _conv(seven, "branch7x7x3_2", 192, (1, 7))
        seven = _conv(seven, "branch7x7x3_3", 192, (7, 1))
        seven = _conv(seven, "branch7x7x3_4", 192, (3, 3), 2, "VALID")
        return jnp.concatenate([three, seven, _shrink(x)], axis=3)


class BlockE(nn.Module):
    """[B, 8, 8, C] to [B, 8, 8, 2048].

    Attributes:
      max_pool: whether its pooling takes the maximum, as in the last block of the published graph, or the average.
    """

    max_pool: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """The branches side by side."""
        one = _conv(x, "branch1x1", 320)
        three = _conv(x, "branch3x3_1", 384)
        threes = [_conv(three, "branch3x3_2a", 384, (1, 3)), _conv(three, "branch3x3_2b", 384, (3, 1))]
        double = _conv(x, "branch3x3dbl_1", 448)
        double = _conv(double, "branch3x3dbl_2", 384, (3, 3))
        doubles = [_conv(double, "branch3x3dbl_3a", 384, (1, 3)), _conv(double, "branch3x3dbl_3b", 384, (3, 1))]
        pool = nn.max_pool(x, (3, 3), (1, 1), "SAME") if self.max_pool else _average(x)
        pool = _conv(pool, "branch_pool", 192)
        return jnp.concatenate([one, *threes, *doubles, pool], axis=3)


class InceptionV3(nn.Module):
    """Images x [B, 299, 299, 3] in [-1, 1] to features [B, 2048], at least 0, and logits [B, 1008].

    The features are the averages of the last map ("pool3"). The logits are without the layer's bias: the code of the
    Inception score multiplies by the weights alone, and by all 1008 columns of them.

    References:
      Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision, 2015, arXiv
      1512.00567. Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter: GANs Trained by a Two Time-Scale Update Rule
      Converge to a Local Nash Equilibrium, 2017, arXiv 1706.08500. Salimans, Goodfellow, Zaremba, Cheung, Radford,
      Chen: Improved Techniques for Training GANs, 2016, arXiv 1606.03498. Where the published graph differs from the
      paper's network (averages without the padding, a maximum in the last block), this is the graph, as in Seitzer's
      pytorch-fid and in torch-fidelity.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Features and logits for x [B, 299, 299, 3]."""
        x = _conv(x, "Conv2d_1a_3x3", 32, (3, 3), 2, "VALID")
        x = _conv(x, "Conv2d_2a_3x3", 32, (3, 3), 1, "VALID")
        x = _shrink(_conv(x, "Conv2d_2b_3x3", 64, (3, 3)))
        x = _conv(x, "Conv2d_3b_1x1", 80)
        x = _shrink(_conv(x, "Conv2d_4a_3x3", 192, (3, 3), 1, "VALID"))
        for letter, pool_features in (("b", 32), ("c", 64), ("d", 64)):
            x = BlockA(pool_features, name=f"Mixed_5{letter}")(x)
        x = BlockB(name="Mixed_6a")(x)
        for letter, channels in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
            x = BlockC(channels, name=f"Mixed_6{letter}")(x)
        x = BlockD(name="Mixed_7a")(x)
        x = BlockE(max_pool=False, name="Mixed_7b")(x)
        x = BlockE(max_pool=True, name="Mixed_7c")(x)
        features = jnp.mean(x, axis=(1, 2))
        logits = nn.Dense(NUM_CLASSES, use_bias=False, precision=jax.lax.Precision.HIGHEST, name="fc")(features)
        return features, logits


def load(dataset: str | None = None, path: str | Path | None = None) -> Extractor:
    """The extractor with the weights of the file ``path``, read without running anything that is in it.

    Of images float32 [B, H, W, 1 or 3] in [-1, 1], any size, gray ones repeated to three channels, to features float32
    [B, 2048], at least 0, and logits float32 [B, 1008] without bias.

    Raises:
      ConfigError: no path.
      DataError: the file is missing, unsafe, damaged or another one.
    """
    del dataset
    where = f"{FILE}, published at {URL} (sha256 {SHA256}); gan_jax does not download it"
    if path is None:
        raise ConfigError(f"extractor inception needs a path, --weights or evaluation.weights: of {where}")
    return from_tensors(read_weights(path, FILE, SHA256, where), SHA256, f"the weights {path}")


def from_tensors(tensors: Any, sha256: str, where: str) -> Extractor:
    """The extractor with these weights, whichever they are; `where` begins the messages."""
    variables = convert(InceptionV3(), (SIZE, SIZE, 3), tensors, where, unused=("fc.bias",))

    def apply(images: jax.Array) -> tuple[jax.Array, jax.Array]:
        check_images("inception", images)
        pixels = bilinear_tf1(to_rgb((images + 1.0) * 127.5), SIZE, SIZE)
        made: Any = InceptionV3().apply(variables, (pixels - 128.0) / 128.0)
        return made

    return Extractor(NAME, sha256, RESIZE, apply)
