"""Networks that are told a class: a label beside the input of any network.

References:
  Mirza, Osindero: Conditional Generative Adversarial Nets, 2014, arXiv 1411.1784, section 3.2: labels as one-hot
  vectors, concatenated to z and to the discriminator's input. To an image they are concatenated as planes of zeros or
  ones, one a class, as in code that follows Radford, Metz, Chintala, 2015, arXiv 1511.06434; there in every layer.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import initializers, layers


class Code(nn.Module):
    """Labels int [B], or those of a pack [B, m], as numbers [B, m K]: one-hot, or a learned vector for each class.

    Attributes:
      num_classes: K without an embedding.
      embedding: numbers of a class's vector, which takes the place of K; 0 is one-hot.
    """

    num_classes: int
    embedding: int = 0

    @nn.compact
    def __call__(self, label: jax.Array, dtype: Any) -> jax.Array:
        """The code in `dtype`."""
        code = jax.nn.one_hot(label.reshape(label.shape[0], -1), self.num_classes, dtype=dtype)
        if self.embedding:  # a product with one-hot labels: its gradient is one as well, faster than a scatter
            kernel = self.param("embedding", nn.initializers.normal(1.0), (self.num_classes, self.embedding))
            code = code @ kernel.astype(dtype)
        return code.reshape(code.shape[0], -1)


def beside(x: jax.Array, code: jax.Array) -> jax.Array:
    """A code of each example behind the last axis of x: [B, ..., C] and [B, K] to [B, ..., C + K]."""
    planes = code.reshape(code.shape[0], *[1] * (x.ndim - 2), code.shape[-1]).astype(x.dtype)
    return jnp.concatenate([x, jnp.broadcast_to(planes, (*x.shape[:-1], code.shape[-1]))], axis=-1)


class Generator(nn.Module):
    """A generator of examples of a class.

    Attributes:
      network: called as `([z, code], train, keys, axis_name)`.
      code: of a label.

    Raises:
      ValueError: on the first call, if the network has a reference batch, see `nn.virtual_batch_norm`.
    """

    network: nn.Module
    code: Code

    def __call__(
        self,
        z: jax.Array,
        label: jax.Array,
        *,
        train: bool = False,
        keys: jax.Array | None = None,
        axis_name: str | None = None,
    ) -> jax.Array:
        """What the network makes of z [B, n] and labels int [B] in [0, K)."""
        if reference := getattr(self.network, "reference", 0):  # its latent variables, all normal, have no labels
            raise ValueError(f"reference: {reference!r} is not allowed where a generator is told labels; give 0")
        return self.network(beside(z, self.code(label, z.dtype)), train=train, keys=keys, axis_name=axis_name)


class Discriminator(nn.Module):
    """A discriminator of examples of a class. Make it by `discriminator`, which gives the network its wider input.

    Attributes:
      network: of examples with K channels more, or of vectors with K numbers more.
      code: of a label.
    """

    network: nn.Module
    code: Code

    @property
    def independent(self) -> bool:
        """Whether an example's logits depend on that example alone."""
        return bool(getattr(self.network, "independent", False))

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
        """What the network makes of x [B, *shape] and labels int [B] in [0, K), or [B, m] of a pack."""
        if len(self.network.shape) == 1:
            x = x.reshape(x.shape[0], -1)
        x = beside(x, self.code(label, layers.result_dtype(x.dtype)))
        trunk = {} if head else {"head": False}
        return self.network(x, train=train, keys=keys, axis_name=axis_name, **trunk)


def discriminator(network: nn.Module, code: Code, packing: int = 1) -> Discriminator:
    """A discriminator of examples of a class, or of packs of them, from one of examples of `network.shape`.

    Labels are planes beside an image. A network that says by a property `flattens` that it takes numbers without their
    places gets them once, behind the image as a vector.
    """
    shape = tuple(network.shape)
    if getattr(network, "flattens", False):
        shape = (math.prod(shape),)
    numbers = packing * (code.embedding or code.num_classes)
    return Discriminator(network.clone(shape=(*shape[:-1], shape[-1] + numbers)), code)


class ClassNorm(nn.Module):
    """Batch normalization with a gain and a bias for each class, of maps or vectors x [B, ..., C].

    Attributes:
      num_classes: K.
      dtype: of the result; parameters are float32.

    References:
      Dumoulin, Shlens, Kudlur: A Learned Representation For Artistic Style, 2016, arXiv 1610.07629, equation 5; gains
      start as N(1, 0.02^2), biases at 0.
    """

    num_classes: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array, train: bool, axis_name: str | None) -> jax.Array:
        """Maps [B, ..., C] normalized over all axes but the last, for labels int [B] in [0, K)."""
        layer = nn.BatchNorm(
            use_running_average=not train, momentum=0.9, epsilon=1e-5, dtype=self.dtype, use_scale=False,
            use_bias=False, axis_name=axis_name, use_fast_variance=False, name="norm",
        )  # fmt: skip
        with jax.numpy_dtype_promotion("standard"):  # the layer mixes float32 statistics with inputs of other dtypes
            x = layer(x)
        shape = (self.num_classes, x.shape[-1])
        gain = self.param("gain", initializers.gaussian(0.02, 1.0), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), shape, jnp.float32)
        code = jax.nn.one_hot(label, self.num_classes, dtype=gain.dtype)
        of_class = [
            (code @ table).astype(x.dtype).reshape(len(code), *[1] * (x.ndim - 2), -1) for table in (gain, bias)
        ]
        return x * of_class[0] + of_class[1]
