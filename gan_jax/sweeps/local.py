"""The executor of one machine: groups one after another in this process, runs side by side on its devices."""

import os

import jax

from gan_jax.sweeps.driver import Job
from gan_jax.sweeps.execute import run_group
from gan_jax.training.shared import Shared


def execute(job: Job) -> None:
    """Train groups."""
    known: dict[str, Shared] = {}
    groups = [*job.groups]
    while groups:
        group = groups.pop(0)
        run_group(job.workdir, group.name, job.show, width=job.width, command=job.command, known=known)
        groups += job.more(group)


def use_cores(count: int) -> None:
    """Make each core a device where there is no accelerator: runs of small networks side by side use them best.

    To be called before anything touches a device. A number of devices that XLA_FLAGS or the program sets stays.
    """
    set_already = jax.config.jax_num_cpu_devices != -1  # type: ignore[attr-defined]
    if not set_already and "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", count)
