"""Executors train the groups of a sweep: in this process, over several hosts, as tasks on Ray or jobs of Slurm.

All machines of a cluster must see the sweep's work directory: a task reads what it shall do there, and leaves its
results there.
"""

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from gan_jax.errors import ConfigError, GanJaxError, WorkdirError
from gan_jax.status import Status
from gan_jax.sweeps.layout import Group, is_done, read_metrics, status_of
from gan_jax.sweeps.train import Job, run_group, train_alone
from gan_jax.training.loop import Shared

PATIENCE = 60.0  # seconds that a worker waits for the locks of one that was killed
SECONDS_TO_ANSWER = 5.0  # of a Ray cluster
POLL = 1.0  # seconds between two looks at what tasks have done
MINUTES = 24 * 60  # that a job of Slurm may take before it is queued again


class Executor(NamedTuple):
    """Trains the groups of a job, and those that it says may begin once one is done."""

    train: Callable[[Job], None]
    asynchronous: bool = False  # groups end in any order, so that successive halving had better wait for none


def train_groups(job: Job) -> None:
    """Train groups one after another in this process, runs side by side on its devices."""
    known: dict[str, Shared] = {}
    groups = [*job.groups]
    while groups:
        group = groups.pop(0)
        run_group(job, group.name, known)
        groups += job.more()


LOCAL = Executor(train_groups)


def train_over_hosts(job: Job, runs: Mapping[str, ConfigDict]) -> None:
    """Train what is left, run after run, each minibatch split over all devices of all processes of jax.distributed."""
    # Process 0 alone looks at the records, and after it laid the sweep out: the others would race with its writing.
    first = jax.process_index() == 0
    mine = [first and not is_done(job.workdir, run, 0, config.steps) for run, config in runs.items()]
    left = multihost_utils.broadcast_one_to_all(np.asarray(mine, np.bool_))
    for wanted, (run, config) in zip(left, runs.items(), strict=True):
        if wanted:
            train_alone(job, run, config)
            job.show.advance(config.steps)


def use_cores(count: int) -> None:
    """Make each core a device where there is no accelerator: runs of small networks side by side use them best.

    To be called before anything touches a device. A number of devices that XLA_FLAGS or the program sets stays.
    """
    set_already = jax.config.jax_num_cpu_devices != -1  # type: ignore[attr-defined]
    if not set_already and "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", count)


def follow(
    job: Job,
    submit: Callable[[Sequence[tuple[Any, ...]]], Sequence[Any]],
    wait: Callable[[Sequence[Any]], Sequence[Any]],
    answer: Callable[[Any], tuple[Sequence[str], str]],
) -> list[str]:
    """Hand groups to workers, and follow these by the records of their runs; the groups without a result, and why.

    Submitted are arguments of ``work``; a task that ended answers with its lines, and why it has no result or "".
    """
    own = job._replace(workdir=job.workdir.absolute(), groups=(), show=Lines(), more=tuple)
    pending: dict[Any, Group] = {}
    steps: dict[str, tuple[int, int]] = {}
    lost, new = [], [*job.groups]
    while new or pending:
        if new:
            steps |= {run: (group.begin, group.until) for group in new for run in group.runs}
            pending |= zip(submit([(own, group.name, os.getcwd()) for group in new]), new, strict=True)
        new = []
        ended = wait([*pending])
        _look(job, steps)
        for task in ended:
            group = pending.pop(task)
            lines, why = answer(task)
            for line in lines:
                job.show.say(line)
            if why:
                lost.append(f"{group.name} ({why})")
            new += job.more()
    _look(job, steps)
    return lost


def work(job: Job, group: str, folder: str) -> list[str]:
    """Train a group in a worker; what there is to say of it. In ``folder`` lie a user's own components."""
    sys.path.append(folder)
    if 0 < job.resources.gpus < 1:
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{0.9 * job.resources.gpus:.2f}")
    use_cores(max(1, int(job.resources.cpus)))
    show, began = Lines(), time.monotonic()
    while True:
        try:
            run_group(job._replace(show=show), group)
            return show
        except WorkdirError as error:
            if "is in use by process" not in str(error) or time.monotonic() - began > PATIENCE:
                raise
            time.sleep(1.0)


class Lines(list[str]):
    """What a task says; the driver prints it, and reads the rest in the records."""

    say = list.append

    def advance(self, steps: int) -> None:
        """Nothing."""

    def ended(self, status: str) -> None:
        """Nothing."""


def _look(job: Job, steps: dict[str, tuple[int, int]]) -> None:
    """Tell what the records of runs say since the last look: {run: (its step then, the step at which it ends)}."""
    for run, (before, until) in list(steps.items()):
        status = status_of(job.workdir, run)
        ended = status.done or status == Status.INTERRUPTED
        at = until if ended else max([before, *(record["step"] for record in read_metrics(job.workdir, run)[-1:])])
        job.show.advance(at - before)
        steps[run] = at, until
        if ended or (status == Status.PAUSED and at >= until):
            del steps[run]
            job.show.ended(status)


def on_ray(address: str = "") -> Executor:
    """An executor on the Ray cluster at ``address``; "" starts one on this machine and ends it afterwards."""
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--executor=ray needs Ray; install it by pip install 'gan_jax[ray]'") from error
    _check_address(address)

    def train(job: Job) -> None:
        quiet: Any = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
        try:
            ray.init(address=address or "local", **quiet)
        except ConnectionError as error:
            said = " ".join(str(error).split())
            raise ConfigError(f"--address={address}: there is no Ray cluster: {said}") from error
        try:
            _train_on_ray(ray, job)
        finally:
            ray.shutdown()

    return Executor(train, asynchronous=True)


def _check_address(address: str) -> None:
    """Refuse an address where nobody answers; Ray itself would go on trying for many minutes."""
    if address in ("", "local", "auto"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_ANSWER).close()
    except (OSError, ValueError, OverflowError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(
            f"--address={address}: there is no Ray cluster ({said}); allowed: auto, or HOST:PORT of one that runs"
        ) from error


def _train_on_ray(ray: Any, job: Job) -> None:
    wanted = job.resources
    there = ray.cluster_resources()
    for kind, count in {"CPU": wanted.cpus, "GPU": wanted.gpus, "TPU": wanted.tpus}.items():
        if count > there.get(kind, 0):
            most = f"at most {there.get(kind, 0):g}"
            raise ConfigError(f"resources.{kind.lower()}s={count:g} are more than the cluster has; allowed: {most}")
    task = ray.remote(
        num_cpus=wanted.cpus, num_gpus=wanted.gpus, resources={"TPU": wanted.tpus} if wanted.tpus else None,
        max_retries=wanted.retries,
    )(work)  # fmt: skip

    def answer(one: Any) -> tuple[Sequence[str], str]:
        try:
            return ray.get(one), ""
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, GanJaxError) else error from None
        except ray.exceptions.RayError as error:  # its worker died once more than there are retries
            return (), type(error).__name__

    submit = lambda calls: [task.remote(*call) for call in calls]
    wait = lambda tasks: ray.wait(tasks, timeout=POLL)[0]
    if lost := follow(job, submit, wait, answer):
        said = f"groups whose workers died more than {wanted.retries} times: {', '.join(lost)}"
        raise WorkdirError(f"{said}; the same command continues")


def on_slurm() -> Executor:
    """An executor on a Slurm cluster, or where there is none in processes of this machine: a job for each group.

    A job that is preempted or runs out of time is queued again and resumes from its checkpoints.
    """
    try:
        import submitit
    except ImportError as error:
        raise ConfigError("--executor=slurm needs submitit; install it by pip install 'gan_jax[slurm]'") from error

    class Work(submitit.helpers.Checkpointable):  # which is what queues a job again
        def __call__(self, *arguments: Any) -> list[str]:
            return work(*arguments)

    def train(job: Job) -> None:
        executor = submitit.AutoExecutor(folder=str(job.workdir.absolute() / "slurm"))
        executor.update_parameters(
            name="gan-jax",
            cpus_per_task=max(1, int(job.resources.cpus)),
            gpus_per_node=int(job.resources.gpus),
            timeout_min=MINUTES,
        )

        def submit(calls: Sequence[tuple[Any, ...]]) -> list[Any]:
            with executor.batch():
                return [executor.submit(Work(), *call) for call in calls]

        def wait(jobs: Sequence[Any]) -> list[Any]:
            time.sleep(POLL)
            return [one for one in jobs if one.done()]

        def answer(one: Any) -> tuple[Sequence[str], str]:
            failure = one.exception()
            return (one.result(), "") if failure is None else ((), " ".join(str(failure).split())[-200:])

        if lost := follow(job, submit, wait, answer):
            raise WorkdirError(f"jobs that ended without a result: {'; '.join(lost)}; the same command continues")

    return Executor(train, asynchronous=True)
