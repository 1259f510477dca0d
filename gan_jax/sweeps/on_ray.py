"""The executor of a Ray cluster: one task a group, with the resources that the sweep asks for.

All machines must see the sweep's work directory: a task reads what it shall do there, and leaves its results there.
"""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from gan_jax.errors import ConfigError, GanJaxError, WorkdirError
from gan_jax.sweeps.driver import Job
from gan_jax.sweeps.records import Group
from gan_jax.sweeps.workers import Watch, work

SECONDS_TO_ANSWER = 5.0
POLL = 1.0  # seconds between two looks at what the tasks have done


def executor(address: str = "") -> Callable[[Job], None]:
    """An executor on the cluster at ``address``; "" starts one on this machine and ends it afterwards.

    Raises:
      ConfigError: Ray is not installed, or nobody answers at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError("--executor=ray needs Ray; install it by pip install 'gan_jax[ray]'") from error

    _check_address(address)

    def execute(job: Job) -> None:
        try:
            ray.init(
                address=address or "local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        except ConnectionError as error:
            raise ConfigError(
                f"--address={address}: there is no Ray cluster: {' '.join(str(error).split())}"
            ) from error
        try:
            _execute(ray, job)
        finally:
            ray.shutdown()

    return execute


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


def _execute(ray: Any, job: Job) -> None:
    wanted = job.resources
    needed = {"CPU": wanted.cpus, "GPU": wanted.gpus, "TPU": wanted.tpus}
    there = ray.cluster_resources()
    for kind, count in needed.items():
        if count > there.get(kind, 0):
            most = f"at most {there.get(kind, 0):g}"
            raise ConfigError(f"resources.{kind.lower()}s={count:g} are more than the cluster has; allowed: {most}")
    task = ray.remote(
        num_cpus=wanted.cpus, num_gpus=wanted.gpus, resources={"TPU": wanted.tpus} if wanted.tpus else None,
        max_retries=wanted.retries,
    )(work)  # fmt: skip

    def submit(groups: Sequence[Group]) -> dict[Any, Group]:
        workdir, here = str(job.workdir.absolute()), os.getcwd()
        return {task.remote(workdir, group.name, job.width, list(job.command), wanted, here): group for group in groups}

    pending, lost = submit(job.groups), []
    watch = Watch(job)
    while pending:
        ready, _ = ray.wait(list(pending), timeout=POLL)
        watch.look()
        for one in ready:
            group = pending.pop(one)
            try:
                for line in ray.get(one):
                    job.show.say(line)
            except ray.exceptions.RayTaskError as error:
                raise error.cause if isinstance(error.cause, GanJaxError) else error from None
            except ray.exceptions.RayError as error:  # its worker died once more than there are retries
                lost.append(f"{group.name} ({type(error).__name__})")
            new = job.more(group)
            watch.add(new)
            pending |= submit(new)
    watch.look()
    if lost:
        said = f"groups whose workers died more than {wanted.retries} times: {', '.join(lost)}"
        raise WorkdirError(f"{said}; the same command continues")
