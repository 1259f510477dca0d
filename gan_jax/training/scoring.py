"""A game's scores at a state of a run; ``evaluation.scores`` says what a score is."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.build import data_options
from gan_jax.errors import ConfigError
from gan_jax.evaluation import scores
from gan_jax.evaluation.protocol import Protocol
from gan_jax.evaluation.scores import Labelled, Scored
from gan_jax.game import Game
from gan_jax.metrics.metric import Value
from gan_jax.metrics.table import SCORE, parse
from gan_jax.registry import nearest
from gan_jax.training.sampling import Sampler, passed_through
from gan_jax.training.step import State
from gan_jax.training.weights import Weights


def is_score(metric: str) -> bool:
    """Whether a metric is one of a game's scores."""
    return parse(metric).output == SCORE


def labelled_of(
    config: ConfigDict, game: Game, metrics: Sequence[str], split: str, num: int
) -> dict[str, scores.Labelled]:
    """{score: what it reads, of all of a split} for the scores among the metrics.

    Raises:
      ConfigError: the game has no such score, or the data not what it reads.
      DataError: data that are missing or broken.
    """
    found = {}
    for name in (parse(metric).metric for metric in metrics if is_score(metric)):
        if name not in game.scores:
            raise ConfigError(
                f"the game has no score {name!r}{nearest(name, game.scores)}; "
                f"allowed: {', '.join(game.scores) or 'none, since it states no scores'}"
            )
        found[name] = scores.load(
            config.data.name, name, game.scores[name].reads, split, num,
            data_dir=config.data.dir or None, options=data_options(config),
        )  # fmt: skip
    return found


def score(
    sampler: Sampler, weights: Weights, state: State, labelled: Mapping[str, Labelled], seed: int, chosen: str
) -> list[tuple[Value, Protocol]]:
    """The scores of a state; ``chosen`` is how its checkpoint was, as ``Protocol`` says."""
    key = jax.random.key(seed)

    def of(name: str, batch: scores.Batch, call: int) -> np.ndarray:
        return np.asarray(
            sampler.score(weights.params, weights.stats, jax.random.fold_in(key, call), name, dict(batch))
        )

    made = []
    for name, examples in labelled.items():
        own = sampler.game.scores[name]
        normalized = any("batch_stats" in state.stats[n] for n in passed_through(sampler, state, own.of, own.reads))
        how = Scored(of, weights.parameters, weights.statistics if normalized else "none", chosen)
        made.append(scores.measure(name, own, examples, how))
    return made
