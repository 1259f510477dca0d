"""Minibatch discrimination: each example sees how close the others of its minibatch are."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn.initializers import Initializer


def closeness(rows: jax.Array, others: jax.Array) -> jax.Array:
    """o[i, b] = sum over j of exp(-sum over c of |rows[i, b, c] - others[j, b, c]|), [B, features]."""
    distance = jnp.sum(jnp.abs(rows[:, None] - others[None]), axis=-1)
    return jnp.sum(jnp.exp(-distance), axis=1)


class MinibatchDiscrimination(nn.Module):
    """Appends to each example its closeness to the minibatch: [B, n] to [B, n + features].

    The minibatch is that of all devices. As in the paper's formula an example is among those it is compared with, which
    adds 1 to each number; the paper's released code leaves it out and adds a bias of -1.

    Attributes:
      features: numbers appended, the paper's B (5 in Glover's tutorial).
      dims: numbers compared for each, the paper's C (3 there).
      initializer: of the kernel [n, features * dims]; there is no bias, which differences would not see.
      dtype: of the product and of the result; distances are in float32 or better.

    References:
      Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen: Improved Techniques for Training GANs, 2016, arXiv
      1606.03498, section 3.2. Glover (AYLIEN): An introduction to Generative Adversarial Networks, 2016.
    """

    features: int
    dims: int
    initializer: Initializer
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, axis_name: str | None = None) -> jax.Array:
        """Maps [B, n] to [B, n + features]; `axis_name` splits the minibatch, or is None."""
        kernel = self.param("kernel", self.initializer.kernel, (x.shape[-1], self.features * self.dims), jnp.float32)
        x = x.astype(self.dtype)
        wide = jnp.float64 if jnp.dtype(self.dtype) == jnp.float64 else jnp.float32
        rows = (x @ kernel.astype(self.dtype)).astype(wide).reshape(x.shape[0], self.features, self.dims)
        others = rows
        if axis_name is not None and not self.is_initializing():
            others = jax.lax.all_gather(rows, axis_name, tiled=True)
        return jnp.concatenate([x, closeness(rows, others).astype(self.dtype)], axis=-1)
