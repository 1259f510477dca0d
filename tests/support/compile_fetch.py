"""Compiles loops over resident data; a script that prints ``batch,examples,runs seconds`` for each of its arguments."""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.storage import resident
from gan_jax.training.parallel import make_loop
from gan_jax.training.state import State


def step(state, batch, last):
    """No game, so that only the data is compiled."""
    return state.replace(step=state.step + 1), {"sum": batch["image"].sum()}


def seconds(batch, examples, runs):
    """The time in which a loop of this batch is compiled, for one run or under ``vmap``."""
    arrays = {"image": np.zeros((examples, 1, 1, 1), np.uint8)}
    fetch = resident("made", arrays).fetch
    loop = make_loop(step, fetch, rounds=1, local_batch=batch, batch_size=batch, axis_name=None)
    nothing = {name: {} for name in ("params", "stats", "opt", "ema", "hyper", "memory")}
    state = State(jnp.int32(0), jax.random.key(0), **nothing, alive=jnp.array(True), first_bad_step=jnp.int32(-1))
    if runs > 1:
        loop = jax.vmap(loop, in_axes=(0, None, None, None))
        state = jax.tree.map(lambda x: jnp.stack([x] * runs), state)
    lowered = jax.jit(loop).lower(state, arrays, {}, jnp.int32(1))
    begun = time.perf_counter()
    lowered.compile()
    return time.perf_counter() - begun


for case in sys.argv[1:]:
    print(case, seconds(*map(int, case.split(","))), flush=True)
