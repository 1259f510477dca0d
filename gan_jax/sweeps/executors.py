"""Executors train the groups of a sweep: those of this process, and what executors of several workers share."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from gan_jax.errors import WorkdirError
from gan_jax.status import Status
from gan_jax.sweeps.layout import Group, is_done, read_metrics, status_of
from gan_jax.sweeps.train import Job, no_more, run_group, train_alone
from gan_jax.training.loop import Shared

PATIENCE = 60.0  # seconds that a worker waits for the locks of one that was killed


class Executor(NamedTuple):
    """How groups are trained.

    Attributes:
      train: trains the groups of a job, and those that it says may begin once one is done.
      asynchronous: whether groups end in any order, so that successive halving had better wait for none.
    """

    train: Callable[[Job], None]
    asynchronous: bool = False


def train_groups(job: Job) -> None:
    """Train groups one after another in this process, runs side by side on its devices."""
    known: dict[str, Shared] = {}
    groups = [*job.groups]
    while groups:
        group = groups.pop(0)
        run_group(job, group.name, known)
        groups += job.more(group)


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
    """Hand the groups of a job to workers, and follow these by the records of their runs.

    Begins a task for each of several arguments of ``work``; waits a moment for some of those under way; asks one that
    has ended for its lines and why it has no result, "" if it has. Returns the groups without, each with the reason.
    """
    own = job._replace(workdir=job.workdir.absolute(), groups=(), show=Lines(), more=no_more)
    pending: dict[Any, Group] = {}
    steps: dict[str, tuple[int, int]] = {}
    lost, new = [], [*job.groups]
    while True:
        if new:
            steps |= {run: (group.begin, group.until) for group in new for run in group.runs}
            pending |= zip(submit([(own, group.name, os.getcwd()) for group in new]), new, strict=True)
        if not pending:
            break
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
            new += job.more(group)
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
