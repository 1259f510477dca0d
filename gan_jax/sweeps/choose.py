"""How many runs one call of a program carries: measured, since many at once may be slower than one after another."""

import os
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.training import parallel
from gan_jax.training.parallel import padded, side_by_side
from gan_jax.training.shared import Shared, program_of, states_of

VMAP, ONE_BY_ONE = "vmap", "one by one"
GAIN = 0.95  # vmap must take less than this share of the time in turn: ties go to the program that runs alone have
SECONDS, ROUNDS = 0.25, 3  # of one timing, and how many count
MEMORY_SHARE = 0.5  # of what is free


class Choice(NamedTuple):
    """How runs share a program.

    Attributes:
      width: runs in one call, over all devices.
      way: "vmap" or "one by one" (one run a device).
      why: what was measured, in words.
      seconds_per_step: of one run, by way; {} where nothing was measured.
      compile_seconds: spent on compiling, over all that was measured.
    """

    width: int
    way: str
    why: str
    seconds_per_step: dict[str, float]
    compile_seconds: float = 0.0


def choose(shared: Shared, configs: Sequence[ConfigDict], width: int = 0) -> Choice:
    """Choose for runs that share a program.

    Args:
      shared: what they have in common.
      configs: of the runs.
      width: most runs on a device, decided by the user; 0 measures.

    Returns:
      Choice.
    """
    devices = shared.mesh.devices.size
    on = f"{devices} {jax.default_backend()} device{'s' * (devices > 1)}"
    most = -(-len(configs) // devices)
    if width or most == 1:
        own = min(width, most) if width else 1
        way = VMAP if own > 1 else ONE_BY_ONE
        why = f"--width={width} on {on}" if width else f"{len(configs)} of them on {on}"
        return Choice(min(own * devices, len(configs)), way, why, {})
    alone, size, compiling = measure(shared, configs, 1)
    fitting = min(most, max(1, int(MEMORY_SHARE * free_memory() / max(size, 1))))
    together = 0.0
    while fitting > 1 and not together:
        try:
            together, _, more = measure(shared, configs, fitting)
            compiling += more
        except Exception as error:  # several at once may take more than so many times what one takes
            if not out_of_memory(error):
                raise
            fitting //= 2
    if fitting == 1:
        why = f"memory for one run a device, {size / 2**20:.0f} MiB each, on {on}"
        return Choice(min(devices, len(configs)), ONE_BY_ONE, why, {ONE_BY_ONE: alone}, compiling)
    times = {ONE_BY_ONE: alone, VMAP: together}
    better = together < GAIN * alone
    rates = f"{1 / together:,.0f} steps/s over all runs with {fitting} a device under vmap, {1 / alone:,.0f} with one"
    count = min((fitting if better else 1) * devices, len(configs))
    return Choice(count, VMAP if better else ONE_BY_ONE, f"{rates}, on {on}", times, compiling)


def out_of_memory(error: Exception) -> bool:
    """Whether a device or the machine had too little memory."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def measure(shared: Shared, configs: Sequence[ConfigDict], width: int) -> tuple[float, float, float]:
    """Time a program on states that are thrown away.

    Returns:
      (seconds per step of one run, bytes that one run takes, seconds of compiling).
    """
    devices = shared.mesh.devices.size
    chosen = configs[: devices * width]
    state = padded(side_by_side(states_of(shared, chosen, lambda line: None)), devices, width)
    program = program_of(shared, width)
    placed = parallel.split_runs(state.replace(alive=np.ones_like(state.alive)), shared.mesh)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(placed))
    count = lambda steps: parallel.replicate(np.int32(steps), shared.mesh)
    began = time.perf_counter()
    compiled = program.lower(placed, shared.arrays, count(1)).compile()  # type: ignore[attr-defined]
    compiling = time.perf_counter() - began
    memory = compiled.memory_analysis()
    temporary = memory.temp_size_in_bytes if memory else size
    steps, times = 1, []
    for _ in range(ROUNDS + 2):  # the first call settles things, the second says how many steps a timing takes
        began = time.perf_counter()
        placed, _ = program(placed, shared.arrays, count(steps))
        jax.block_until_ready(placed)
        seconds = time.perf_counter() - began
        times.append(seconds / steps)
        if len(times) <= 2:
            steps = max(1, int(SECONDS / times[-1]))
    per_step = statistics.median(times[2:]) / (devices * width)
    return per_step, (2 * size / devices + temporary) / width, compiling


def free_memory() -> float:
    """Bytes that are free for one device: its own memory, or an equal share of the machine's."""
    device = jax.devices()[0]
    found = device.memory_stats() or {}
    if "bytes_limit" in found:
        return float(found["bytes_limit"] - found.get("bytes_in_use", 0))
    return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) / len(jax.devices())
