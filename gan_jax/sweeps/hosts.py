"""A sweep of models that need several hosts: all processes train one run after another together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from gan_jax.sweeps.execute import train_alone
from gan_jax.sweeps.plan import is_done
from gan_jax.training.progress import Show


def train_over_hosts(workdir: Path, runs: Mapping[str, ConfigDict], command: Sequence[str], show: Show) -> None:
    """Train what is left, run after run, each minibatch split over all devices of all processes.

    Args:
      workdir: of the sweep, which all processes see.
      runs: all of them, the same in every process.
      command: for environment.json.
      show: of process 0.

    Raises:
      WorkdirError: a directory is locked, unreadable or full.
    """
    # Process 0 alone looks at the records, and after it laid the sweep out: the others would race with its writing.
    mine = (
        [not is_done(workdir, run, 0, config.steps) for run, config in runs.items()]
        if _first()
        else [False] * len(runs)
    )
    left = multihost_utils.broadcast_one_to_all(np.asarray(mine, np.bool_))
    for wanted, (run, config) in zip(left, runs.items(), strict=True):
        if wanted:
            train_alone(workdir, run, config, list(command), show)
            show.advance(config.steps)


def _first() -> bool:
    return jax.process_index() == 0
