"""States of small games: made, and compared."""

import jax
import numpy as np

from gan_jax.training.state import init_state
from support.given import HYPER

BATCH = 8
QUICKLY = {"xla_backend_optimization_level": 0}  # of programs that run a few steps


def state_of(game, seed=0, ema=True):
    """A game's first state, with the numbers of the toys."""
    hyper = {**HYPER, "ema.decay": 0.9} if ema else HYPER
    return init_state(game, jax.random.key(seed), hyper, ema=ema)


def assert_bits_equal(a, b):
    """Two trees have the same leaves, bit for bit."""
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


def relative_error(a, b):
    """Largest over leaves of max|a - b| / max|b|."""
    worst = 0.0
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        worst = max(worst, np.abs(x - y).max() / max(np.abs(y).max(), 1e-30))
    return worst


def error(a, b):
    """The largest over leaves of max|a - b| / max|b|, and which leaf it is."""
    assert sorted(a) == sorted(b)
    worst = {}
    for name in b:
        scale = np.max(np.abs(b[name]))
        difference = np.max(np.abs(a[name] - b[name]))
        worst[name] = difference / scale if scale else difference
    name = max(worst, key=worst.get)
    return worst[name], name
