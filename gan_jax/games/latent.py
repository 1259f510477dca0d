"""Latent distributions: one draw per example, each from its own key."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

# (keys [B], dim, scale, index int32 [B], total) -> float32 [B, dim]
Latent = Callable[[jax.Array, int, float, jax.Array, int], jax.Array]


def normal(keys: jax.Array, dim: int, scale: float, index: jax.Array, total: int) -> jax.Array:
    """N(0, scale^2), independent coordinates."""
    del index, total
    return jnp.float32(scale) * jax.vmap(lambda key: jax.random.normal(key, (dim,), jnp.float32))(keys)


def uniform(keys: jax.Array, dim: int, scale: float, index: jax.Array, total: int) -> jax.Array:
    """U(-scale, scale), independent coordinates. scale = sqrt(3) has unit variance, as in the code of 2014."""
    del index, total
    return jax.vmap(lambda key: jax.random.uniform(key, (dim,), jnp.float32, -scale, scale))(keys)


def stratified(keys: jax.Array, dim: int, scale: float, index: jax.Array, total: int) -> jax.Array:
    """U(-scale, scale), example i of the global minibatch drawn from the i-th of ``total`` equal intervals.

    References:
      Jang, Generative Adversarial Nets in TensorFlow (tutorial), 2016: stratified sampling of the latent space.
    """
    jitter = jax.vmap(lambda key: jax.random.uniform(key, (dim,), jnp.float32))(keys)
    return jnp.float32(scale) * (2.0 * (index.astype(jnp.float32)[:, None] + jitter) / total - 1.0)


LATENTS: Mapping[str, Latent] = {"normal": normal, "uniform": uniform, "stratified": stratified}
