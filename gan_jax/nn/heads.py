"""Heads of discriminators: what a game makes of a trunk's last hidden layer.

A trunk is a discriminator called with `head=False`, x [B, *shape] to features [B, F]. `Discriminator` puts a head on it
and is called as every network: ``Discriminator(trunk, Projection(10, layer_of(trunk)))``.
"""

import inspect
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn import initializers, layers, weight_norm


class Layer(NamedTuple):
    """How a head's layers are made.

    Attributes:
      initializer: a name in `initializers.INITIALIZERS`.
      spectral_norm: whether each kernel is divided by its largest singular value, see `nn.spectral`.
      dtype: of the computation; parameters are float32, what a head returns at least float32.
      weight_norm: whether each unit's weights are a direction and a learned length, see `nn.weight_norm`.
    """

    initializer: str = "glorot_2010"
    spectral_norm: bool = False
    dtype: Any = jnp.float32
    weight_norm: bool = False

    def __call__(self, x: jax.Array, units: int, name: str, use_bias: bool = True) -> jax.Array:
        """A dense layer of the calling module, [B, n] to [B, units]."""
        if self.weight_norm:
            return weight_norm.Dense(units, True, self.dtype, name=name)(x).astype(layers.result_dtype(self.dtype))
        initializer = initializers.get(self.initializer)
        y = layers.dense(x.astype(self.dtype), units, initializer, self.dtype, name, use_bias, self.spectral_norm)
        return y.astype(layers.result_dtype(self.dtype))


def layer_of(trunk: nn.Module) -> Layer:
    """Layers made as those of a trunk, as far as it has these options."""
    return Layer(**{name: getattr(trunk, name) for name in Layer._fields if hasattr(trunk, name)})


def is_trunk(module: nn.Module) -> bool:
    """Whether a module can be called with `head=False`."""
    return "head" in inspect.signature(type(module).__call__).parameters


class Logit(nn.Module):
    """One logit.

    Attributes:
      layer: how it is made.
    """

    layer: Layer = Layer()

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Logits [B] for features [B, F]."""
        return self.layer(features, 1, "output")[:, 0]


class Classes(nn.Module):
    """A logit for each class.

    Attributes:
      num_classes: K.
      layer: how they are made.
    """

    num_classes: int
    layer: Layer = Layer()

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Logits [B, K] for features [B, F]."""
        return self.layer(features, self.num_classes, "output")


class LogitAndClasses(nn.Module):
    """One logit, and beside it one for each class.

    Attributes: as of `Classes`.

    References:
      Odena, Olah, Shlens: Conditional Image Synthesis With Auxiliary Classifier GANs, 2016, arXiv 1610.09585.
    """

    num_classes: int
    layer: Layer = Layer()

    @nn.compact
    def __call__(self, features: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Logits [B] and [B, K] for features [B, F]."""
        return self.layer(features, 1, "output")[:, 0], self.layer(features, self.num_classes, "classes")


class Projection(nn.Module):
    """One logit on an example and its class: psi(f) + <e(y), f> with psi linear and e(y) a row of a matrix [K, F].

    Attributes: as of `Classes`.

    References:
      Miyato, Koyama: cGANs with Projection Discriminator, 2018, arXiv 1802.05637, equation 3.
    """

    num_classes: int
    layer: Layer = Layer()

    @nn.compact
    def __call__(self, features: jax.Array, label: jax.Array) -> jax.Array:
        """Logits [B] for features [B, F] and labels int [B] in [0, K)."""
        code = jax.nn.one_hot(label, self.num_classes, dtype=self.layer.dtype)
        rows = self.layer(code, features.shape[-1], "embedding", use_bias=False)
        return self.layer(features, 1, "output")[:, 0] + jnp.sum(rows * features.astype(rows.dtype), axis=-1)


class LogitAndCodes(nn.Module):
    """One logit, and beside it what a recognition network says of latent codes: a category and numbers.

    As the network Q of the paper's code, without its batch normalization: a layer with leaky ReLU on the trunk, then
    one for the logits of the category and the means of the numbers, whose variance is 1.

    Attributes:
      categories: K.
      numbers: C.
      hidden: units of the layer between.
      layer: how layers are made.

    References:
      Chen et al.: InfoGAN, 2016, arXiv 1606.03657, appendix C.
    """

    categories: int
    numbers: int
    hidden: int = 128
    layer: Layer = Layer()

    @nn.compact
    def __call__(self, features: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """Logits [B], and (logits [B, K], means [B, C]), for features [B, F]."""
        y = jax.nn.leaky_relu(self.layer(features, self.hidden, "recognition"), 0.1)
        codes = self.layer(y, self.categories + self.numbers, "codes")
        return self.layer(features, 1, "output")[:, 0], (codes[:, : self.categories], codes[:, self.categories :])


class Discriminator(nn.Module):
    """A trunk and the head that a game puts on it.

    Attributes:
      trunk: called as `(x, train, keys, axis_name, head=False)`.
      head: called as `(features, *conditions)`.

    Raises:
      ValueError: on the first call, if `trunk` does not take `head`.
    """

    trunk: nn.Module
    head: nn.Module

    @property
    def independent(self) -> bool:
        """Whether what is said of an example depends on that example alone."""
        return bool(getattr(self.trunk, "independent", False))

    @property
    def starts_from_data(self) -> bool:
        """Whether the first pass should see real examples."""
        return bool(getattr(self.trunk, "starts_from_data", False))

    def __call__(
        self,
        x: jax.Array,
        *conditions: jax.Array,
        train: bool = False,
        keys: jax.Array | None = None,
        axis_name: str | None = None,
        head: bool = True,
    ) -> Any:
        """What the head makes of x [B, *shape], and of labels or other conditions [B, ...] where it takes some.

        Without the head it is the trunk's last hidden layer, [B, F].
        """
        if not is_trunk(self.trunk):
            raise ValueError(
                f"discriminator: {type(self.trunk).__name__} is not allowed in a game with a head of its own; give one "
                "that takes head=False and returns its last hidden layer [B, F]"
            )
        features = self.trunk(x, train=train, keys=keys, axis_name=axis_name, head=False)
        return self.head(features, *conditions) if head else features
