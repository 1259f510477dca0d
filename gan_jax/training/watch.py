"""Watches a run: a few numbers of its samples at every record, and what the records say of its health."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.data import Source
from gan_jax.evaluation.records import Record
from gan_jax.game import STREAMS, Game, image_of
from gan_jax.health import Finding, LossScale, diagnose, loss_scale, reference_statistics, sample_statistics
from gan_jax.losses import AdversarialLoss
from gan_jax.move import to_draw
from gan_jax.threefry import fast
from gan_jax.training.sampling import compared, conditions
from gan_jax.training.weights import Weights

Statistics = Callable[..., dict[str, jax.Array]]

SAMPLES = 1000  # folded into the key of samples, where the sample grid's purposes are small numbers


class Watch:
    """The records of a run so far, and what is wrong with it.

    Args:
      config: of the run.
      game: its game.
      source: its data.
      key: typed key of the run.
      records: of metrics.jsonl, up to where the run continues.
      evaluated: records of its evaluations up to there.
      statistics: from ``make_statistics``; several runs may share one.
    """

    def __init__(
        self, config: ConfigDict, game: Game, source: Source, key: jax.Array, records: Sequence[Mapping[str, Any]],
        evaluated: Sequence[Record], statistics: Statistics | None = None,
    ) -> None:  # fmt: skip
        self.steps = config.steps
        self.findings: tuple[Finding, ...] = ()
        self._history: list[Mapping[str, Any]] = [*records]
        self._scale = _scale(game.loss)
        num = config.health.samples
        self._outputs = compared(game) if num else ()
        self._statistics = statistics or make_statistics(game, source, num)
        self._key = jax.random.fold_in(jax.random.fold_in(key, STREAMS["sample"]), SAMPLES)
        self._reference = _reference(game, source, key, num) if num else {}
        self._given = {name: conditions(source, game.outputs[name].reads, self._key, num) for name in self._outputs}
        for step in sorted({record["step"] for record in evaluated}):
            self.evaluated([record for record in evaluated if record["step"] == step])
        self._history.sort(key=lambda record: record["step"])

    def statistics(self, weights: Weights) -> dict[str, float]:
        """Numbers of samples made with these weights, for the run's record."""
        found: dict[str, float] = {}
        for output in self._outputs:
            values = self._statistics(
                weights.params, weights.stats, self._key, self._reference[output], output, self._given[output]
            )
            prefix = "" if output == self._outputs[0] else f"{output}:"
            found |= {f"{prefix}{name}": float(value) for name, value in values.items()}
        return found

    def recorded(self, record: Mapping[str, Any]) -> list[Finding]:
        """Take a record into account; the findings that were not there before."""
        self._history.append(record)
        before = {finding.name for finding in self.findings}
        self.findings = diagnose(self._history, self._scale, self.steps)
        for output in self._outputs[1:]:
            own = diagnose([_of_output(record, output) for record in self._history], self._scale, self.steps)
            self.findings += tuple(
                f._replace(name=f"{output}:{f.name}") for f in own if f.evidence.startswith("samples/")
            )
        return [finding for finding in self.findings if finding.name not in before]

    def evaluated(self, records: Sequence[Record]) -> None:
        """Take an evaluation into account."""
        if records:
            values = {record["metric"]: float(record["value"]) for record in records}
            self._history.append({"step": records[0]["step"], **values})

    @property
    def hopeless(self) -> Finding | None:
        """The first finding that more steps will not mend."""
        return next((finding for finding in self.findings if finding.hopeless), None)

    def report(self, status: str, step: int) -> list[dict[str, Any]]:
        """The findings for result.json; [] of a healthy run."""
        findings = self.findings
        if status == "non_finite" and all(finding.name != "non_finite" for finding in findings):
            findings = (Finding("non_finite", step + 1, f"a loss or gradient of step {step + 1:,}", True), *findings)
        return [finding._asdict() for finding in findings]


def _of_output(record: Mapping[str, Any], output: str) -> Mapping[str, Any]:
    """The numbers of one output's samples in a record, as if it were the only output."""
    prefix = f"{output}:"
    return {"step": record["step"], **{n.removeprefix(prefix): v for n, v in record.items() if n.startswith(prefix)}}


def check_reference(config: ConfigDict, game: Game, source: Source) -> None:
    """Refuse data of which samples cannot be compared, before anything is written.

    Raises:
      DataError: as ``reference_statistics``.
    """
    if config.health.samples:
        _reference(game, source, jax.random.key(config.seed), config.health.samples)


def _reference(game: Game, source: Source, key: jax.Array, num: int) -> dict[str, Any]:
    """Statistics of real examples, for each output of what it imitates."""
    outputs = compared(game)
    real = source.take(jax.random.fold_in(key, STREAMS["data"]), num) if outputs else {}
    return {name: reference_statistics(jnp.asarray(real[str(game.outputs[name].like)])) for name in outputs}


def _scale(loss: AdversarialLoss | None) -> LossScale:
    if loss is None:
        return LossScale(None, None, False)
    if loss.batchwise:  # its costs are those of whole minibatches, with means over devices
        return LossScale(None, None, loss.log_odds)
    return loss_scale(loss.discriminator, loss.log_odds)


def make_statistics(game: Game, source: Source, num: int) -> Statistics:
    """A compiled (params, stats, key, reference, output, given) -> numbers of ``num`` samples; ``output`` is static."""
    density = source.density
    means = None if density is None or density.means is None else jnp.asarray(density.means)
    std = 1.0 if density is None or density.std is None else float(density.std)

    def statistics(
        params: Any, stats: Any, key: jax.Array, reference: Any, output: str, given: Any
    ) -> dict[str, jax.Array]:
        move = to_draw(game, params, stats, fast(key), num, given)
        return sample_statistics(image_of(game.outputs[output].draw(move, num)), reference, means, std)

    return jax.jit(statistics, static_argnums=4)
