"""Networks of dense layers, for points and for small images: the networks of most first tutorials.

Settings of tutorials, as (generator; discriminator):
  Choi (yunjey), pytorch-tutorial 2017: the defaults.
  Udacity, deep-learning `gan_mnist` 2017: widths (128,), leaky_relu with leak 0.01, glorot_2010; the same.
  Kristiadi (wiseodd), generative-models 2016: widths (128,), relu, output sigmoid, xavier_wiseodd; (128,), relu.
  Jang, genadv_tutorial 2016: widths (6, 5), tanh, output tanh with output_scale 5; (6, 5), tanh.
  Glover (AYLIEN), gan-intro 2016: widths (4,), softplus, output linear, unit_normal; (8, 8, 8), relu, unit_normal.
  Metz et al. 2017 (arXiv 1611.02163), ring: widths (128, 128), tanh, output linear, saxe_2014; (128, 128), tanh.
"""

import math
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import activations, initializers, layers, options, virtual_batch_norm
from gan_jax.nn.minibatch import MinibatchDiscrimination
from gan_jax.options import FRACTION, POSITIVE, UNIT, WIDTHS, at_least, one_of


class Generator(nn.Module):
    """z [B, n] to examples [B, *shape] by dense layers.

    Attributes beside those that networks share (`gan_jax.networks`):
      widths: units of the hidden layers; () is one linear map.
      activation: of the hidden layers, a name in `activations.ACTIVATIONS`.
      output_scale: factor on the output, above 0.
      batch_norm: whether each hidden layer is normalized before its activation.

    References:
      Choi: PyTorch Tutorial, generative_adversarial_network/main.py, 2017.
      Goodfellow et al.: Generative Adversarial Nets, 2014, arXiv 1406.2661.
    """

    shape: tuple[int, ...]
    widths: Annotated[tuple[int, ...], WIDTHS, "units of the hidden layers; () is one linear map"] = (256, 256)
    activation: Annotated[str, one_of(activations.ACTIVATIONS), "of the hidden layers"] = "relu"
    leak: Annotated[float, UNIT, "slope below zero of leaky_relu"] = 0.2
    output: Annotated[str, one_of(activations.OUTPUTS), "last function; tanh and sigmoid give [-1, 1]"] = "tanh"
    output_scale: Annotated[float, POSITIVE, "factor on the output"] = 1.0
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "pytorch_linear"
    batch_norm: Annotated[bool, "normalize each hidden layer before its activation"] = False
    reference: Annotated[int, at_least(0), "latent variables whose fixed batch makes batch norm virtual; 0 is off"] = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, z: jax.Array, *, train: bool = False, keys: jax.Array | None = None, axis_name: str | None = None
    ) -> jax.Array:
        """Examples [B, *shape] for z [B, n], or for examples of any shape; `keys` is not used."""
        options.check(self)
        options.check_widths("shape", self.shape)
        options.check_reference(self.reference, self.batch_norm)
        activate = activations.get(self.activation, self.leak)
        output = activations.get_output(self.output)
        initializer = initializers.get(self.initializer)

        x = z.reshape(z.shape[0], -1).astype(self.dtype)
        if self.reference:
            x = virtual_batch_norm.reference_latent(self, self.reference, x)
        for i, width in enumerate(self.widths):
            x = layers.dense(x, width, initializer, self.dtype, f"hidden_{i}", use_bias=not self.batch_norm)
            if self.batch_norm:
                x = layers.batch_or_virtual_norm(
                    x, train, axis_name, initializer, self.dtype, f"norm_{i}", self.reference
                )
            x = activate(x)
        x = x[self.reference :]
        x = layers.dense(x, math.prod(self.shape), initializer, self.dtype, "output")
        x = self.output_scale * output(x.astype(layers.result_dtype(self.dtype)))
        return x.reshape(z.shape[0], *self.shape)


class Discriminator(nn.Module):
    """Examples x [B, *shape] to logits [B] by dense layers.

    Attributes beside those that networks share (`gan_jax.networks`):
      widths: units of the hidden layers; () is one linear map.
      activation: of the hidden layers, a name in `activations.ACTIVATIONS`.
      dropout: probability of dropping a hidden unit in training, at least 0 and below 1.
      minibatch_features: numbers by which minibatch discrimination extends the last hidden layer; 0 is none.
      minibatch_dims: numbers that it compares for each of them.
    """

    shape: tuple[int, ...]
    widths: Annotated[tuple[int, ...], WIDTHS, "units of the hidden layers; () is one linear map"] = (256, 256)
    activation: Annotated[str, one_of(activations.ACTIVATIONS), "of the hidden layers"] = "leaky_relu"
    leak: Annotated[float, UNIT, "slope below zero of leaky_relu"] = 0.2
    dropout: Annotated[float, FRACTION, "probability of dropping a hidden unit in training"] = 0.0
    initializer: Annotated[str, one_of(initializers.INITIALIZERS), "of the weights"] = "pytorch_linear"
    spectral_norm: Annotated[bool, "divide each kernel by its largest singular value"] = False
    minibatch_features: Annotated[int, at_least(0), "numbers that minibatch discrimination appends; 0 is off"] = 0
    minibatch_dims: Annotated[int, at_least(1), "dimensions in which it compares examples, for each of them"] = 3
    dtype: Any = jnp.float32

    @property
    def independent(self) -> bool:
        """Whether an example's logit depends on that example alone."""
        return self.minibatch_features == 0

    @property
    def flattens(self) -> bool:
        """Whether numbers have no places, so that others may be put beside them."""
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
        """Logits [B] for x [B, *shape]; `keys` [B], one for each example, feed dropout in training.

        Without the head it is the last hidden layer, [B, F], before what minibatch discrimination appends.
        """
        options.check(self)
        activate = activations.get(self.activation, self.leak)
        initializer = initializers.get(self.initializer)

        x = layers.flatten(x, self.shape, self.dtype)
        for i, width in enumerate(self.widths):
            x = layers.dense(x, width, initializer, self.dtype, f"hidden_{i}", spectral_norm=self.spectral_norm)
            x = activate(x)
            if train:
                x = layers.dropout(x, self.dropout, keys, i)
        if not head:
            if self.minibatch_features and self.is_initializing():
                raise ValueError(
                    f"minibatch_features: {self.minibatch_features!r} is not allowed where a game puts a head of its "
                    "own on the hidden layers; give 0"
                )
            return x.astype(layers.result_dtype(self.dtype))
        if self.minibatch_features:
            x = MinibatchDiscrimination(
                self.minibatch_features, self.minibatch_dims, initializer, self.dtype, name="minibatch"
            )(x, axis_name)
        logits = layers.dense(x, 1, initializer, self.dtype, "output", spectral_norm=self.spectral_norm)
        return logits[:, 0].astype(layers.result_dtype(self.dtype))
