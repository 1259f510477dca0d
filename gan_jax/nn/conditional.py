"""Networks that are told a class: a label beside the input of any network.

References:
  Mirza, Osindero: Conditional Generative Adversarial Nets, 2014, arXiv 1411.1784, section 3.2: labels as one-hot
  vectors, concatenated to z and to the discriminator's input. To an image they are concatenated as planes of zeros or
  ones, one a class, as in code that follows Radford, Metz, Chintala, 2015, arXiv 1511.06434; there in every layer.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp


def beside(x: jax.Array, label: jax.Array, num_classes: int) -> jax.Array:
    """One-hot labels behind the last axis of x: [B, ..., C] and int [B] in [0, K) to [B, ..., C + K]."""
    code = jax.nn.one_hot(label, num_classes, dtype=x.dtype)
    code = code.reshape(code.shape[0], *[1] * (x.ndim - 2), num_classes)
    return jnp.concatenate([x, jnp.broadcast_to(code, (*x.shape[:-1], num_classes))], axis=-1)


class Generator(nn.Module):
    """A generator of examples of a class.

    Attributes:
      network: called as `([z, code], train, keys, axis_name)`.
      num_classes: K.

    Raises:
      ValueError: on the first call, if the network has a reference batch, see `nn.virtual_batch_norm`.
    """

    network: nn.Module
    num_classes: int

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
        return self.network(beside(z, label, self.num_classes), train=train, keys=keys, axis_name=axis_name)


class Discriminator(nn.Module):
    """A discriminator of examples of a class. Make it by `discriminator`, which gives the network its wider input.

    Attributes:
      network: of examples with K channels more, or of vectors with K numbers more.
      num_classes: K.
    """

    network: nn.Module
    num_classes: int

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
        """What the network makes of x [B, *shape] and labels int [B] in [0, K)."""
        if len(self.network.shape) == 1:
            x = x.reshape(x.shape[0], -1)
        x = beside(x, label, self.num_classes)
        trunk = {} if head else {"head": False}
        return self.network(x, train=train, keys=keys, axis_name=axis_name, **trunk)


def discriminator(network: nn.Module, num_classes: int) -> Discriminator:
    """A discriminator of examples of a class from one of examples of `network.shape`.

    Labels are planes beside an image. A network that says by a property `flattens` that it takes numbers without their
    places gets them once, behind the image as a vector.
    """
    shape = tuple(network.shape)
    if getattr(network, "flattens", False):
        shape = (math.prod(shape),)
    return Discriminator(network.clone(shape=(*shape[:-1], shape[-1] + num_classes)), num_classes)
