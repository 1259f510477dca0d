"""Trains one group of a sweep, from its folder: the same for every executor, and after every restart."""

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
from ml_collections import ConfigDict

from gan_jax.build import build_game, build_source
from gan_jax.data import Source
from gan_jax.errors import GanJaxError, NonFiniteError, WorkdirError
from gan_jax.registry import describe
from gan_jax.sweeps.choose import choose, out_of_memory
from gan_jax.sweeps.plan import chunks, is_done, measured_before, shape_of, structure_of
from gan_jax.sweeps.records import Group, folder_of, read_group, read_groups, read_metrics, run_folder, write_group
from gan_jax.training import process
from gan_jax.training.drive import Member
from gan_jax.training.events import Result, write_result
from gan_jax.training.loop import train
from gan_jax.training.progress import Show
from gan_jax.training.records import write_text
from gan_jax.training.shared import Shared, shared_by
from gan_jax.training.start import read_config
from gan_jax.training.together import train_together

KEPT = 4  # structures


def run_group(
    workdir: Path, name: str, show: Show, *, width: int = 0, command: Sequence[str] = (),
    known: dict[str, Shared] | None = None,
) -> str:  # fmt: skip
    """Train what is left of a group; its folder says what that is.

    Args:
      workdir: of the sweep.
      name: of the group.
      show: for a person.
      width: most runs on a device; 0 measures.
      command: for environment.json.
      known: what runs of the structures seen so far share, by structure; extended here.

    Returns:
      "done" or "failed". The group's result.json says more; runs that failed say why in theirs.

    Raises:
      WorkdirError: a directory is locked, unreadable or full.
      KeyboardInterrupt, SystemExit(143 or 129): after saving, on SIGINT, SIGTERM and SIGHUP.
    """
    began = time.perf_counter()
    process.keep_programs()
    group = read_group(workdir, name)
    timing = {"compile_seconds": 0.0, "programs": 0, "compared": 0}
    reason = ""
    while True:
        try:
            group = _train(workdir, group, show, width, list(command), timing, {} if known is None else known)
            break
        except WorkdirError:
            raise
        except Exception as error:  # a user's loss, network or metric may raise anything: the other groups go on
            group = read_group(workdir, name)  # with the width that was chosen
            at_once = group.width
            if at_once > jax.device_count() and out_of_memory(error):
                group = group._replace(width=at_once // 2, why=f"{group.why}; {at_once} at once did not fit in memory")
                write_group(workdir, group)
                shutil.rmtree(folder_of(workdir, name) / "chunks", ignore_errors=True)
                show.say(f"group {name}: {at_once} runs at once do not fit in memory; {group.width} at once")
                continue
            reason = str(error) if isinstance(error, GanJaxError) else describe(error)
            _fail(workdir, group, reason, show)
            break
    result = {
        "status": "failed" if reason else "done",
        "seconds": round(time.perf_counter() - began, 3),
        "programs": timing["programs"],
        "compared": timing["compared"],
        "compile_seconds": round(timing["compile_seconds"], 3),
        "reason": reason,
    }
    write_text(folder_of(workdir, name) / "result.json", json.dumps(result, indent=2) + "\n")
    return str(result["status"])


def _train(
    workdir: Path, group: Group, show: Show, width: int, command: list[str], timing: dict[str, float],
    known: dict[str, Shared],
) -> Group:  # fmt: skip
    configs = {run: _config(workdir, run) for run in group.runs}
    left = [run for run in group.runs if not is_done(workdir, run, group.begin, group.until)]
    if not left:
        return group
    source = _source(configs[left[0]], known)
    if source.stream is not None:
        _one_after_another(workdir, group, configs, command, show)
        return group
    fitting = [run for run in left if _fits(workdir, run, configs[run], source, show)]
    if not fitting:
        return group
    shared = _shared(configs[fitting[0]], source, show.say, known)
    before = set(shared.programs)
    if not group.width:
        group = _chosen(workdir, group, [configs[run] for run in fitting], shared, width, timing)
        show.say(f"group {group.name}: {len(group.runs)} runs, {group.width} at once ({group.way}): {group.why}")
        write_group(workdir, group)
    on_device = -(-group.width // shared.mesh.devices.size)
    for index, runs in enumerate(chunks(group)):
        folder = folder_of(workdir, group.name) / "chunks" / str(index)
        done = lambda runs=runs: [is_done(workdir, run, group.begin, group.until) for run in runs]
        while not all(done()):  # twice where one is tried again whose place had been given up
            members = [Member(configs[run], run_folder(workdir, run), ended) for run, ended in zip(runs, done())]
            first = train_together(
                shared, members, folder, begin=group.begin, until=group.until, width=on_device,
                show=show, command=command,
            )  # fmt: skip
            shutil.rmtree(folder)
            new = set(shared.programs) - before
            if on_device in new and not timing["programs"]:
                timing["compile_seconds"] += first
            timing["programs"], timing["compared"] = int(on_device in new), len(new - {on_device})
        shutil.rmtree(folder, ignore_errors=True)
    return group


def _source(config: ConfigDict, known: Mapping[str, Shared]) -> Source:
    structure = structure_of(config)
    return known[structure].source if structure in known else build_source(config)


def _shared(config: ConfigDict, source: Source, say: Callable[[str], None], known: dict[str, Shared]) -> Shared:
    """What runs of this structure share, kept from one group to the next."""
    structure = structure_of(config)
    if structure not in known:
        while len(known) >= KEPT:  # networks and data of structures long done would fill the memory
            known.pop(next(iter(known)))
        known[structure] = shared_by(config, source, say)
    return known[structure]


def _chosen(
    workdir: Path, group: Group, configs: Sequence[ConfigDict], shared: Shared, width: int, timing: dict[str, float]
) -> Group:  # fmt: skip
    """The group with how its runs share their program: measured, or as it was for one whose steps take the same."""
    shape = shape_of(configs[0])
    before = None if width else measured_before(read_groups(workdir), shape)
    if before is None:
        choice = choose(shared, configs, width)
        timing["compile_seconds"] += choice.compile_seconds
        return group._replace(
            width=choice.width, way=choice.way, why=choice.why, seconds_per_step=choice.seconds_per_step, shape=shape
        )
    count = min(before.width, len(configs))
    return group._replace(width=count, way=before.way, why=f"as in group {before.name}", shape=shape)


def _fits(workdir: Path, run: str, config: ConfigDict, source: Source, show: Show) -> bool:
    """Whether a run's own numbers, such as an option of a user's loss, are accepted; if not, its result says so."""
    try:
        build_game(config, source)
    except Exception as error:  # a user's loss may raise anything
        end_failed(workdir, run, str(error) if isinstance(error, GanJaxError) else describe(error), show)
        return False
    return True


def _one_after_another(
    workdir: Path, group: Group, configs: Mapping[str, ConfigDict], command: list[str], show: Show
) -> None:
    """Train runs whose data is streamed: each reads its own stream, and all devices share its minibatches."""
    for run in group.runs:
        if not is_done(workdir, run, group.begin, group.until):
            train_alone(workdir, run, configs[run], command, show)
            show.advance(group.until)


def train_alone(workdir: Path, run: str, config: ConfigDict, command: list[str], show: Show) -> None:
    """Train one run of a sweep as ``gan-jax train`` does; what goes wrong with it is its result.

    Raises:
      WorkdirError: a directory is locked, unreadable or full.
    """
    try:
        status = train(config, run_folder(workdir, run), progress=False, command=command).status
    except WorkdirError:
        raise
    except NonFiniteError as error:
        show.say(f"{run} non_finite: {error}")
        status = "non_finite"
    except Exception as error:  # a user's code may raise anything
        end_failed(workdir, run, str(error) if isinstance(error, GanJaxError) else describe(error), show)
        return
    show.ended(status)


def end_failed(workdir: Path, run: str, reason: str, show: Show) -> None:
    """Record that a run failed."""
    try:
        steps = [record["step"] for record in read_metrics(workdir, run)]
    except WorkdirError:  # which may be why it failed
        steps = []
    write_result(run_folder(workdir, run), Result("failed", max(steps, default=0), "", 0.0, {}, None, reason=reason))
    show.say(f"{run} failed: {reason}")
    show.ended("failed")


def _fail(workdir: Path, group: Group, reason: str, show: Show) -> None:
    for run in group.runs:
        if not is_done(workdir, run, group.begin, group.until):
            end_failed(workdir, run, reason, show)
            show.advance(group.until - group.begin)


def _config(workdir: Path, run: str) -> ConfigDict:
    config = read_config(run_folder(workdir, run))
    assert config is not None
    return config
