"""The executor of a Slurm cluster: one job of an array for each group, by submitit.

Where there is no Slurm, submitit runs the same jobs as processes of this machine. A job that is preempted or runs out
of time is queued again and resumes from its checkpoints.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.sweeps.driver import Job
from gan_jax.sweeps.records import Group
from gan_jax.sweeps.workers import Watch, work

MINUTES = 24 * 60  # that a job may take before it is queued again
POLL = 2.0  # seconds between two looks at what the jobs have done


def execute(job: Job) -> None:
    """Train groups as jobs.

    Raises:
      ConfigError: submitit is not installed.
      WorkdirError: jobs ended without a result; the same command continues.
    """
    try:
        import submitit
    except ImportError as error:
        raise ConfigError("--executor=slurm needs submitit; install it by pip install 'gan_jax[slurm]'") from error

    class Work(submitit.helpers.Checkpointable):  # which is what queues a job again
        def __call__(self, *arguments: Any) -> list[str]:
            return work(*arguments)

    wanted = job.resources
    executor = submitit.AutoExecutor(folder=str(job.workdir.absolute() / "slurm"))
    executor.update_parameters(
        name="gan-jax",
        cpus_per_task=max(1, int(wanted.cpus)),
        gpus_per_node=int(wanted.gpus),
        timeout_min=MINUTES,
    )

    def submit(groups: Sequence[Group]) -> dict[Any, Group]:
        workdir, here = str(job.workdir.absolute()), os.getcwd()
        own = [(workdir, group.name, job.width, list(job.command), wanted, here) for group in groups]
        with executor.batch():
            jobs = [executor.submit(Work(), *one) for one in own]
        return dict(zip(jobs, groups, strict=True))

    pending, lost = submit(job.groups), []
    watch = Watch(job)
    while pending:
        time.sleep(POLL)
        watch.look()
        for one in [one for one in pending if one.done()]:
            group = pending.pop(one)
            failure = one.exception()
            if failure is None:
                for line in one.result():
                    job.show.say(line)
            else:
                lost.append(f"{group.name} ({' '.join(str(failure).split())[-200:]})")
            new = job.more(group)
            watch.add(new)
            if new:
                pending |= submit(new)
    watch.look()
    if lost:
        raise WorkdirError(f"jobs that ended without a result: {'; '.join(lost)}; the same command continues")
