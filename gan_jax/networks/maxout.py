"""The networks of the first paper on generative adversarial nets: a ReLU generator and a maxout discriminator.

The defaults are the MNIST settings of the authors' released code. Theirs work on pixels in [0, 1], ours on [-1, 1]: the
generator's sigmoid is mapped by 2 y - 1, and the discriminator maps its input back by (x + 1) / 2, so that weights,
dropout and initialization mean what they mean there.
"""

import math
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import activations, initializers, layers, options
from gan_jax.options import FINITE, FRACTION, POSITIVE, WIDTHS, at_least, one_of


def marginal_bias(images: jax.Array) -> jax.Array:
    """The output bias of the paper's code: the inverse sigmoid of each pixel's mean over the data.

    Args:
      images: [N, H, W, C] or [N, D] in [-1, 1].

    Returns:
      [D] float32, for the parameter `output/bias` of `Generator`; means are kept 1e-7 away from 0 and 1 as in the code.

    References:
      Goodfellow et al.: Generative Adversarial Nets, 2014, arXiv 1406.2661 (`init_bias_target_marginals` in the code).
    """
    mean = jnp.mean((images.astype(jnp.float32) + 1) / 2, axis=0).reshape(-1)
    mean = jnp.clip(mean, 1e-7, 1 - 1e-7)
    return jnp.log(mean) - jnp.log1p(-mean)


class Generator(nn.Module):
    """z [B, n] to images [B, *shape] in [-1, 1]: dense ReLU layers, then a sigmoid.

    Attributes beside those that networks share (`gan_jax.networks`):
      widths: units of the hidden layers.
      output: "sigmoid" as in the paper, "tanh", both to [-1, 1], or "linear".
      output_bias: first value of every output's bias; for the bias from the data's marginals see `marginal_bias`.
      irange: weights start uniform on [-irange, irange]; above 0.

    References:
      Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio: Generative Adversarial Nets, 2014,
      arXiv 1406.2661; widths and irange from the released code. z is uniform on [-sqrt(3), sqrt(3)]^100 there.
    """

    shape: tuple[int, ...]
    widths: Annotated[tuple[int, ...], WIDTHS, "units of the hidden layers"] = (1200, 1200)
    output: Annotated[str, one_of(activations.OUTPUTS), "last function; tanh and sigmoid give [-1, 1]"] = "sigmoid"
    output_bias: Annotated[float, FINITE, "first value of every output's bias"] = 0.0
    irange: Annotated[float, POSITIVE, "weights start uniform on [-irange, irange]"] = 0.05
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, z: jax.Array, *, train: bool = False, keys: jax.Array | None = None, axis_name: str | None = None
    ) -> jax.Array:
        """Images [B, *shape] for z [B, n]; nothing here depends on `train`, `keys` or `axis_name`."""
        del train, keys, axis_name
        options.check(self)
        options.check_widths("shape", self.shape)
        output = activations.get_output(self.output)
        initializer = initializers.goodfellow_2014(self.irange)
        constant = nn.initializers.constant(self.output_bias)

        x = z.astype(self.dtype)
        for i, width in enumerate(self.widths):
            x = jax.nn.relu(layers.dense(x, width, initializer, self.dtype, f"hidden_{i}"))
        last = initializer._replace(bias=lambda fan_in: constant)
        x = layers.dense(x, math.prod(self.shape), last, self.dtype, "output")
        x = output(x.astype(layers.result_dtype(self.dtype)))
        return x.reshape(z.shape[0], *self.shape)


class Discriminator(nn.Module):
    """Images x [B, *shape] in [-1, 1] to logits [B]: maxout layers with dropout before every layer.

    Attributes beside those that networks share (`gan_jax.networks`):
      widths: units of the maxout layers.
      pieces: linear functions in each unit.
      input_dropout: probability of dropping a pixel in training (a pixel of value -1 is 0 to this network).
      dropout: probability of dropping a hidden unit in training.
      irange: weights start uniform on [-irange, irange]; above 0.
      spectral_norm: whether each layer's kernel, a maxout layer's pieces together, is divided by its largest singular
        value, see `nn.spectral`.

    References:
      As for `Generator`, and Goodfellow et al.: Maxout Networks, 2013, arXiv 1302.4389.
    """

    shape: tuple[int, ...]
    widths: Annotated[tuple[int, ...], WIDTHS, "units of the maxout layers"] = (240, 240)
    pieces: Annotated[int, at_least(1), "linear functions in each unit"] = 5
    input_dropout: Annotated[float, FRACTION, "probability of dropping a pixel in training"] = 0.2
    dropout: Annotated[float, FRACTION, "probability of dropping a hidden unit in training"] = 0.5
    irange: Annotated[float, POSITIVE, "weights start uniform on [-irange, irange]"] = 0.005
    spectral_norm: Annotated[bool, "divide each kernel by its largest singular value"] = False
    dtype: Any = jnp.float32

    independent = True
    flattens = True

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
        """Logits [B] for x [B, *shape]; `keys` [B], one for each example, feed dropout in training.

        Without the head it is the last hidden layer, [B, F].
        """
        del axis_name  # no layer takes statistics over the batch
        options.check(self)
        initializer = initializers.goodfellow_2014(self.irange)

        x = (layers.flatten(x, self.shape, self.dtype) + 1) / 2  # to the paper's [0, 1]
        if train:
            x = layers.dropout(x, self.input_dropout, keys, 0)
        for i, width in enumerate(self.widths):
            x = layers.Maxout(
                width, self.pieces, initializer, self.dtype, spectral_norm=self.spectral_norm, name=f"maxout_{i}"
            )(x)
            if train:
                x = layers.dropout(x, self.dropout, keys, i + 1)
        if not head:
            return x.astype(layers.result_dtype(self.dtype))
        logits = layers.dense(x, 1, initializer, self.dtype, "output", spectral_norm=self.spectral_norm)
        return logits[:, 0].astype(layers.result_dtype(self.dtype))
