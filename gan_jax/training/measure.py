"""What is measured of a state: an evaluation's metrics; a few numbers of samples, and what records say of health."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.build import data_options
from gan_jax.data import Source
from gan_jax.data import resolve as resolve_data
from gan_jax.errors import ConfigError
from gan_jax.evaluation import records as files
from gan_jax.evaluation import scores
from gan_jax.evaluation.evaluate import Generated, Tick, evaluate, refuse
from gan_jax.evaluation.features import extractors_of
from gan_jax.evaluation.protocol import Protocol
from gan_jax.evaluation.records import Record
from gan_jax.evaluation.reference import Reference, load
from gan_jax.extractors.extractor import Extractor
from gan_jax.game import STREAMS, Game, image_of
from gan_jax.health import Finding, LossScale, diagnose, loss_scale, reference_statistics, sample_statistics
from gan_jax.losses import AdversarialLoss
from gan_jax.metrics.metric import Value
from gan_jax.metrics.table import SCORE, is_score, parse
from gan_jax.metrics.table import load as load_metric
from gan_jax.move import to_draw
from gan_jax.threefry import fast
from gan_jax.training.sampling import (
    CHUNK,
    Sampler,
    compared,
    conditions,
    draw_all,
    drawn_from,
    find_output,
    make_sampler,
    passed_through,
)
from gan_jax.training.state import State, Weights

MNIST_VALIDATION = "train[50000:51000]"  # of the protocol of 2014, for the sets that have MNIST's sizes
TRAIN, EVALUATE = "train", "evaluate"  # who wrote a record
SAMPLES = 1000  # folded into the key of samples, where the sample grid's purposes are small numbers

Statistics = Callable[..., dict[str, jax.Array]]


class Settings(NamedTuple):
    """What is measured, on what."""

    metrics: tuple[str, ...]
    num: int  # examples to generate, and most real ones to take
    split: str  # of the real examples
    validation: str = ""  # split on which a metric fits a number; "" is the usual one of the data set
    weights: str = ""  # file of an extractor's weights
    extractor: str = ""  # package.module:attribute of a user's extractor
    repeats: int = 1  # generated sets
    seed: int = 0  # of the first of them


def settings_of(config: ConfigDict) -> Settings:
    """The settings of a configuration's own evaluations."""
    own = config.evaluation
    return Settings(own.metrics, own.num, own.split, own.validation, own.weights, own.extractor)


class Material(NamedTuple):
    """What metrics need beside samples, for each output or score that they name."""

    references: dict[str, Reference]
    extractors: dict[str, dict[str, Extractor]]
    labelled: dict[str, scores.Labelled]


def material_of(config: ConfigDict, game: Game, settings: Settings) -> Material:
    """Read the real examples and the extractors' weights; refuse metrics that do not fit the data."""
    labelled = scores.labelled_of(config, game, settings.metrics, settings.split, settings.num)
    metrics = [name for name in settings.metrics if not is_score(name)]
    validation = settings.validation
    if not validation and resolve_data(config.data.name)[0] in ("mnist", "fashion_mnist"):
        validation = MNIST_VALIDATION
    if not any("validation_images" in load_metric(parse(name).metric).reads for name in metrics):
        validation = ""
    references = {}
    for output in dict.fromkeys(parse(name).output for name in metrics):
        shown = game.outputs[find_output(game, output)]
        if shown.like is None:
            raise ConfigError(f"output {output!r} imitates nothing; allowed: metrics of {', '.join(compared(game))}")
        references[output] = load(
            config.data.name, settings.split, settings.num, data_dir=config.data.dir or None,
            options=data_options(config), validation=validation, like=shown.like, reads=shown.reads,
        )  # fmt: skip
    refuse(metrics, references)
    extractors = {}
    for output, reference in references.items():
        own = [name for name in metrics if parse(name).output == output]
        extractors[output] = extractors_of(own, reference, settings.weights, settings.extractor)
    return Material(references, extractors, labelled)


def measure(
    config: ConfigDict, sampler: Sampler, state: State, settings: Settings, material: Material, *, by: str = TRAIN,
    chosen: str = "step", tick: Tick = lambda what: None,
) -> list[Record]:  # fmt: skip
    """Records of a state, one a value; ``by`` whom, and how the checkpoint was ``chosen``, as ``Protocol`` says."""
    metrics = [name for name in settings.metrics if not is_score(name)]
    normalized = any("batch_stats" in state.stats[name] for name in drawn_from(sampler, state))
    weights = sampler.weights(state)
    statistics = weights.statistics if config.sample_statistics == "running" else f"batch of {CHUNK}"
    generated = Generated(
        lambda output, num, seed, given: draw_all(sampler, weights, num, seed, output, given),
        parameters=weights.parameters,
        batch_norm=statistics if normalized else "none",
        checkpoint=chosen,
        discriminator=_log_odds(sampler.game, state),
    )
    values = evaluate(
        generated, metrics, material.references, material.extractors,
        num=settings.num, repeats=settings.repeats, seed=settings.seed, tick=tick,
    )  # fmt: skip
    values += _scored(sampler, weights, state, material.labelled, settings.seed, chosen)
    for name in material.labelled:
        tick(f"{SCORE}:{name}")
    about = {"by": by, "step": int(state.step), "seed": settings.seed, "repeats": settings.repeats}
    return files.make_records(values, about)


def _scored(
    sampler: Sampler, weights: Weights, state: State, labelled: Mapping[str, scores.Labelled], seed: int, chosen: str
) -> list[tuple[Value, Protocol]]:
    """The scores of a state."""
    key, made = jax.random.key(seed), []

    def of(name: str, batch: scores.Batch, call: int) -> np.ndarray:
        own = jax.random.fold_in(key, call)
        return np.asarray(sampler.score(weights.params, weights.stats, own, name, dict(batch)))

    for name, examples in labelled.items():
        score = sampler.game.scores[name]
        normalized = any("batch_stats" in state.stats[n] for n in passed_through(sampler, state, score.of, score.reads))
        how = scores.Scored(of, weights.parameters, weights.statistics if normalized else "none", chosen)
        made.append(scores.measure(name, score, examples, how))
    return made


def _log_odds(game: Game, state: State) -> Callable[[np.ndarray], np.ndarray] | None:
    """The game's discriminator of single points; None where it has none."""
    if game.log_odds is None:
        return None
    judge = game.log_odds

    def logits(x: np.ndarray) -> np.ndarray:
        return np.asarray(judge(to_draw(game, state.params, state.stats, state.key, len(x)), jnp.asarray(x)))

    return logits


def best_of(config: ConfigDict) -> str:
    """How the best checkpoint of a run is chosen."""
    settings = settings_of(config)
    return f"best by {config.evaluation.best} of {settings.num} on {config.data.name} {settings.split}"


class Instruments(NamedTuple):
    """What runs of one structure are evaluated and watched with."""

    sampler: Sampler
    material: Material | None  # None where nothing is evaluated
    statistics: Statistics  # from ``make_statistics``


def instruments_of(config: ConfigDict, game: Game, source: Source, state: State) -> Instruments:
    """The instruments of runs like this one, each tried once: what cannot work shall not end a run after hours."""
    sampler, num = make_sampler(game, source), config.health.samples
    if num:
        _reference(sampler, jax.random.key(config.seed), num)
    material = None
    if config.evaluation.every:
        material = material_of(config, game, settings_of(config))
        measure(config, sampler, state, settings_of(config), material)
    return Instruments(sampler, material, make_statistics(sampler, num))


class Watch:
    """The records of a run so far, and what is wrong with it; a run that continues hands in its earlier ones."""

    def __init__(
        self, config: ConfigDict, instruments: Instruments, records: Sequence[Mapping[str, Any]],
        evaluated: Sequence[Record],
    ) -> None:  # fmt: skip
        sampler, num, key = instruments.sampler, config.health.samples, jax.random.key(config.seed)
        self.steps = config.steps
        self.findings: tuple[Finding, ...] = ()
        self._history: list[Mapping[str, Any]] = [*records]
        self._scale = _scale(sampler.game.loss)
        self._outputs = compared(sampler.game) if num else ()
        self._statistics = instruments.statistics
        self._key = jax.random.fold_in(jax.random.fold_in(key, STREAMS["sample"]), SAMPLES)
        self._reference = _reference(sampler, key, num) if num else {}
        reads = {name: sampler.game.outputs[name].reads for name in self._outputs}
        self._given = {name: conditions(sampler.source, own, self._key, num) for name, own in reads.items()}
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


def _reference(sampler: Sampler, key: jax.Array, num: int) -> dict[str, Any]:
    """Statistics of real examples, for each output of what it imitates; refuses data that cannot be compared."""
    outputs, game = compared(sampler.game), sampler.game
    real = sampler.source.take(jax.random.fold_in(key, STREAMS["data"]), num) if outputs else {}
    return {name: reference_statistics(jnp.asarray(real[str(game.outputs[name].like)])) for name in outputs}


def _scale(loss: AdversarialLoss | None) -> LossScale:
    if loss is None:
        return LossScale(None, None, False)
    if loss.batchwise:  # its costs are those of whole minibatches, with means over devices
        return LossScale(None, None, loss.log_odds)
    return loss_scale(loss.discriminator, loss.log_odds)


def make_statistics(sampler: Sampler, num: int) -> Statistics:
    """A compiled (params, stats, key, reference, output, given) -> numbers of ``num`` samples; ``output`` is static."""
    game, density = sampler.game, sampler.source.density
    means = None if density is None or density.means is None else jnp.asarray(density.means)
    std = 1.0 if density is None or density.std is None else float(density.std)

    def statistics(
        params: Any, stats: Any, key: jax.Array, reference: Any, output: str, given: Any
    ) -> dict[str, jax.Array]:
        move = to_draw(game, params, stats, fast(key), num, given)
        return sample_statistics(image_of(game.outputs[output].draw(move, num)), reference, means, std)

    return jax.jit(statistics, static_argnums=4)
