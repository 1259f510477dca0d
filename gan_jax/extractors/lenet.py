"""A small classifier of 28 x 28 gray images, trained by this project: features for MNIST and Fashion-MNIST.

Inception's features were learned from colour photographs and say little about digits. This network was trained on the
training split of the very data set; the package holds its weights. `experiments/lenet` has the command that makes them
and their measured accuracy. A distance between such features compares runs of this project with each other; it is no
number of the literature, so its extractor is named beside it.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import flax.linen as nn
import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import ConfigError, DataError
from gan_jax.extractors.extractor import Extractor, check_images
from gan_jax.nn import initializers, layers

SHAPE = (28, 28, 1)
NUM_CLASSES = 10
NUM_FEATURES = 128
WEIGHTS = Path(__file__).parent / "weights"
SHA256 = {
    "mnist": "91024f99910f07149b761e622ebe10cecd07760fad4fe0e0be7dd49fc5c6c54d",
    "fashion_mnist": "db76e7de8f84ea5ae2f8efe22246f4fad1fa9432edbf49dc97af93f0e6575cde",
}


class LeNet(nn.Module):
    """Images x [B, 28, 28, 1] in [-1, 1] to features [B, 128], at least 0, and logits [B, 10].

    Three convolutions with ReLU: 32 channels of 5 x 5 and stride 2, 64 of 3 x 3 and stride 2, 64 of 3 x 3; then a dense
    layer of 128 with ReLU (the features), and a linear one. 459,082 parameters.

    Attributes:
      dropout: probability of dropping a number of the last map in training; half of it for the features.

    References:
      LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998, figure 2: the form
      (convolutions and subsampling, then dense layers). Widths, ReLU and dropout are of later custom.
      Springenberg, Dosovitskiy, Brox, Riedmiller: Striving for Simplicity: The All Convolutional Net, 2014, arXiv
      1412.6806: strides in place of pooling.
    """

    dropout: float = 0.0

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool = False, keys: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """Features and logits for x [B, 28, 28, 1]; `keys` [B], one for each example, feed dropout in training."""
        layers.check_shape(x, SHAPE)
        he = initializers.he_2015()
        for i, (width, size, stride) in enumerate(((32, 5, 2), (64, 3, 2), (64, 3, 1))):
            conv = nn.Conv(width, (size, size), (stride, stride), kernel_init=he.kernel, name=f"conv_{i}")
            x = jax.nn.relu(conv(x))
        x = x.reshape(x.shape[0], -1)
        if train:
            x = layers.dropout(x, self.dropout, keys, 0)
        features = jax.nn.relu(layers.dense(x, NUM_FEATURES, he, jnp.float32, "features"))
        x = features
        if train:
            x = layers.dropout(x, self.dropout / 2, keys, 1)
        return features, layers.dense(x, NUM_CLASSES, he, jnp.float32, "logits")


def pack(params: Any) -> bytes:
    """The bytes of an .npz file with a network's parameters; equal parameters make equal bytes."""
    buffer = io.BytesIO()
    flat = flax.traverse_util.flatten_dict(params, sep="/")
    arrays: dict[str, Any] = {name: np.asarray(flat[name]) for name in sorted(flat)}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def unpack(content: bytes) -> Any:
    """The parameters in the bytes of an .npz file made by `pack`; no pickled objects are read."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return flax.traverse_util.unflatten_dict({name: jnp.asarray(file[name]) for name in file.files}, sep="/")


def load(dataset: str | None = None, path: str | Path | None = None) -> Extractor:
    """The extractor with the weights of a data set, "mnist" or "fashion_mnist", which are part of the package.

    Of images float32 [B, 28, 28, 1] in [-1, 1] to features float32 [B, 128], at least 0, and logits float32 [B, 10].

    Raises:
      ConfigError: another data set, or a path.
      DataError: the weights' file is missing or is not the one that this version was released with.
    """
    if dataset not in SHA256:
        raise ConfigError(
            f"extractor lenet has weights for {' and '.join(SHA256)} (28 x 28 x 1) only, not for dataset={dataset!r}"
        )
    if path is not None:
        raise ConfigError(f"extractor lenet takes no path (its weights are part of the package), got {str(path)!r}")
    file = WEIGHTS / f"lenet_{dataset}.npz"
    if not file.is_file():
        raise DataError(f"the weights {file} are missing: install gan_jax again")
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != SHA256[dataset]:
        raise DataError(f"the weights {file} are damaged: sha256 {sha256}, must be {SHA256[dataset]}")
    params = unpack(content)
    name = f"lenet ({dataset})"

    def apply(images: jax.Array) -> tuple[jax.Array, jax.Array]:
        check_images(name, images, SHAPE)
        # Accelerators round products to fewer bits by default, and a distance would depend on the machine.
        with jax.default_matmul_precision("highest"):
            made: Any = LeNet().apply({"params": params}, images)
        return made

    return Extractor(name, sha256, "none", apply)
