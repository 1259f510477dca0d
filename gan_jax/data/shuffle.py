"""A shuffle without state: a keyed bijection of the integers below n.

Sorting random numbers costs time and memory for the whole set at every epoch; a bijection gives the shuffled index of
any single position directly. So the order of a run's data is an exact function of (key, position): nothing to save, and
a run can start at any position at no cost.
"""

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

Words = TypeVar("Words", jax.Array, np.ndarray)

# Four rounds suffice for ideal round functions on large halves (Luby and Rackoff); small halves need more.
ROUNDS = 8


def epoch_order(key: jax.Array, position: jax.Array, n: int) -> jax.Array:
    """Index of the example at each position of an endless stream that visits all n examples once an epoch.

    Position p is example p % n of epoch p // n, and each epoch has its own shuffle: a balanced Feistel network
    permutes the next even power of two; values that land outside the range are sent through it again until they land
    inside (cycle walking), which leaves a bijection of the range. Positions of one call may lie in different epochs and
    there may be more than n of them. Pure; works under `jit` and `vmap`.

    References:
      Michael Luby, Charles Rackoff, "How to construct pseudorandom permutations from pseudorandom functions", 1988.
      John Black, Phillip Rogaway, "Ciphers with arbitrary finite domains", 2002 (cycle walking).
    """
    half = _half_bits(n)
    if n == 1:
        return jnp.zeros(jnp.shape(position), jnp.int32)
    position = jnp.asarray(position).astype(jnp.uint32)
    epoch = position // n
    none = jnp.uint32(2**32 - 1)  # beyond every epoch of two examples or more

    # Each epoch is hashed as a scalar, and its words chosen by position. Hashed at every position, it is the same
    # in a whole vector where the vector's length divides n, and LLVM's vectorizer then walks the written-out
    # rounds of the hash (threefry.py) again and again, for hours.
    def hash_epoch(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        current, words = carry
        own = jax.random.bits(jax.random.fold_in(key, current), (ROUNDS,), jnp.uint32)
        words = jnp.where(epoch == current, own.reshape(ROUNDS, *[1] * epoch.ndim), words)
        return jnp.min(jnp.where(epoch > current, epoch, none)), words

    start = (jnp.min(epoch), jnp.zeros((ROUNDS, *epoch.shape), jnp.uint32))
    words = jax.lax.while_loop(lambda carry: carry[0] != none, hash_epoch, start)[1]

    def walk(value: jax.Array) -> jax.Array:
        return jnp.where(value >= n, _feistel(words, value, half), value)

    value = jax.lax.while_loop(lambda value: jnp.any(value >= n), walk, _feistel(words, position % n, half))
    return value.astype(jnp.int32)


def epoch_order_on_host(key: jax.Array, position: np.ndarray, n: int) -> np.ndarray:
    """The same numbers as `epoch_order`, computed with NumPy, for pipelines that run on the host."""
    position = np.asarray(position, np.int64)
    half = _half_bits(n)
    result = np.zeros(position.shape, np.int64)
    if n == 1:
        return result
    for epoch in np.unique(position // n):
        inside = position // n == epoch
        keys = np.asarray(jax.random.bits(jax.random.fold_in(key, np.uint32(epoch)), (ROUNDS,), jnp.uint32))
        value = _feistel(keys, (position[inside] % n).astype(np.uint32), half)
        while (outside := value >= n).any():
            value[outside] = _feistel(keys, value[outside], half)
        result[inside] = value
    return result


def _half_bits(n: int) -> int:
    """Bits in each half of the Feistel network that covers [0, n)."""
    if not 1 <= n < 2**31:
        raise ValueError(f"n must be between 1 and 2**31 - 1, got {n}")
    return max(1, ((n - 1).bit_length() + 1) // 2)


def _feistel(keys: Words, value: Words, half: int) -> Words:
    """Permutes uint32 values of 2 * half bits; JAX and NumPy give the same bits."""
    left, right = value >> np.uint32(half), value & np.uint32(2**half - 1)
    for i in range(ROUNDS):
        # The high bits of a hash are its best mixed ones.
        left, right = right, left ^ (_hash(right ^ keys[i]) >> np.uint32(32 - half))
    return (left << np.uint32(half)) | right


def _hash(word: Words) -> Words:
    """Mixes 32 bits; multipliers and shifts are those of `lowbias32` (Chris Wellons, "Hash function prospector")."""
    word = (word ^ (word >> np.uint32(16))) * np.uint32(0x7FEB352D)
    word = (word ^ (word >> np.uint32(15))) * np.uint32(0x846CA68B)
    return word ^ (word >> np.uint32(16))
