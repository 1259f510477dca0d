"""The image-to-image network of CycleGAN: two strided convolutions, residual blocks, two transposed convolutions.

References:
  Zhu, Park, Isola, Efros: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, 2017, arXiv
  1703.10593, section 7.2, where blocks is 6 for images of 128 pixels and 9 from 256 up; after Johnson, Alahi, Fei-Fei:
  Perceptual Losses for Real-Time Style Transfer and Super-Resolution, 2016, arXiv 1603.08155.
"""

from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import activations, initializers, layers, options
from gan_jax.options import at_least, one_of

INSIDE: dict[str, Any] = {"padding": "VALID", "use_bias": False}


def _reflected(x: jax.Array, width: int) -> jax.Array:
    """Images with so many pixels more on each side, mirrored at the edge, which is not repeated."""
    return jnp.pad(x, ((0, 0), (width, width), (width, width), (0, 0)), mode="reflect")


class Generator(nn.Module):
    """Images [B, H, W, any] to images [B, H, W, C] of another domain.

    In the paper's letters: c7s1-k, d2k, d4k, R4k for each block, u2k, uk, c7s1-C, with k `channels`. All but the last
    are normalized by `layers.instance_norm`, which takes a bias away again: there is none. Where images are mirrored at
    their edges and where they meet zeros is as in the released code.

    Attributes beside those that networks share (`gan_jax.networks`):
      shape: of a result, (height, width, channels), height and width multiples of 4 from 8 up.
      channels: channels of the first map.
      blocks: residual blocks at a quarter of the resolution; at least 0.
      initializer: a name in `initializers.INITIALIZERS`; the paper's is N(0, 0.02^2), as "dcgan".

    Raises:
      ValueError: on the first call, if an option has an impossible value or the input is no image of this size.
    """

    shape: tuple[int, ...]
    channels: Annotated[int, at_least(1), "of the first map"] = 64
    blocks: Annotated[int, at_least(0), "residual blocks at a quarter of the resolution"] = 6
    output: Annotated[str, one_of(activations.OUTPUTS), "last function; tanh and sigmoid give [-1, 1]"] = "tanh"
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "dcgan"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool = False, keys: jax.Array | None = None, axis_name: str | None = None
    ) -> jax.Array:
        """Images [B, *shape] for images x of their height and width; nothing depends on the other arguments."""
        del train, keys, axis_name
        options.check(self)
        self._check(x)
        output, initializer = activations.get_output(self.output), initializers.get(self.initializer)

        def conv(x: jax.Array, features: int, size: int, name: str, **options: Any) -> jax.Array:
            return layers.conv(x, features, size, initializer, self.dtype, name, **{**INSIDE, **options})

        def activate(x: jax.Array) -> jax.Array:
            return jax.nn.relu(layers.instance_norm(x, self.dtype))

        x = activate(conv(_reflected(x.astype(self.dtype), 3), self.channels, 7, "first"))
        for i in (1, 2):
            x = activate(conv(x, self.channels * 2**i, 3, f"down_{i}", stride=2, padding=((1, 1), (1, 1))))
        for i in range(self.blocks):
            y = activate(conv(_reflected(x, 1), x.shape[-1], 3, f"block_{i}_a"))
            y = conv(_reflected(y, 1), x.shape[-1], 3, f"block_{i}_b")
            x = x + layers.instance_norm(y, self.dtype)
        for i in (1, 0):
            up = layers.ConvTranspose(
                self.channels * 2**i,
                (3, 3),
                (2, 2),
                padding=((1, 2), (1, 2)),  # so that pixel i of a map lies at pixel 2 i of the next, as on the way down
                use_bias=False,
                kernel_init=initializer.kernel,
                dtype=self.dtype,
                name=f"up_{i}",
            )
            x = activate(up(x))
        x = conv(_reflected(x, 3), self.shape[-1], 7, "output", use_bias=True)
        return output(x.astype(layers.result_dtype(self.dtype)))

    def _check(self, x: jax.Array) -> None:
        options.check_image_shape(self.shape)
        if any(side % 4 or side < 8 for side in self.shape[:2]):
            raise ValueError(f"shape: {self.shape!r} is not allowed; give sides that are multiples of 4 from 8 up")
        if x.ndim != 4 or x.shape[1:3] != tuple(self.shape[:2]):
            raise ValueError(
                f"shape: inputs of shape {x.shape[1:]} given; this network translates images of "
                f"{self.shape[0]} x {self.shape[1]} pixels, in a game that gives it some"
            )
