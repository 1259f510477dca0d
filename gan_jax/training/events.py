"""Everything that a run writes into its work directory; only process 0 has one."""

import dataclasses
import json
import math
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.data import Source
from gan_jax.evaluation import records as evaluations
from gan_jax.evaluation.records import Record
from gan_jax.game import Game
from gan_jax.health import Finding
from gan_jax.metrics.table import SCORE, values_of
from gan_jax.training.checkpoints import Checkpoints, params_sha256
from gan_jax.training.evaluator import EVALUATE, TRAIN, Material, measure, settings_of
from gan_jax.training.grids import write_png
from gan_jax.training.known_data import write_data
from gan_jax.training.records import Recorder, write_environment, write_text, writing
from gan_jax.training.sampling import Sampler, fixed_grid, make_sampler
from gan_jax.training.step import State
from gan_jax.training.watch import Statistics, Watch

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
    params_sha256: str
    seconds: float
    metrics: dict[str, Any]
    sample_grid: str | None
    best: dict[str, Any] | None = None
    health: tuple[dict[str, Any], ...] = ()
    reason: str = ""


class Silent:
    """What processes other than 0 have in the place of an ``Output``: nothing is written."""

    seconds = 0.0

    def record(
        self, step: int, images_seen: int, images_per_second: float, metrics: dict[str, float], state: State
    ) -> list[Finding]:
        """Record a step; what is newly wrong with the run."""
        return []

    def findings(self) -> list[str]:
        """Names of all that is wrong with the run."""
        return []

    def hopeless(self) -> Finding | None:
        """The first finding that more steps will not mend."""
        return None

    def sample(self, step: int, state: State) -> None:
        """Draw samples."""

    def evaluate(self, step: int, state: State) -> list[Record]:
        """Measure."""
        return []

    def flush(self) -> None:
        """Hand what is recorded to the system."""

    def save(self, step: int, state: State) -> None:
        """Begin a checkpoint."""

    def wait(self) -> None:
        """Wait for it."""

    def kept(self) -> str:
        """The newest checkpoint, in words."""
        return "there is no checkpoint yet"

    def finish(self, status: str, step: int, state: State, metrics: dict[str, float], reason: str = "") -> Result:
        """The end of the run."""
        return Result(status, step, params_sha256(state.params), round(self.seconds, 3), metrics, None, reason=reason)

    def close(self) -> None:
        """End all files."""


class Output(Silent):
    """Writes records, sample grids, checkpoints and the result.

    Args:
      workdir: held by this process alone.
      config: the run's configuration.
      game: its game.
      source: its data.
      checkpoints: its checkpoints.
      step: where the run continues; records after it are dropped.
      command: for environment.json.
      material: what ``evaluation.metrics`` need; None where nothing is evaluated.
      sampler: of the game; several runs may share one.
      statistics: from ``make_statistics``; several runs may share one.
    """

    def __init__(
        self,
        workdir: Path,
        config: ConfigDict,
        game: Game,
        source: Source,
        checkpoints: Checkpoints,
        step: int,
        command: list[str],
        material: Material | None,
        sampler: Sampler | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        self.workdir, self.config, self.game, self.source, self.checkpoints = workdir, config, game, source, checkpoints
        self.material = material
        with self._writing():
            write_text(workdir / "config.json", configs.to_json(config))
            write_data(workdir, source)
            write_environment(workdir, command, step)
            evaluated = evaluations.keep(workdir, lambda record: record["by"] == EVALUATE or record["step"] <= step)
            trained = [record for record in evaluated if record["by"] == TRAIN]
            self.recorder = Recorder(workdir, step, trained)
            self.best = Best(workdir, config, game, step) if config.evaluation.best else None
        self._sampler = sampler or make_sampler(game, source)
        key = jax.random.key(config.seed)
        self.watch = Watch(config, game, source, key, self.recorder.kept, trained, statistics)
        self._begun = time.perf_counter() - self.recorder.seconds

    @property
    def seconds(self) -> float:  # type: ignore[override]
        """Time in training, over all starts."""
        return time.perf_counter() - self._begun

    def record(
        self, step: int, images_seen: int, images_per_second: float, metrics: dict[str, float], state: State
    ) -> list[Finding]:
        """One line of metrics.jsonl; what is newly wrong with the run."""
        head = (step, images_seen, round(self.seconds, 3), round(images_per_second, 1))
        record = {**dict(zip(HEAD, head, strict=True)), **metrics}
        if self.config.health.samples:
            record |= self.watch.statistics(self._sampler.weights(state))
        with self._writing():
            self.recorder.metrics(record)
        return self.watch.recorded(record)

    def grid(self, step: int) -> Path:
        """Path of the sample grid of ``step``."""
        return self.workdir / "samples" / f"{step}.png"

    def sample(self, step: int, state: State) -> None:
        """Write the sample grid at the run's fixed latent variables, where the game has something to draw."""
        if not self.game.outputs:
            return
        path = self.grid(step)
        pixels = fixed_grid(self._sampler, state, self.config.sample_count)
        with self._writing():
            write_png(path, pixels)
            self.recorder.image(step, path)

    def evaluate(self, step: int, state: State) -> list[Record]:
        """Measure ``evaluation.metrics``, record them, and keep the checkpoint if it is the best so far."""
        assert self.material is not None
        records = measure(
            self.config,
            self.game,
            self._sampler,
            state,
            settings_of(self.config),
            self.material,
            by=TRAIN,
            chosen="step",
        )
        with self._writing():
            evaluations.append(self.workdir, records)
            self.recorder.evaluation(records)
        self.watch.evaluated(records)
        if self.best is not None:
            self.best.offer(step, state, records)
        return records

    def findings(self) -> list[str]:
        """Names of all that is wrong with the run."""
        return [finding.name for finding in self.watch.findings]

    def hopeless(self) -> Finding | None:
        """The first finding that more steps will not mend."""
        return self.watch.hopeless

    def flush(self) -> None:
        """Hand what is recorded to the system, so that it is never behind a checkpoint."""
        with self._writing():
            self.recorder.flush()

    def save(self, step: int, state: State) -> None:
        """Begin a checkpoint, if there is none of this step."""
        if step not in self.checkpoints.steps():
            self.checkpoints.save(step, state)

    def wait(self) -> None:
        """Wait for the checkpoint."""
        self.checkpoints.wait()

    def kept(self) -> str:
        """The newest checkpoint, in words."""
        return self.checkpoints.kept()

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self.workdir, self.checkpoints.kept)

    def finish(self, status: str, step: int, state: State, metrics: dict[str, float], reason: str = "") -> Result:
        """Wait for the checkpoint and write result.json. Without metrics, those of the last record are taken."""
        self.checkpoints.wait()
        last = self.recorder.last
        if not metrics or (status in ("finished", "stopped") and last["step"] == step):
            metrics = {name: value for name, value in last.items() if name not in HEAD}
        grids = sorted(
            (p for p in (self.workdir / "samples").glob("*.png") if p.stem.isdigit()), key=lambda p: int(p.stem)
        )
        shown: Any = {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()}
        result = dataclasses.replace(
            super().finish(status, step, state, shown, reason),
            sample_grid=str(grids[-1]) if grids else None,
            best=self.best.wait() if self.best else None,
            health=tuple(self.watch.report(status, step)),
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
    """The folder ``best/`` of a work directory, with one checkpoint.

    Args:
      workdir: the work directory; evaluation.jsonl is cut back to ``step`` already.
      config: of the run; ``evaluation.best`` names the value.
      game: its game, whose scores say which way they are better.
      step: where the run continues; a best checkpoint of a later step is dropped, since the run makes it again.
    """

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
        """Begin to keep a state if it is better than what is kept.

        Raises:
          WorkdirError: no space; what was there before stays.
        """
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
    write_text(workdir / "result.json", json.dumps(dataclasses.asdict(result), indent=2) + "\n")
