"""Weight normalization: a layer's kernel by direction and length, started from the data.

References:
  Salimans, Kingma: Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural Networks,
  2016, arXiv 1602.07868, equations 2, 5 and 6.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Dense(nn.Module):
    """A dense layer x [B, n] to [B, features], y = g V x / ||V|| + b.

    The first pass, in which parameters are made, sets g and b so that over its examples each unit has mean 0 and
    standard deviation 1: it should see real ones (``Game.starts``).

    Attributes:
      features: units.
      learned_scale: whether g is learned; else it stays what the first pass made it.
      dtype: of the computation and result; parameters are float32.
    """

    features: int
    learned_scale: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, n] to [B, features]."""
        v = self.param("kernel", nn.initializers.normal(0.1), (x.shape[-1], self.features), jnp.float32)
        kernel = v * jax.lax.rsqrt(jnp.sum(jnp.square(v), axis=0, keepdims=True))
        y = x.astype(kernel.dtype) @ kernel  # no product where parameters exist: the compiler drops what nobody reads
        gain = self.param("scale", lambda key: 1.0 / jnp.sqrt(jnp.var(y, axis=0) + 1e-8))
        bias = self.param("bias", lambda key: -jnp.mean(y, axis=0) * gain)
        if not self.learned_scale:
            gain = jax.lax.stop_gradient(gain)
        return x.astype(self.dtype) @ (kernel * gain[None]).astype(self.dtype) + bias.astype(self.dtype)[None]
