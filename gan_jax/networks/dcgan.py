"""Deep convolutional GAN: strided convolutions in place of pooling, batch normalization, ReLU and leaky ReLU.

Square images of 28 pixels, or a power of two from 16 up, with any number of channels. The generator starts from 4 x 4
(7 x 7 for 28) and doubles the resolution, halving the channels; the discriminator goes the other way. At 64 channels:

  resolution   generator                              discriminator
  28           7x7x128, 64, image                     64, 128 at 7x7
  32           4x4x256, 128, 64, image                64, 128, 256 at 4x4
  64           4x4x512, 256, 128, 64, image           64, 128, 256, 512 at 4x4

The paper's 64 x 64 networks have `channels` 128 (1024 at 4 x 4); its released code has kernels of size 5.
"""

from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import activations, initializers, layers, options, virtual_batch_norm
from gan_jax.options import FRACTION, UNIT, at_least, one_of

KERNEL_SIZES = (4, 5)


def resolutions(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Heights of the maps from the image down to the smallest one: 32 gives (32, 16, 8, 4), 28 gives (28, 14, 7).

    Args:
      shape: (height, width, channels) of an image.

    Raises:
      ValueError: unless the image is square and 28 pixels or a power of two from 16 up.
    """
    options.check_image_shape(shape)
    size = shape[0]
    if shape[1] != size or not (size == 28 or (size >= 16 and size & (size - 1) == 0)):
        raise ValueError(f"shape: {shape!r} is not allowed; give a square image of 28 pixels or 16, 32, 64, 128, ...")
    smallest = 7 if size == 28 else 4
    heights = [size]
    while heights[-1] > smallest:
        heights.append(heights[-1] // 2)
    return tuple(heights)


class Generator(nn.Module):
    """z [B, n] to images [B, H, W, C]: a dense layer, then transposed convolutions of stride 2.

    Attributes beside those that networks share (`gan_jax.networks`):
      shape: of an image, (height, width, channels), square, 28 pixels or a power of two from 16 up.
      channels: channels of the last hidden map, doubled with each halving of the resolution.
      kernel_size: 4 or 5.
      batch_norm: whether each layer but the last is normalized, each channel over batch and pixels.

    References:
      Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
      Networks, 2015, arXiv 1511.06434, section 3 and figure 1. The released code normalizes the first layer's units
      one by one; here, as in most later code, its channels.
    """

    shape: tuple[int, ...]
    channels: Annotated[int, at_least(1), "of the last hidden map, doubled with each halving of the resolution"] = 64
    kernel_size: Annotated[int, one_of(KERNEL_SIZES), "height and width of the kernels"] = 4
    batch_norm: Annotated[bool, "normalize each layer but the last"] = True
    output: Annotated[str, one_of(activations.OUTPUTS), "last function; tanh and sigmoid give [-1, 1]"] = "tanh"
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "dcgan"
    reference: Annotated[int, at_least(0), "latent variables whose fixed batch makes batch norm virtual; 0 is off"] = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, z: jax.Array, *, train: bool = False, keys: jax.Array | None = None, axis_name: str | None = None
    ) -> jax.Array:
        """Images [B, H, W, C] for z [B, n]; `keys` is not used."""
        heights = resolutions(self.shape)
        options.check(self)
        options.check_reference(self.reference, self.batch_norm)
        output = activations.get_output(self.output)
        initializer = initializers.get(self.initializer)

        start, steps = heights[-1], len(heights) - 1
        widths = [self.channels * 2**i for i in reversed(range(steps))]
        bias = not self.batch_norm
        x = z.astype(self.dtype)
        if self.reference:
            x = virtual_batch_norm.reference_latent(self, self.reference, x)
        x = layers.dense(x, start * start * widths[0], initializer, self.dtype, "project", use_bias=bias)
        x = x.reshape(x.shape[0], start, start, widths[0])
        for i, width in enumerate([*widths[1:], self.shape[2]]):
            if self.batch_norm:
                x = layers.batch_or_virtual_norm(
                    x, train, axis_name, initializer, self.dtype, f"norm_{i}", self.reference
                )
            x = jax.nn.relu(x)
            last = i == steps - 1
            if last:
                x = x[self.reference :]
            x = layers.ConvTranspose(
                width,
                (self.kernel_size, self.kernel_size),
                (2, 2),
                use_bias=bias or last,
                kernel_init=initializer.kernel,
                bias_init=initializer.bias(self.kernel_size**2 * x.shape[-1]),
                dtype=self.dtype,
                name="output" if last else f"up_{i}",
            )(x)
        return output(x.astype(layers.result_dtype(self.dtype)))


class Discriminator(nn.Module):
    """Images x [B, H, W, C] in [-1, 1] to logits [B]: convolutions of stride 2, then a dense layer.

    Attributes beside those that networks share (`gan_jax.networks`):
      shape: of an image, (height, width, channels), square, 28 pixels or a power of two from 16 up.
      channels: channels of the first map, doubled with each halving of the resolution.
      kernel_size: 4 or 5.
      batch_norm: whether each layer but the first and the last is normalized.
      dropout: probability of dropping a unit of a hidden map in training.
    """

    shape: tuple[int, ...]
    channels: Annotated[int, at_least(1), "of the first map, doubled with each halving of the resolution"] = 64
    kernel_size: Annotated[int, one_of(KERNEL_SIZES), "height and width of the kernels"] = 4
    leak: Annotated[float, UNIT, "slope below zero of leaky_relu"] = 0.2
    batch_norm: Annotated[bool, "normalize each layer but the first and the last"] = True
    dropout: Annotated[float, FRACTION, "probability of dropping a unit of a hidden map in training"] = 0.0
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "dcgan"
    spectral_norm: Annotated[bool, "divide each kernel by its largest singular value"] = False
    dtype: Any = jnp.float32

    @property
    def independent(self) -> bool:
        """Whether an example's logit depends on that example alone."""
        return not self.batch_norm

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        train: bool = False,
        keys: jax.Array | None = None,
        axis_name: str | None = None,
        head: bool = True,
    ) -> jax.Array:
        """Logits [B] for x [B, H, W, C]; `keys` [B], one for each example, feed dropout in training.

        Without the head it is the last map, [B, F].
        """
        heights = resolutions(self.shape)
        options.check(self)
        activate = activations.get("leaky_relu", self.leak)
        initializer = initializers.get(self.initializer)
        layers.check_shape(x, self.shape)

        x = x.astype(self.dtype)
        for i in range(len(heights) - 1):
            normalized = self.batch_norm and i > 0
            x = layers.conv(
                x, self.channels * 2**i, self.kernel_size, initializer, self.dtype, f"down_{i}",
                stride=2, use_bias=not normalized, spectral_norm=self.spectral_norm,
            )  # fmt: skip
            if normalized:
                x = layers.batch_norm(x, train, axis_name, initializer, self.dtype, f"norm_{i}")
            x = activate(x)
            if train:
                x = layers.dropout(x, self.dropout, keys, i)
        x = x.reshape(x.shape[0], -1)
        if not head:
            return x.astype(layers.result_dtype(self.dtype))
        logits = layers.dense(x, 1, initializer, self.dtype, "output", spectral_norm=self.spectral_norm)
        return logits[:, 0].astype(layers.result_dtype(self.dtype))
