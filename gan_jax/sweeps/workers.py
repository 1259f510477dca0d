"""What executors of several workers share: the work of one, and how the driver follows it by the runs' records."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gan_jax.errors import WorkdirError
from gan_jax.sweeps.driver import Job
from gan_jax.sweeps.local import use_cores
from gan_jax.sweeps.records import Group, read_metrics, status_of
from gan_jax.sweeps.space import Resources

PATIENCE = 60.0  # seconds that a worker waits for the locks of one that was killed


def work(workdir: str, group: str, width: int, command: list[str], resources: Resources, folder: str) -> list[str]:
    """Train a group in a worker; what there is to say of it."""
    sys.path.append(folder)  # where a user's own components lie
    if 0 < resources.gpus < 1:
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{0.9 * resources.gpus:.2f}")
    use_cores(max(1, int(resources.cpus)))
    from gan_jax.sweeps.execute import run_group

    show, began = Lines(), time.monotonic()
    while True:
        try:
            run_group(Path(workdir), group, show, width=width, command=command)
            return show.lines
        except WorkdirError as error:
            if "is in use by process" not in str(error) or time.monotonic() - began > PATIENCE:
                raise
            time.sleep(1.0)


class Lines:
    """Keeps what a task says; the driver prints it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def advance(self, steps: int) -> None:
        """Nothing: the driver reads the records."""

    def ended(self, status: str) -> None:
        """Nothing: the driver reads the records."""

    def say(self, line: str) -> None:
        """Keep a line."""
        self.lines.append(line)


class Watch:
    """Follows tasks by the records of their runs."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._steps: dict[str, int] = {}
        self._until: dict[str, int] = {}
        self._open: set[str] = set()
        self.add(job.groups)

    def add(self, groups: Sequence[Group]) -> None:
        """Follow these, too."""
        for group in groups:
            for run in group.runs:
                self._steps[run], self._until[run] = group.begin, group.until
                self._open.add(run)

    def look(self) -> None:
        """Tell what happened since the last look."""
        for run in list(self._open):
            status, until = status_of(self.job.workdir, run), self._until[run]
            at = until if status not in ("running", "missing", "paused") else _last_step(self.job.workdir, run)
            self.job.show.advance(max(at - self._steps[run], 0))
            self._steps[run] = max(at, self._steps[run])
            if status not in ("running", "missing") and (status != "paused" or at >= until):
                self._open.discard(run)
                self.job.show.ended(status)


def _last_step(workdir: Path, run: str) -> int:
    records = read_metrics(workdir, run)
    return int(records[-1]["step"]) if records else 0
