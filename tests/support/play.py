"""Ten steps of one row; run as a script, of many rows on two virtual devices, in one process."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.build import build_game, build_hyper
from gan_jax.config import load_values
from gan_jax.game import data_rounds
from gan_jax.training.parallel import AXIS, device_mesh, make_loop, make_program, replicate
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step
from support import matrix
from support.toys import data_of

SHAPE = (16, 16, 1)
QUICKLY = {"xla_backend_optimization_level": 0}  # what is compiled runs for ten steps


def fetch(arrays, key, position):
    draw = jax.vmap(lambda p: jax.random.uniform(jax.random.fold_in(key, p), SHAPE, jnp.float32, -1.0, 1.0))
    return {"image": draw(position)}


def play(number):
    """What is wrong after ten steps of row ``number``, in one line; '' if nothing."""
    row = matrix.rows()[number]
    state, metrics = train(matrix.fields(number), 2 if row["devices"] == "two" else 1, seed=number)
    metrics = {name: float(value) for name, value in metrics.items()}
    if not bool(state.alive) or int(state.step) != 10:
        return f"not finite in step {int(state.first_bad_step)}: {metrics}"
    bad = [name for name, value in metrics.items() if not np.isfinite(value)]
    leaves = jax.tree.leaves((state.params, state.stats, state.opt, state.ema, state.memory))
    if not all(np.isfinite(np.asarray(leaf, np.float64)).all() for leaf in leaves):
        bad.append("a leaf of the state")
    return f"not finite: {', '.join(bad)}" if bad else ""


def compare(number):
    """What differs between one device and two after ten steps of SGD in float32; '' if nothing."""
    # Adam would make a whole step of a gradient that is zero but for rounding, as that of the last bias is where only
    # differences of logits count.
    sgd = {f"optimizer.{player}.name": "sgd" for player in ("discriminator", "generator")}
    fields = {**matrix.fields(number), **sgd, "precision": "float32"}
    (one, _), (two, _) = (train(fields, devices, seed=number) for devices in (1, 2))
    pairs = zip(jax.tree.leaves((one.params, one.stats)), jax.tree.leaves((two.params, two.stats)), strict=True)
    worst = 0.0
    for a, b in pairs:
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        worst = max(worst, np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))
    return "" if worst < 1e-5 else f"one device and two differ by {worst:.2g}"


def train(fields, devices, seed):
    """(state, last metrics) after the steps of a configuration."""
    config = load_values(fields)
    game = build_game(config, data_of(SHAPE))
    state = init_state(game, jax.random.key(seed), build_hyper(config), ema=config.ema.decay > 0)
    local, axis = config.batch_size // devices, AXIS if devices > 1 else None
    step = make_step(game, local_batch=local, axis_name=axis)
    rounds = len(data_rounds(game))
    loop = make_loop(
        step, fetch, rounds=rounds, local_batch=local, batch_size=config.batch_size, axis_name=axis
    )  # fmt: skip
    if devices == 1:
        return jax.jit(loop, compiler_options=QUICKLY)(state, {}, {}, jnp.int32(config.steps))
    mesh = device_mesh(jax.devices())
    return make_program(loop, mesh)(replicate(state, mesh), {}, {}, replicate(np.int32(config.steps), mesh))


if __name__ == "__main__":
    jax.config.update("jax_numpy_dtype_promotion", "strict")  # as conftest.py does for the other tests
    jax.config.update("jax_numpy_rank_promotion", "raise")
    for index in json.loads(sys.argv[2]):
        try:
            said = {"play": play, "compare": compare}[sys.argv[1]](index)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps([index, said]), flush=True)
        jax.clear_caches()
