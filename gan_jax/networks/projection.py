"""Networks of classes by projection: a gain and a bias for each class in the generator, sums over pixels in the trunk.

Square images of 28 pixels, or a power of two from 16 up. After the released code of the paper, without its residual
blocks: convolutions of stride 2 as of `networks.dcgan`. The game ``projection`` puts its head on the trunk.
"""

import math
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.networks.dcgan import resolutions
from gan_jax.nn import activations, initializers, layers, options
from gan_jax.nn.conditional import ClassNorm
from gan_jax.options import UNIT, at_least, one_of


class Generator(nn.Module):
    """z [B, n] and a label to images [B, H, W, C]: transposed convolutions, normalized with a gain and bias by class.

    Attributes:
      shape: of an image, (height, width, channels), square, 28 pixels or a power of two from 16 up.
      num_classes: K.
      channels: channels of the last hidden map, doubled with each halving of the resolution.
      output: "tanh" or "sigmoid", both to [-1, 1], or "linear".
      initializer: a name in `initializers.INITIALIZERS`.
      dtype: of the computation; parameters are float32, the result at least float32.

    Raises:
      ValueError: on the first call, if an option has an impossible value.

    References:
      Miyato, Koyama: cGANs with Projection Discriminator, 2018, arXiv 1802.05637, section 4 and appendix A.
    """

    shape: tuple[int, ...]
    num_classes: int
    channels: Annotated[int, at_least(1), "of the last hidden map, doubled with each halving of the resolution"] = 64
    output: Annotated[str, one_of(activations.OUTPUTS), "last function; tanh and sigmoid give [-1, 1]"] = "tanh"
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "dcgan"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        z: jax.Array,
        label: jax.Array,
        *,
        train: bool = False,
        keys: jax.Array | None = None,
        axis_name: str | None = None,
    ) -> jax.Array:
        """Images [B, H, W, C] for z [B, n] and labels int [B] in [0, K); `keys` is not used."""
        heights = resolutions(self.shape)
        options.check(self)
        output = activations.get_output(self.output)
        initializer = initializers.get(self.initializer)

        start, steps = heights[-1], len(heights) - 1
        widths = [self.channels * 2**i for i in reversed(range(steps))]
        x = layers.dense(z.astype(self.dtype), start * start * widths[0], initializer, self.dtype, "project")
        x = x.reshape(x.shape[0], start, start, widths[0])
        for i, width in enumerate([*widths[1:], self.shape[2]]):
            x = ClassNorm(self.num_classes, self.dtype, name=f"norm_{i}")(x, label, train, axis_name)
            last = i == steps - 1
            x = layers.ConvTranspose(
                width,
                (4, 4),
                (2, 2),
                use_bias=last,
                kernel_init=initializer.kernel,
                dtype=self.dtype,
                name="output" if last else f"up_{i}",
            )(jax.nn.relu(x))
        return output(x.astype(layers.result_dtype(self.dtype)))


class Discriminator(nn.Module):
    """Images x [B, H, W, C] in [-1, 1] to logits [B]: convolutions of stride 2 down to 4 x 4, and sums over the pixels.

    Attributes:
      shape: of an image, (height, width, channels), square, 28 pixels or a power of two from 16 up.
      channels: channels of the first map, doubled with each halving of the resolution.
      leak: slope below zero of the leaky ReLU.
      initializer: a name in `initializers.INITIALIZERS`.
      spectral_norm: whether each layer's kernel is divided by its largest singular value, see `nn.spectral`.
      dtype: of the computation; parameters are float32, the result at least float32.

    Raises:
      ValueError: on the first call, if an option has an impossible value.

    References:
      As for `Generator`.
    """

    shape: tuple[int, ...]
    channels: Annotated[int, at_least(1), "of the first map, doubled with each halving of the resolution"] = 64
    leak: Annotated[float, UNIT, "slope below zero of leaky_relu"] = 0.1
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "glorot_2010"
    spectral_norm: Annotated[bool, "divide each kernel by its largest singular value"] = True
    dtype: Any = jnp.float32

    @property
    def independent(self) -> bool:
        """Whether an example's logit depends on that example alone."""
        return True

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
        """Logits [B] for x [B, H, W, C]; without the head the last map's sums over the pixels, [B, F]."""
        del train, keys, axis_name
        size = resolutions(self.shape)[0]
        options.check(self)
        activate = activations.get("leaky_relu", self.leak)
        initializer = initializers.get(self.initializer)
        layers.check_shape(x, self.shape)

        x = x.astype(self.dtype)
        for i in range(math.ceil(math.log2(size / 4))):
            x = layers.conv(
                x, self.channels * 2**i, 4, initializer, self.dtype, f"down_{i}", stride=2,
                spectral_norm=self.spectral_norm,
            )  # fmt: skip
            x = activate(x)
        features = jnp.sum(x.astype(layers.result_dtype(self.dtype)), axis=(1, 2))
        if not head:
            return features
        logits = layers.dense(
            features.astype(self.dtype), 1, initializer, self.dtype, "output", spectral_norm=self.spectral_norm
        )
        return logits[:, 0].astype(layers.result_dtype(self.dtype))
