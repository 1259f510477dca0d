"""What happens at an event of a run: everything that it writes into its work directory."""

import dataclasses
import math
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax.evaluation import records as evaluations
from gan_jax.evaluation.records import Record
from gan_jax.game import Game
from gan_jax.health import Finding
from gan_jax.metrics.table import SCORE, values_of
from gan_jax.stored import write_object
from gan_jax.training.checkpoints import Checkpoints, params_sha256
from gan_jax.training.checks import write_data
from gan_jax.training.measure import EVALUATE, TRAIN, Instruments, Watch, measure, settings_of
from gan_jax.training.records import Recorder, grids, write_environment, writing
from gan_jax.training.sampling import fixed_grid, write_png
from gan_jax.training.state import State

HEAD = ("step", "images_seen", "seconds", "images_per_second")  # of a record, before the metrics


@dataclasses.dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
      status: "finished", "interrupted", "stopped" (by health.stop) or "non_finite"; in a sweep also "failed", "paused"
        (at the end of a rung) or "eliminated".
      step: steps done.
      params_sha256: of all parameters.
      seconds: time spent in training, over all starts.
      metrics: of the last step.
      sample_grid: path of the newest sample grid, or None.
      best: {"metric", "value", "step"} of the best checkpoint, or None where none is kept.
      health: what is wrong with the run, [{"name", "since", "evidence", "hopeless"}, ...]; [] of a healthy one.
      reason: why the run ended before its last step, or "".
    """

    status: str
    step: int
    params_sha256: str = ""
    seconds: float = 0.0
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    sample_grid: str | None = None
    best: dict[str, Any] | None = None
    health: tuple[dict[str, Any], ...] = ()
    reason: str = ""


class Journal:
    """The records, sample grids, checkpoints and result of a run, continued at ``step``; only process 0 keeps one."""

    def __init__(
        self, workdir: Path, config: ConfigDict, instruments: Instruments, checkpoints: Checkpoints, step: int,
        command: Sequence[str],
    ) -> None:  # fmt: skip
        self.workdir, self.config, self.checkpoints = workdir, config, checkpoints
        self.sampler, self.material = instruments.sampler, instruments.material
        with self._writing():
            write_object(workdir / "config.json", config.to_dict())
            write_data(workdir, self.sampler.source)
            write_environment(workdir, list(command), step)
            evaluated = evaluations.keep(workdir, lambda record: record["by"] == EVALUATE or record["step"] <= step)
            trained = [record for record in evaluated if record["by"] == TRAIN]
            self.recorder = Recorder(workdir, step, trained)
            self.best = Best(workdir, config, instruments.sampler.game, step) if config.evaluation.best else None
        self.watch = Watch(config, instruments, self.recorder.kept, trained)
        self._begun = time.perf_counter() - self.recorder.seconds

    @property
    def seconds(self) -> float:
        """Time in training, over all starts."""
        return time.perf_counter() - self._begun

    def record(
        self, step: int, images_seen: int, images_per_second: float, metrics: dict[str, float], state: State
    ) -> list[Finding]:
        """One line of metrics.jsonl; what is newly wrong with the run."""
        head = (step, images_seen, round(self.seconds, 3), round(images_per_second, 1))
        record = {**dict(zip(HEAD, head, strict=True)), **metrics}
        if self.config.health.samples and self.sampler.game.outputs:
            record |= self.watch.statistics(self.sampler.weights(state))
        with self._writing():
            self.recorder.metrics(record)
        return self.watch.recorded(record)

    def sample(self, step: int, state: State) -> None:
        """Write the sample grid at the run's fixed latent variables, where the game has something to draw."""
        if not self.sampler.game.outputs:
            return
        path = self.workdir / "samples" / f"{step}.png"
        pixels = fixed_grid(self.sampler, state, self.config.sample_count)
        with self._writing():
            write_png(path, pixels)
            self.recorder.image(step, path)

    def evaluate(self, step: int, state: State) -> list[Record]:
        """Measure ``evaluation.metrics``, record them, and keep the checkpoint if it is the best so far."""
        assert self.material is not None
        records = measure(self.config, self.sampler, state, settings_of(self.config), self.material)
        with self._writing():
            evaluations.append(self.workdir, records)
            self.recorder.evaluation(records)
        self.watch.evaluated(records)
        if self.best is not None:
            self.best.offer(step, state, records)
        return records

    def flush(self) -> None:
        """Hand what is recorded to the system, so that it is never behind a checkpoint."""
        with self._writing():
            self.recorder.flush()

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self.workdir, self.checkpoints.kept)

    def finish(self, status: str, step: int, state: State, metrics: dict[str, float], reason: str) -> Result:
        """Wait for the checkpoint and write result.json. Without metrics, those of the last record are taken."""
        self.checkpoints.wait()
        last = self.recorder.last
        if not metrics or (status in ("finished", "stopped") and last["step"] == step):
            metrics = {name: value for name, value in last.items() if name not in HEAD}
        result = Result(
            status,
            step,
            params_sha256(state.params),
            round(self.seconds, 3),
            {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()},
            sample_grid=next((str(path) for path in reversed(grids(self.workdir).values())), None),
            best=self.best.wait() if self.best else None,
            health=tuple(self.watch.report(status, step)),
            reason=reason,
        )
        with self._writing():
            self.recorder.flush()
            write_result(self.workdir, result)
        return result

    def close(self) -> None:
        """End all files."""
        self.recorder.close()
        self.checkpoints.close()
        if self.best is not None:
            self.best.close()


class Best:
    """The folder ``best/`` of a work directory, with one checkpoint; one of a later step is made again by the run."""

    def __init__(self, workdir: Path, config: ConfigDict, game: Game, step: int) -> None:
        self.metric = config.evaluation.best
        directions = {value: way for name in config.evaluation.metrics for value, way in values_of(name).items()}
        directions |= {f"{SCORE}:{name}": score.better for name, score in game.scores.items()}
        self._sign = 1.0 if directions[self.metric] == "higher" else -1.0
        for kept in (workdir / "best").glob("[0-9]*"):
            if kept.name.isdigit() and int(kept.name) > step:
                shutil.rmtree(kept)
        self._checkpoints = Checkpoints(workdir, keep=1, folder="best")
        steps = self._checkpoints.steps()
        own = [r for r in evaluations.read(workdir) if r["by"] == TRAIN and r["metric"] == self.metric]
        found = [record for record in own if record["step"] in steps[-1:]]
        # Without its record, which a kill may have cost, nobody can say how good it is: the next one replaces it.
        self.step: int | None = found[0]["step"] if found else None
        self.value = float(found[0]["value"]) if found else math.nan

    def offer(self, step: int, state: State, records: Sequence[Record]) -> None:
        """Begin to keep a state if it is better than what is kept."""
        value = next(float(record["value"]) for record in records if record["metric"] == self.metric)
        if not math.isfinite(value) or self._sign * (value - self.value) <= 0:  # never true of NaN: nothing is kept yet
            return
        self._checkpoints.save(step, state)
        self.step, self.value = step, value

    def wait(self) -> dict[str, Any] | None:
        """Wait until it is written; which it is."""
        self._checkpoints.wait()
        return None if self.step is None else {"metric": self.metric, "value": self.value, "step": self.step}

    def close(self) -> None:
        """Finish writing and let go."""
        self._checkpoints.close()


def write_result(workdir: Path, result: Result) -> None:
    """Write result.json."""
    write_object(workdir / "result.json", dataclasses.asdict(result))
