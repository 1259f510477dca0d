"""Everything that a run writes into its work directory; only process 0 has one."""

import dataclasses
import json
import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax.data import Source
from gan_jax.errors import NonFiniteError
from gan_jax.evaluation import records as evaluations
from gan_jax.evaluation.records import Record
from gan_jax.game import Game
from gan_jax.health import Finding
from gan_jax.training.best import Best
from gan_jax.training.checkpoints import Checkpoints, leaves_of, params_sha256
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


class Output:
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
            self.best = Best(workdir, config, step) if config.evaluation.best else None
        self._sampler = sampler or make_sampler(game, source)
        key = jax.random.key(config.seed)
        self.watch = Watch(config, game, source, key, self.recorder.kept, trained, statistics)
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
        if self.config.health.samples:
            record |= self.watch.statistics(self._sampler.weights(state))
        with self._writing():
            self.recorder.metrics(record)
        return self.watch.recorded(record)

    def grid(self, step: int) -> Path:
        """Path of the sample grid of ``step``."""
        return self.workdir / "samples" / f"{step}.png"

    def sample(self, step: int, state: State) -> None:
        """Write the sample grid at the run's fixed latent variables."""
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

    def save(self, step: int, state: State) -> None:
        """Begin a checkpoint. What is recorded up to here is handed to the system first, so that it is never ahead."""
        leaves = leaves_of(state)
        spoiled = first_not_finite(leaves)
        if spoiled:
            self._refuse(step, state, spoiled)
        with self._writing():
            self.recorder.flush()
        self.checkpoints.save(step, leaves)

    def _refuse(self, step: int, state: State, name: str) -> None:
        # The loss was finite up to here, so the loop went on; this state would never train again.
        reason = spoiled_by(self.game, name, step)
        self.finish("non_finite", step, state, {}, reason)
        raise NonFiniteError(f"{reason}; {self.checkpoints.kept()}")

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
        shown = {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()}
        result = Result(
            status, step, params_sha256(state.params), round(self.seconds, 3), shown, str(grids[-1]) if grids else None,
            self.best.wait() if self.best else None, tuple(self.watch.report(status, step)), reason,
        )  # fmt: skip
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


def write_result(workdir: Path, result: Result) -> None:
    """Write result.json."""
    write_text(workdir / "result.json", json.dumps(dataclasses.asdict(result), indent=2) + "\n")


def first_not_finite(leaves: Mapping[str, np.ndarray]) -> str | None:
    """The first parameter or statistic of a state that is NaN or infinite, None where all are finite."""
    own = ("params/", "stats/", "ema/")
    return next((name for name, leaf in leaves.items() if name.startswith(own) and not np.isfinite(leaf).all()), None)


def spoiled_by(game: Game, leaf: str, step: int) -> str:
    """What to say of a leaf that is not finite after ``step``."""
    network = leaf.split("/")[1]
    owner = next((p for p, player in game.players.items() if network in player.owns), network)
    return (
        f"{leaf} of player {owner} is not finite after step {step}; "
        f"a lower optimizer.{owner}.learning_rate or optimizer.{owner}.clip may help"
    )
