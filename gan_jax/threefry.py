"""Threefry keys whose random bits are drawn fast on CPUs: the same numbers as those of JAX's own keys.

For CPUs JAX compiles the twenty rounds of Threefry to a loop, each turn of which goes through memory. Written out they
become one pass, several times faster; for networks of a few hundred units noise is a third of a step. The keys of this
module hold the same data and give the same bits; accelerators get JAX's own kernel.
"""

from functools import partial

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
from jax import lax

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def hash_words(k0: jax.Array, k1: jax.Array, x0: jax.Array, x1: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 with 20 rounds: two words of counters, encrypted by two words of a key, uint32.

    References:
      Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, 2011, section 3.3.
    """
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for block in range(5):
        for distance in ROTATIONS[block % 2]:
            x0 = x0 + x1
            x1 = x0 ^ ((x1 << np.uint32(distance)) | (x1 >> np.uint32(32 - distance)))
        x0 = x0 + keys[(block + 1) % 3]
        x1 = x1 + keys[(block + 2) % 3] + np.uint32(block + 1)
    return x0, x1


def _hash(key: jax.Array, x0: jax.Array, x1: jax.Array) -> tuple[jax.Array, jax.Array]:
    def library(k0: jax.Array, k1: jax.Array, x0: jax.Array, x1: jax.Array) -> tuple[jax.Array, jax.Array]:
        first, second = jax.extend.random.threefry2x32_p.bind(k0, k1, x0, x1)
        return first, second

    return lax.platform_dependent(key[0], key[1], x0, x1, cpu=hash_words, default=library)


def _counters(shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """The high and low words of 0, 1, 2, ... in an array."""
    size = int(np.prod(shape, dtype=np.int64))
    if size >= 2**32:
        raise ValueError(f"shape: {shape!r} is not allowed; a key gives fewer than 2**32 numbers at once")
    low = lax.iota(jnp.uint32, size).reshape(shape)
    return jnp.zeros_like(low), low


# Each is one program where it is called outside of one.
@partial(jax.jit, static_argnums=(1, 2), inline=True)
def _random_bits(key: jax.Array, bit_width: int, shape: tuple[int, ...]) -> jax.Array:
    first, second = _hash(key, *_counters(shape))
    if bit_width == 64:
        return (first.astype(jnp.uint64) << np.uint64(32)) | second.astype(jnp.uint64)
    return (first ^ second).astype({8: jnp.uint8, 16: jnp.uint16, 32: jnp.uint32}[bit_width])


@partial(jax.jit, static_argnums=1, inline=True)
def _split(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jnp.stack(_hash(key, *_counters(shape)), axis=-1)


@partial(jax.jit, inline=True)
def _fold_in(key: jax.Array, data: jax.Array) -> jax.Array:
    word = data.astype(jnp.uint32)
    return jnp.stack(_hash(key, word ^ word, word))  # a zero that is mapped where the word is


def _seed(seed: jax.Array) -> jax.Array:
    return jax.random.key_data(jax.random.key(seed, impl="threefry2x32"))


FAST = jax.extend.random.define_prng_impl(
    key_shape=(2,), seed=_seed, split=_split, random_bits=_random_bits, fold_in=_fold_in, name="threefry", tag="fast"
)


def fast(key: jax.Array) -> jax.Array:
    """Typed keys whose bits, the same, are drawn fast on CPUs; those that are not partitionable Threefry stay."""
    if str(jax.random.key_impl(key)) != "threefry2x32" or not jax.config.jax_threefry_partitionable:  # type: ignore[attr-defined]
        return key
    return jax.random.wrap_key_data(jax.random.key_data(key), impl=FAST)
