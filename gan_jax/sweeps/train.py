"""Trains one group of a sweep, from its folder: the same for every executor, and after every restart.

How many runs one call of a program carries is measured, since many at once may be slower than one after another.
"""

import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.build import build_game, build_source
from gan_jax.data import Source
from gan_jax.errors import GanJaxError, NonFiniteError, WorkdirError
from gan_jax.registry import describe
from gan_jax.status import Status
from gan_jax.stored import write_object
from gan_jax.sweeps import layout
from gan_jax.sweeps.layout import Group, chunks, folder_of, left_of, run_folder, shape_of, structure_of, write_group
from gan_jax.sweeps.sweep import Resources
from gan_jax.training import parallel, process
from gan_jax.training.drive import Member
from gan_jax.training.events import Result, write_result
from gan_jax.training.loop import Shared, program_of, shared_by, states_of, train, train_together
from gan_jax.training.parallel import padded, side_by_side
from gan_jax.training.progress import Show

KEPT = 4  # structures
VMAP, ONE_BY_ONE = "vmap", "one by one"
GAIN = 0.95  # vmap must take less than this share of the time in turn: ties go to the program that runs alone have
SECONDS, ROUNDS = 0.25, 3  # of one timing, and how many count
MEMORY_SHARE = 0.5  # of what is free


class Job(NamedTuple):
    """What an executor is asked to do with a sweep in its work directory."""

    workdir: Path
    groups: Sequence[Group]  # whose folders are written
    width: int  # most runs on a device; 0 measures
    command: Sequence[str]  # for environment.json of the runs
    resources: Resources  # of each group
    show: Show
    more: Callable[[], Sequence[Group]] = tuple  # groups that may begin now that one is done


class Choice(NamedTuple):
    """How runs share a program, as ``Group`` has it."""

    width: int
    way: str
    why: str
    seconds_per_step: dict[str, float]
    compile_seconds: float = 0.0  # of measuring


def run_group(job: Job, name: str, known: dict[str, Shared] | None = None) -> None:
    """Train what is left of a group: its folder says what that is, result.json there and of the runs what came of it.

    What runs share is ``known`` by their structure, and extended here.
    """
    began = time.perf_counter()
    process.keep_programs()
    group = layout.read_group(job.workdir, name)
    timing = {"programs": 0, "compared": 0, "compile_seconds": 0.0}
    reason = ""
    while True:
        try:
            _train(job, group, timing, {} if known is None else known)
            break
        except WorkdirError:
            raise
        except Exception as error:  # a user's loss, network or metric may raise anything: the other groups go on
            group = layout.read_group(job.workdir, name)  # with the width that was chosen
            at_once = group.width
            if at_once > jax.device_count() and out_of_memory(error):
                group = group._replace(width=at_once // 2, why=f"{group.why}; {at_once} at once did not fit in memory")
                write_group(job.workdir, group)
                shutil.rmtree(folder_of(job.workdir, name) / "chunks", ignore_errors=True)
                job.show.say(f"group {name}: {at_once} runs at once do not fit in memory; {group.width} at once")
                continue
            reason = _reason(error)
            for run in left_of(job.workdir, group):
                _end_failed(job, run, reason)
                job.show.advance(group.until - group.begin)
            break
    result = {
        "status": "failed" if reason else "done",
        "seconds": round(time.perf_counter() - began, 3),
        **timing,
        "compile_seconds": round(timing["compile_seconds"], 3),
        "reason": reason,
    }
    write_object(folder_of(job.workdir, name) / "result.json", result)


def _train(job: Job, group: Group, timing: dict[str, float], known: dict[str, Shared]) -> None:
    configs = {run: layout.read_run_config(job.workdir, run) for run in group.runs}
    left = left_of(job.workdir, group)
    if not left:
        return
    structure = structure_of(configs[left[0]])
    source = known[structure].source if structure in known else build_source(configs[left[0]])
    if source.stream is not None:  # each run reads its own stream, and all devices share its minibatches
        for run in left:
            train_alone(job, run, configs[run])
            job.show.advance(group.until)
        return
    fitting = [run for run in left if _fits(job, run, configs[run], source)]
    if not fitting:
        return
    if structure not in known:
        while len(known) >= KEPT:  # networks and data of structures long done would fill the memory
            known.pop(next(iter(known)))
        known[structure] = shared_by(configs[fitting[0]], source)
    shared = known[structure]
    before = set(shared.programs)
    if not group.width:
        group = _chosen(job, group, [configs[run] for run in fitting], shared, timing)
        job.show.say(f"group {group.name}: {len(group.runs)} runs, {group.width} at once ({group.way}): {group.why}")
        write_group(job.workdir, group)
    on_device = -(-group.width // shared.mesh.devices.size)
    for index, runs in enumerate(chunks(group)):
        folder = folder_of(job.workdir, group.name) / "chunks" / str(index)
        while left := left_of(job.workdir, group._replace(runs=runs)):  # twice where one's place had been given up
            members = [Member(configs[run], run_folder(job.workdir, run), run not in left) for run in runs]
            first = train_together(
                shared, members, folder, begin=group.begin, until=group.until, width=on_device,
                show=job.show, command=list(job.command),
            )  # fmt: skip
            shutil.rmtree(folder)
            new = set(shared.programs) - before
            if on_device in new and not timing["programs"]:
                timing["compile_seconds"] += first
            timing["programs"], timing["compared"] = int(on_device in new), len(new - {on_device})
        shutil.rmtree(folder, ignore_errors=True)


def _chosen(
    job: Job, group: Group, configs: Sequence[ConfigDict], shared: Shared, timing: dict[str, float]
) -> Group:  # fmt: skip
    """The group with how its runs share their program: measured, or as of one whose steps take the same."""
    shape = shape_of(configs[0])
    same = (group for group in layout.read_groups(job.workdir) if group.shape == shape and group.seconds_per_step)
    if not job.width and (before := next(same, None)):
        count = min(before.width, len(configs))
        return group._replace(width=count, way=before.way, why=f"as in group {before.name}", shape=shape)
    choice = choose(shared, configs, job.width)
    width, way, why, seconds, compiling = choice
    timing["compile_seconds"] += compiling
    return group._replace(width=width, way=way, why=why, seconds_per_step=seconds, shape=shape)


def _fits(job: Job, run: str, config: ConfigDict, source: Source) -> bool:
    """Whether a run's own numbers, such as an option of a user's loss, are accepted; if not, its result says so."""
    try:
        build_game(config, source)
        return True
    except Exception as error:  # a user's loss may raise anything
        _end_failed(job, run, _reason(error))
        return False


def train_alone(job: Job, run: str, config: ConfigDict) -> None:
    """Train one run of a sweep as ``gan-jax train`` does; what goes wrong with it is its result."""
    try:
        status = train(config, run_folder(job.workdir, run), progress=False, command=list(job.command)).status
    except WorkdirError:
        raise
    except NonFiniteError as error:
        status = Status.NON_FINITE
        job.show.say(f"{run} {status}: {error}")
    except Exception as error:  # a user's code may raise anything
        _end_failed(job, run, _reason(error))
        return
    job.show.ended(status)


def _end_failed(job: Job, run: str, reason: str) -> None:
    """Record that a run failed."""
    try:
        steps = [record["step"] for record in layout.read_metrics(job.workdir, run)]
    except WorkdirError:  # which may be why it failed
        steps = []
    failed = Result(Status.FAILED, max(steps, default=0), "", 0.0, {}, None, reason=reason)
    write_result(run_folder(job.workdir, run), failed)
    job.show.say(f"{run} {Status.FAILED}: {reason}")
    job.show.ended(Status.FAILED)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, GanJaxError) else describe(error)


def choose(shared: Shared, configs: Sequence[ConfigDict], width: int = 0) -> Choice:
    """Choose for runs that share a program; a width above 0, most runs on a device, is the user's choice."""
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
    """Time a program on states that are thrown away: seconds per step of one run, its bytes, seconds of compiling."""
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
