"""Alternating rounds, and the two sides of a comparison: the compiled program here, PyTorch in a process of its own."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.game import STREAMS, data_rounds
from gan_jax.threefry import fast
from gan_jax.training import parallel
from gan_jax.training.loop import compile_program, program_of, shared_by, states_of
from gan_jax.training.parallel import padded, side_by_side
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

PAUSE = 0.05  # seconds between turns, in which the threads of the last one go to sleep


def alternate(functions, rounds):
    """{name: seconds of each round}; the functions take turns, after one warm-up each, and return their seconds."""
    for function in functions.values():
        function()
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            time.sleep(PAUSE)
            seconds[name].append(function())
    return seconds


def clocked(function):
    """The function as one that returns the seconds it took."""

    def timed():
        began = time.perf_counter()
        function()
        return time.perf_counter() - began

    return timed


def spread(values):
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratio(a, b):
    """Of a / b, round by round."""
    return spread([x / y for x, y in zip(a, b, strict=True)])


def program(config):
    """A function that runs n steps of the bare compiled program and waits."""
    source = build_source(config)
    game = build_game(config, source)
    call, mesh = compile_program(config, game, source)
    box = [parallel.replicate(init_state(game, jax.random.key(0), build_hyper(config)), mesh)]
    arrays = parallel.replicate(dict(source.arrays), mesh)

    def run(steps):
        box[0], metrics = call(box[0], arrays, {}, parallel.replicate(np.int32(steps), mesh))
        jax.block_until_ready(metrics)

    return run


def single_step(config):
    """The same, with a program of one step and no loop in it."""
    source = build_source(config)
    game = build_game(config, source)
    size, rounds = config.batch_size, len(data_rounds(game))
    step = make_step(game, local_batch=size)

    def one(state, arrays):
        key = jax.random.fold_in(fast(state.key), STREAMS["data"])
        position = state.step * rounds * size + jnp.arange(rounds * size, dtype=jnp.int32)
        batch = {k: v.reshape(rounds, size, *v.shape[1:]) for k, v in source.fetch(arrays, key, position).items()}
        return step(state, batch)

    call = jax.jit(one, donate_argnums=0)
    box = [init_state(game, jax.random.key(0), build_hyper(config))]
    arrays = jax.device_put(dict(source.arrays))

    def run(steps):
        for _ in range(steps):
            box[0], metrics = call(box[0], arrays)
        jax.block_until_ready(metrics)

    return run


def runs_side_by_side(config, width):
    """The same for runs of a sweep, ``width`` on each device."""
    shared = shared_by(config, build_source(config))
    call = program_of(shared, width)
    devices = shared.mesh.devices.size
    states = states_of(shared, [config] * (devices * width), print)
    box = [parallel.split_runs(padded(side_by_side(states), devices, width), shared.mesh)]

    def run(steps):
        box[0], metrics = call(box[0], shared.arrays, parallel.replicate(np.int32(steps), shared.mesh))
        jax.block_until_ready(metrics)

    return run


def matrix_product(size=2048):
    """GFLOP/s of a product of two square matrices: what the machine gives at best, now."""
    a = jnp.ones((size, size), jnp.float32)
    multiply = jax.jit(jnp.matmul)
    jax.block_until_ready(multiply(a, a))
    seconds = [clocked(lambda: jax.block_until_ready(multiply(a, a)))() for _ in range(7)]
    return 2.0 * size**3 / statistics.median(seconds) / 1e9


class Peer:
    """PyTorch's side, on as many threads as this process has cores."""

    def __init__(self, python):
        threads = str(len(os.sched_getaffinity(0)))
        script = Path(__file__).with_name("torch_peer.py")
        self.process = subprocess.Popen(
            [python, str(script), threads],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.version = self._answer()["version"]

    def seconds(self, **asked):
        """How long the steps of a case took."""
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return self._answer()["seconds"]

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(
                f"PyTorch's side ended with status {self.process.wait()}; run benchmarks/torch_peer.py alone"
            )
        return json.loads(line)

    def close(self):
        """End it."""
        self.process.stdin.close()
        self.process.wait()


def find_peer(python):
    """``Peer``, or None with a word where PyTorch is not there."""
    here = Path(python).absolute() == Path(sys.executable).absolute()
    if here and importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed here: no comparison (--torch=PYTHON names an interpreter that has it)")
        return None
    return Peer(python)
