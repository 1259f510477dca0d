"""The discriminator of patches, "PatchGAN": convolutions alone, so that each logit judges a part of the image.

References:
  Isola, Zhu, Zhou, Efros: Image-to-Image Translation with Conditional Adversarial Networks, 2016, arXiv 1611.07004,
  section 3.2.2. Zhu, Park, Isola, Efros: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
  Networks, 2017, arXiv 1703.10593, section 7.2.
"""

from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import activations, initializers, options
from gan_jax.nn.layers import check_shape, conv, instance_norm, result_dtype
from gan_jax.options import UNIT, at_least, one_of

PADDING = ((1, 1), (1, 1))


def map_sides(side: int, strided: int) -> list[int]:
    """Sides of the maps of an image, in order, the last that of the logits; below 1 where nothing would be left."""
    sides = []
    for stride in (*[2] * strided, 1, 1):
        side = (side - 2) // stride + 1
        sides.append(side)
    return sides


class Discriminator(nn.Module):
    """Images x [B, H, W, C] in [-1, 1] to logits [B, h, w]: convolutions by kernels of 4 x 4, `layers` of stride 2.

    In the papers' letters C64-C128-C256-C512 and a convolution to one channel. C512 and that have stride 1 as in the
    released code, by which a logit sees 70 x 70 pixels; with 2 layers it sees 34 x 34, with 1 layer 16 x 16. Images of
    28 pixels give 1, 5 and 12 logits a side. Maps but the first are normalized by `nn.layers.instance_norm`, which
    takes a bias away again: those layers have none.

    Attributes beside those that networks share (`gan_jax.networks`):
      shape: of an image, (height, width, channels).
      channels: channels of the first map, doubled with each layer up to 8 times as many.
      layers: convolutions of stride 2, at least 1.
      initializer: a name in `initializers.INITIALIZERS`; the paper's is N(0, 0.02^2), as "dcgan".

    Raises:
      ValueError: on the first call, if an option has an impossible value or the image is too small for the layers.
    """

    shape: tuple[int, ...]
    channels: Annotated[int, at_least(1), "of the first map, doubled with each layer up to 8 times as many"] = 64
    layers: Annotated[int, at_least(1), "convolutions of stride 2"] = 3
    leak: Annotated[float, UNIT, "slope below zero of leaky_relu"] = 0.2
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "dcgan"
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
        """Logits [B, h, w] for x [B, H, W, C], or without the head the last map [B, F]."""
        del train, keys, axis_name
        options.check_image_shape(self.shape)
        options.check(self)
        if map_sides(min(self.shape[:2]), self.layers)[-1] < 1:
            raise ValueError(f"layers: {self.layers!r} is not allowed with images of {self.shape}; give fewer")
        activate, initializer = activations.get("leaky_relu", self.leak), initializers.get(self.initializer)
        check_shape(x, self.shape)

        x = x.astype(self.dtype)
        for i in range(self.layers + 1):
            x = conv(
                x, self.channels * min(2**i, 8), 4, initializer, self.dtype, f"down_{i}",
                stride=2 if i < self.layers else 1, padding=PADDING, use_bias=i == 0, spectral_norm=self.spectral_norm,
            )  # fmt: skip
            x = activate(instance_norm(x, self.dtype) if i else x)
        if not head:
            return x.reshape(x.shape[0], -1).astype(result_dtype(self.dtype))
        logits = conv(x, 1, 4, initializer, self.dtype, "output", padding=PADDING, spectral_norm=self.spectral_norm)
        return logits[..., 0].astype(result_dtype(self.dtype))
