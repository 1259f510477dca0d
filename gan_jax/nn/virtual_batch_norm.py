"""Virtual batch normalization: statistics of a batch that is chosen once and stays, not of the present one."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn.initializers import Init


def reference_latent(module: nn.Module, number: int, z: jax.Array) -> jax.Array:
    """Latent variables z [B, n] behind the calling network's reference: [number + B, n].

    The reference is `number` draws from N(0, I), made at initialization and kept in collection "reference" for ever.
    """

    def draw() -> jax.Array:
        return jax.random.normal(module.make_rng("params"), (number, z.shape[-1]), jnp.float32)

    latent = module.variable("reference", "latent", draw).value
    return jnp.concatenate([jax.lax.stop_gradient(latent).astype(z.dtype), z])


def normalize(x: jax.Array, reference: int, epsilon: float) -> jax.Array:
    """Activations x [reference + B, ..., C], each example by the statistics of the reference and itself, by channel."""
    rows = jnp.reshape(x, (x.shape[0], -1, x.shape[-1]))  # [rows, pixels, channels]
    fixed, own = rows[:reference], rows[reference:]
    mean = jnp.mean(fixed, axis=(0, 1), keepdims=True)
    variance = jnp.mean(jnp.square(fixed - mean), axis=(0, 1), keepdims=True)
    own_mean = jnp.mean(own, axis=1, keepdims=True)
    own_variance = jnp.mean(jnp.square(own - own_mean), axis=1, keepdims=True)
    share = 1.0 / (reference + 1.0)  # of the example itself, as one more member of the batch
    both_mean = (1.0 - share) * mean + share * own_mean
    # The law of total variance, a sum of squares: the mean square minus the squared mean would cancel.
    both_variance = (1.0 - share) * (variance + jnp.square(mean - both_mean)) + share * (
        own_variance + jnp.square(own_mean - both_mean)
    )
    fixed = (fixed - mean) * jax.lax.rsqrt(variance + epsilon)
    own = (own - both_mean) * jax.lax.rsqrt(both_variance + epsilon)
    return jnp.concatenate([fixed, own]).reshape(x.shape)


class VirtualBatchNorm(nn.Module):
    """Normalizes each example by a reference batch and itself, [R + B, ..., C] to the same; no running statistics.

    The first R rows are the reference's activations in this layer, so they follow the parameters and take part in their
    gradient. Examples do not see one another, and training and evaluation are one function.

    Attributes:
      reference: R, at least 1.
      scale_init: of the scale [C]; the bias [C] starts at 0.
      epsilon: added to the variance.
      dtype: of the result; statistics are in float32 or better, parameters float32.

    References:
      Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen: Improved Techniques for Training GANs, 2016, arXiv
      1606.03498, section 3.4. The weights of reference and example, R and 1 of R + 1, are the released code's.
    """

    reference: int
    scale_init: Init
    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [R + B, ..., C] to the same shape."""
        shape = (1,) * (x.ndim - 1) + (x.shape[-1],)
        scale = self.param("scale", self.scale_init, shape[-1:], jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), shape[-1:], jnp.float32)
        wide = jnp.float64 if jnp.dtype(self.dtype) == jnp.float64 else jnp.float32
        y = normalize(x.astype(wide), self.reference, self.epsilon)
        y = y * scale.astype(wide).reshape(shape) + bias.astype(wide).reshape(shape)
        return y.astype(self.dtype)
