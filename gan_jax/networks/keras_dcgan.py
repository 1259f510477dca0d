"""The convolutional networks of a well-known Keras tutorial: 5 x 5 kernels, up-sampling, dropout in every layer.

References:
  Atienza: Deep-Learning-Experiments, Tensorflow/GAN/dcgan_mnist.py ("GAN by Example using Keras"), 2017.
"""

from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import activations, initializers, layers, options
from gan_jax.options import FRACTION, UNIT, Allowed, at_least, one_of

MULTIPLE_OF_8 = Allowed("a multiple of 8, at least 8", lambda v: v > 0 and v % 8 == 0)

KERNEL = (5, 5)


def _check(shape: tuple[int, ...]) -> None:
    options.check_image_shape(shape)
    if shape[0] != shape[1] or shape[0] % 4:
        raise ValueError(f"shape: {shape!r} is not allowed; give a square image whose side is a multiple of 4, as 28")


class Generator(nn.Module):
    """z [B, n] to images [B, H, W, C]: a dense layer, then (up-sampling and) 5 x 5 convolutions.

    Attributes beside those that networks share (`gan_jax.networks`):
      shape: of an image, (height, width, channels), square, the side a multiple of 4.
      depth: channels of the first map, a multiple of 8; they are halved three times.
      dropout: probability of dropping a unit of the first map in training.
    """

    shape: tuple[int, ...]
    depth: Annotated[int, MULTIPLE_OF_8, "channels of the first map, halved three times"] = 256
    dropout: Annotated[float, FRACTION, "probability of dropping a unit of the first map in training"] = 0.4
    output: Annotated[str, one_of(activations.OUTPUTS), "last function; tanh and sigmoid give [-1, 1]"] = "sigmoid"
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "glorot_2010"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, z: jax.Array, *, train: bool = False, keys: jax.Array | None = None, axis_name: str | None = None
    ) -> jax.Array:
        """Images [B, H, W, C] for z [B, n]; `keys` [B], one for each example, feed dropout in training."""
        options.check(self)
        _check(self.shape)
        output, initializer = activations.get_output(self.output), initializers.get(self.initializer)
        side = self.shape[0] // 4

        x = layers.dense(
            z.astype(self.dtype), side * side * self.depth, initializer, self.dtype, "project", use_bias=False
        )
        x = x.reshape(z.shape[0], side, side, self.depth)
        x = jax.nn.relu(layers.batch_norm(x, train, axis_name, initializer, self.dtype, "norm_0"))
        if train:
            x = layers.dropout(x, self.dropout, keys, 0)
        for i, enlarge in enumerate((2, 2, 1), start=1):
            # A stride-1 transposed convolution is a convolution with the kernel turned round: the same family.
            x = x.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
            conv = layers.Conv(
                self.depth // 2**i,
                KERNEL,
                use_bias=False,
                kernel_init=initializer.kernel,
                dtype=self.dtype,
                name=f"up_{i}",
            )
            x = jax.nn.relu(layers.batch_norm(conv(x), train, axis_name, initializer, self.dtype, f"norm_{i}"))
        x = layers.Conv(self.shape[2], KERNEL, kernel_init=initializer.kernel, dtype=self.dtype, name="output")(x)
        return output(x.astype(layers.result_dtype(self.dtype)))


class Discriminator(nn.Module):
    """Images x [B, H, W, C] in [-1, 1] to logits [B]: four 5 x 5 convolutions with leaky ReLU and dropout.

    Attributes beside those that networks share (`gan_jax.networks`):
      shape: of an image, (height, width, channels), square, the side a multiple of 4.
      depth: channels of the first map; they are doubled three times.
      dropout: probability of dropping a unit after each convolution in training.
    """

    shape: tuple[int, ...]
    depth: Annotated[int, at_least(1), "channels of the first map, doubled three times"] = 64
    leak: Annotated[float, UNIT, "slope below zero of leaky_relu"] = 0.2
    dropout: Annotated[float, FRACTION, "probability of dropping a unit after each convolution in training"] = 0.4
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "glorot_2010"
    spectral_norm: Annotated[bool, "divide each kernel by its largest singular value"] = False
    dtype: Any = jnp.float32

    independent = True

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
        """Logits [B] for x [B, H, W, C]; the original's pixels are in [0, 1], so x is mapped there first.

        Without the head it is the last map, [B, F].
        """
        del axis_name  # no layer takes statistics over the batch
        options.check(self)
        _check(self.shape)
        layers.check_shape(x, self.shape)
        activate, initializer = activations.get("leaky_relu", self.leak), initializers.get(self.initializer)

        x = 0.5 * (x.astype(self.dtype) + 1.0)
        for i, stride in enumerate((2, 2, 2, 1)):
            x = layers.Conv(
                self.depth * 2**i,
                KERNEL,
                (stride, stride),
                kernel_init=initializer.kernel,
                dtype=self.dtype,
                spectral_norm=self.spectral_norm,
                name=f"down_{i}",
            )(x)
            x = activate(x)
            if train:
                x = layers.dropout(x, self.dropout, keys, i)
        x = x.reshape(x.shape[0], -1)
        if not head:
            return x.astype(layers.result_dtype(self.dtype))
        logits = layers.dense(x, 1, initializer, self.dtype, "output", spectral_norm=self.spectral_norm)
        return logits[:, 0].astype(layers.result_dtype(self.dtype))
