"""Executors of clusters: one task a group, with the resources that the sweep asks for.

All machines must see the sweep's work directory: a task reads what it shall do there, and leaves its results there.
"""

import logging
import socket
import time
from collections.abc import Sequence
from typing import Any

from gan_jax.errors import ConfigError, GanJaxError, WorkdirError
from gan_jax.sweeps.executors import Executor, follow, work
from gan_jax.sweeps.train import Job

SECONDS_TO_ANSWER = 5.0
POLL = 1.0  # seconds between two looks at what the tasks have done
MINUTES = 24 * 60  # that a job of Slurm may take before it is queued again


def on_ray(address: str = "") -> Executor:
    """An executor on the Ray cluster at ``address``; "" starts one on this machine and ends it afterwards."""
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--executor=ray needs Ray; install it by pip install 'gan_jax[ray]'") from error
    _check_address(address)

    def train(job: Job) -> None:
        try:
            ray.init(
                address=address or "local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        except ConnectionError as error:
            raise ConfigError(
                f"--address={address}: there is no Ray cluster: {' '.join(str(error).split())}"
            ) from error
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

    lost = follow(
        job,
        submit=lambda calls: [task.remote(*call) for call in calls],
        wait=lambda tasks: ray.wait(tasks, timeout=POLL)[0],
        answer=answer,
    )
    if lost:
        said = f"groups whose workers died more than {wanted.retries} times: {', '.join(lost)}"
        raise WorkdirError(f"{said}; the same command continues")


def on_slurm() -> Executor:
    """An executor on a Slurm cluster: one job of an array for each group, by submitit.

    Where there is no Slurm, submitit runs the same jobs as processes of this machine. A job that is preempted or runs
    out of time is queued again and resumes from its checkpoints.
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
