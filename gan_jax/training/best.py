"""The best checkpoint of a run by one of its evaluated values, kept beside the last ones."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax.evaluation import records as evaluations
from gan_jax.evaluation.records import Record
from gan_jax.metrics.table import values_of
from gan_jax.training.checkpoints import Checkpoints, leaves_of
from gan_jax.training.evaluator import TRAIN
from gan_jax.training.step import State

FOLDER = "best"


class Best:
    """The folder ``best/`` of a work directory, with one checkpoint.

    Args:
      workdir: the work directory; evaluation.jsonl is cut back to ``step`` already.
      config: of the run; ``evaluation.best`` names the value.
      step: where the run continues; a best checkpoint of a later step is dropped, since the run makes it again.
    """

    def __init__(self, workdir: Path, config: ConfigDict, step: int) -> None:
        self.metric = config.evaluation.best
        directions = {value: way for name in config.evaluation.metrics for value, way in values_of(name).items()}
        self._sign = 1.0 if directions[self.metric] == "higher" else -1.0
        for kept in (workdir / FOLDER).glob("[0-9]*"):
            if kept.name.isdigit() and int(kept.name) > step:
                shutil.rmtree(kept)
        self._checkpoints = Checkpoints(workdir, keep=1, folder=FOLDER)
        steps = self._checkpoints.steps()
        own = [r for r in evaluations.read(workdir) if r["by"] == TRAIN and r["metric"] == self.metric]
        found = [record for record in own if record["step"] in steps[-1:]]
        # Without its record, which a kill may have cost, nobody can say how good it is: the next one replaces it.
        self.step: int | None = found[0]["step"] if found else None
        self.value = float(found[0]["value"]) if found else math.nan

    def offer(self, step: int, state: State, records: Sequence[Record]) -> None:
        """Begin to keep a state if it is better than what is kept.

        Raises:
          WorkdirError: no space; what was there before stays.
        """
        value = next(float(record["value"]) for record in records if record["metric"] == self.metric)
        if not math.isfinite(value) or self._sign * (value - self.value) <= 0:  # never true of NaN: nothing is kept yet
            return
        self._checkpoints.save(step, leaves_of(state))
        self.step, self.value = step, value

    def wait(self) -> dict[str, Any] | None:
        """Wait until it is written; which it is."""
        self._checkpoints.wait()
        return None if self.step is None else {"metric": self.metric, "value": self.value, "step": self.step}

    def close(self) -> None:
        """Finish writing and let go."""
        self._checkpoints.close()
