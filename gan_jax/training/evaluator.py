"""Evaluation of a run: while it trains, and of stored checkpoints."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.build import data_options
from gan_jax.data import resolve as resolve_data
from gan_jax.errors import ConfigError
from gan_jax.evaluation import records as files
from gan_jax.evaluation.evaluate import Generated, Tick, evaluate, refuse
from gan_jax.evaluation.features import extractors_of
from gan_jax.evaluation.records import Record
from gan_jax.evaluation.reference import Reference, load
from gan_jax.evaluation.scores import Labelled
from gan_jax.extractors.extractor import Extractor
from gan_jax.game import Game
from gan_jax.metrics.table import SCORE, parse
from gan_jax.metrics.table import load as load_metric
from gan_jax.move import to_draw
from gan_jax.training.sampling import CHUNK, Sampler, compared, draw_all, drawn_from, find_output
from gan_jax.training.scoring import is_score, labelled_of, score
from gan_jax.training.step import State

MNIST_VALIDATION = "train[50000:51000]"  # of the protocol of 2014, for the sets that have MNIST's sizes
TRAIN, EVALUATE = "train", "evaluate"  # who wrote a record


class Settings(NamedTuple):
    """What is measured, on what.

    Attributes:
      metrics: names, such as "frechet_lenet".
      num: examples to generate, and most real ones to take.
      split: of the real examples.
      validation: of the examples on which a metric fits a number; "" is the usual one of the data set.
      weights: file of an extractor's weights, or "".
      extractor: package.module:attribute of a user's extractor, or "".
      repeats: generated sets.
      seed: of the first of them.
    """

    metrics: tuple[str, ...]
    num: int
    split: str
    validation: str = ""
    weights: str = ""
    extractor: str = ""
    repeats: int = 1
    seed: int = 0


def settings_of(config: ConfigDict) -> Settings:
    """The settings of a configuration's own evaluations."""
    own = config.evaluation
    return Settings(own.metrics, own.num, own.split, own.validation, own.weights, own.extractor)


class Material(NamedTuple):
    """Real examples for each output that the metrics name, the extractors that they need, and examples to score on."""

    references: dict[str, Reference]
    extractors: dict[str, dict[str, Extractor]]
    labelled: dict[str, Labelled]


def material_of(config: ConfigDict, game: Game, settings: Settings) -> Material:
    """Read the real examples and the extractors' weights; refuse metrics that do not fit.

    Raises:
      ConfigError: a metric, split or extractor does not fit the data.
      DataError: data or weights are missing or broken.
    """
    labelled = labelled_of(config, game, settings.metrics, settings.split, settings.num)
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
    config: ConfigDict, game: Game, sampler: Sampler, state: State, settings: Settings, material: Material, *, by: str,
    chosen: str, tick: Tick = lambda what: None,
) -> list[Record]:  # fmt: skip
    """Records of a state.

    Args:
      config: of the run.
      game: its game.
      sampler: the game's.
      state: what is evaluated.
      settings: how.
      material: what the settings need.
      by: "train" or "evaluate".
      chosen: how the checkpoint was chosen, as ``Protocol`` says.
      tick: told what was done.

    Returns:
      One record a value.
    """
    metrics = [name for name in settings.metrics if not is_score(name)]
    normalized = any("batch_stats" in state.stats[name] for name in drawn_from(sampler, state))
    weights = sampler.weights(state)
    statistics = weights.statistics if config.sample_statistics == "running" else f"batch of {CHUNK}"
    generated = Generated(
        lambda output, num, seed, given: draw_all(sampler, weights, num, seed, output, given),
        parameters=weights.parameters,
        batch_norm=statistics if normalized else "none",
        checkpoint=chosen,
        discriminator=_log_odds(game, state),
    )
    values = evaluate(
        generated, metrics, material.references, material.extractors,
        num=settings.num, repeats=settings.repeats, seed=settings.seed, tick=tick,
    )  # fmt: skip
    values += score(sampler, weights, state, material.labelled, settings.seed, chosen)
    for name in material.labelled:
        tick(f"{SCORE}:{name}")
    about = {"by": by, "step": int(state.step), "seed": settings.seed, "repeats": settings.repeats}
    return files.make_records(values, about)


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
