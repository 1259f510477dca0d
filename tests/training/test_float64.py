"""In float64, where rounding leaves ten digits, one device and four, and a run among others, give the same."""

import os
import subprocess
import sys

CODE = """
import functools
import jax, jax.numpy as jnp, numpy as np
from support.given import Given
from gan_jax.game import alternating
from gan_jax.games import GAMES
from gan_jax.networks import mlp
from gan_jax.optimizers import numbers
from gan_jax.training import parallel
from gan_jax.training.parallel import padded, side_by_side, unpadded
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

options = {
    "name": "adam", "learning_rate": 0.01, "b1": 0.5, "b2": 0.999, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0,
    "clip": 0.0, "clip_weights": 0.0, "schedule": "constant", "final_scale": 0.0, "decay_rate": 0.9, "decay_steps": 1.0,
}
players = ("discriminator", "generator")
hyper = {"steps": 20.0} | numbers(options, "optimizer.discriminator") | numbers(options, "optimizer.generator")
game = GAMES["gan"](Given(
    mlp.Generator((2,), (8,), output="linear", batch_norm=True, dtype=jnp.float64),
    mlp.Discriminator((2,), (8,), dropout=0.3, dtype=jnp.float64),
    schedule=alternating("discriminator", "generator", steps=2), batch_size=16, options=options))

def fetch(arrays, key, position):
    return {"image": jax.vmap(lambda p: jax.random.normal(jax.random.fold_in(key, p), (2,)))(position)}

@functools.cache
def begin(seed):
    state = init_state(game, jax.random.key(seed), hyper)
    wide = lambda x: x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x
    return state.replace(params=jax.tree.map(wide, state.params), stats=jax.tree.map(wide, state.stats),
                         opt=jax.tree.map(wide, state.opt))

@functools.cache
def program_on(devices):
    mesh, local = parallel.device_mesh(jax.devices()[:devices]), 16 // devices
    step = make_step(game, local_batch=local, axis_name=parallel.AXIS)
    loop = parallel.make_loop(step, fetch, rounds=2, local_batch=local, batch_size=16, axis_name=parallel.AXIS)
    return parallel.make_program(loop, mesh), mesh

def run(devices, seed=0):
    program, mesh = program_on(devices)
    state, _ = program(parallel.replicate(begin(seed), mesh), {}, {}, parallel.replicate(np.int32(20), mesh))
    assert state.params["generator"]["output"]["kernel"].dtype == jnp.float64
    return jax.tree.map(np.asarray, (state.params, state.stats))

def compare(what, got, want):
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)
    error = max(np.abs(a - b).max() / np.abs(b).max() for a, b in pairs)
    print(what, error)
    assert error < 1e-10, error

one = run(1)
compare("four devices", run(4), one)

mesh, seeds = parallel.device_mesh(jax.devices()[:1]), (0, 1)
loop = parallel.make_loop(make_step(game, local_batch=16), fetch, rounds=2, local_batch=16, batch_size=16,
                          axis_name=None)
together = parallel.split_runs(padded(side_by_side([begin(seed) for seed in seeds]), 1, 2), mesh)
together, _ = parallel.make_program_of_runs(loop, mesh, 2)(together, {}, parallel.replicate(np.int32(20), mesh))
together = unpadded(together, 2)
for i, alone in enumerate((one, run(1, seed=1))):
    compare(f"run {i} of 2", jax.tree.map(lambda x: np.asarray(x[i]), (together.params, together.stats)), alone)
"""


def test_device_counts_and_runs_agree_to_ten_digits_in_float64():
    flags = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"  # quick to compile
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 1 + 2
