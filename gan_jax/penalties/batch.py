"""What penalties share: precision, options that may be traced, means over all devices."""

import jax
import jax.numpy as jnp


def widen(x: jax.Array) -> jax.Array:
    """Float x in float32, or in float64 where it comes in that: the precision in which penalties add numbers up."""
    return x.astype(jnp.float64 if x.dtype == jnp.float64 else jnp.float32)


def number(option: float | jax.Array, like: jax.Array) -> jax.Array:
    """An option, concrete or traced, as a scalar of the dtype of `like`."""
    return jnp.asarray(option).astype(like.dtype)


def stretch(x: jax.Array, like: jax.Array) -> jax.Array:
    """The numbers x [B] as [B, 1, ..., 1] with as many axes as `like`."""
    return x.reshape(x.shape[0], *(1,) * (like.ndim - 1))


def mean(x: jax.Array, axis_name: str | None, axis: int | None = None) -> jax.Array:
    """The mean over `axis` (None: over everything) and over all devices, whose parts of the batch have one size."""
    local = jnp.mean(x, axis=axis)
    return local if axis_name is None else jax.lax.pmean(local, axis_name)


def squares(x: jax.Array) -> jax.Array:
    """Sum of squares of each example of x [B, ...], over every axis but the batch's: [B], float32 or better."""
    x = widen(x)
    return jnp.sum(jnp.square(x), axis=tuple(range(1, x.ndim)))
