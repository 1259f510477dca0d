"""The networks of the first conditional GAN: dense layers on z and on the label, then together.

Pixels are in [0, 1] there and in [-1, 1] here; the discriminator maps its input back, as in `networks.maxout`.
"""

import math
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import initializers, layers, options
from gan_jax.options import FRACTION, POSITIVE


class Generator(nn.Module):
    """z [B, n] and a label to images [B, *shape] in [-1, 1]: ReLU layers of 200 and 1000 units, then 1200 on both.

    Attributes:
      shape: of one example.
      num_classes: K.
      dropout: probability of dropping a hidden unit in training.
      irange: weights start uniform on [-irange, irange]; above 0.
      dtype: of the computation; parameters are float32, the result at least float32.

    Raises:
      ValueError: on the first call, if an option has an impossible value; in training with dropout and without keys.

    References:
      Mirza, Osindero: Conditional Generative Adversarial Nets, 2014, arXiv 1411.1784, section 4.1. z has 100 numbers
      there, uniform on [0, 1].
    """

    shape: tuple[int, ...]
    num_classes: int
    dropout: Annotated[float, FRACTION, "probability of dropping a hidden unit"] = 0.5
    irange: Annotated[float, POSITIVE, "weights start uniform on [-irange, irange]"] = 0.05
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
        """Images [B, *shape] for z [B, n] and labels int [B] in [0, K)."""
        del axis_name
        options.check(self)
        initializer = initializers.goodfellow_2014(self.irange)

        def hidden(x: jax.Array, width: int, name: str, index: int) -> jax.Array:
            x = jax.nn.relu(layers.dense(x, width, initializer, self.dtype, name))
            return layers.dropout(x, self.dropout, keys, index) if train else x

        code = jax.nn.one_hot(label, self.num_classes, dtype=self.dtype)
        both = [hidden(z.astype(self.dtype), 200, "latent", 0), hidden(code, 1000, "label", 1)]
        x = hidden(jnp.concatenate(both, axis=-1), 1200, "joint", 2)
        x = layers.dense(x, math.prod(self.shape), initializer, self.dtype, "output")
        return (2 * jax.nn.sigmoid(x.astype(layers.result_dtype(self.dtype))) - 1).reshape(z.shape[0], *self.shape)


class Discriminator(nn.Module):
    """Images x [B, *shape] in [-1, 1] and a label to logits [B]: maxout layers on each, then on both.

    240 units of 5 pieces on the image, 50 of 5 on the label, 240 of 4 on both.

    Attributes:
      shape: of one example.
      num_classes: K.
      dropout: probability of dropping a hidden unit in training.
      irange: weights start uniform on [-irange, irange]; above 0.
      dtype: of the computation; parameters are float32, the result at least float32.

    Raises:
      ValueError: on the first call, if an option has an impossible value; in training with dropout and without keys.

    References:
      As for `Generator`.
    """

    shape: tuple[int, ...]
    num_classes: int
    dropout: Annotated[float, FRACTION, "probability of dropping a hidden unit"] = 0.5
    irange: Annotated[float, POSITIVE, "weights start uniform on [-irange, irange]"] = 0.005
    dtype: Any = jnp.float32

    @property
    def independent(self) -> bool:
        """Whether an example's logit depends on that example alone."""
        return True

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        label: jax.Array,
        *,
        train: bool = False,
        keys: jax.Array | None = None,
        axis_name: str | None = None,
        head: bool = True,
    ) -> jax.Array:
        """Logits [B] for x [B, *shape] and labels int [B] in [0, K); without the head the last layer, [B, 240]."""
        del axis_name
        options.check(self)
        initializer = initializers.goodfellow_2014(self.irange)

        def hidden(x: jax.Array, width: int, pieces: int, name: str, index: int) -> jax.Array:
            x = layers.Maxout(width, pieces, initializer, self.dtype, name=name)(x)
            return layers.dropout(x, self.dropout, keys, index) if train else x

        image = (layers.flatten(x, self.shape, self.dtype) + 1) / 2
        code = jax.nn.one_hot(label, self.num_classes, dtype=self.dtype)
        both = [hidden(image, 240, 5, "image", 0), hidden(code, 50, 5, "label", 1)]
        x = hidden(jnp.concatenate(both, axis=-1), 240, 4, "joint", 2)
        if not head:
            return x.astype(layers.result_dtype(self.dtype))
        logits = layers.dense(x, 1, initializer, self.dtype, "output")
        return logits[:, 0].astype(layers.result_dtype(self.dtype))
