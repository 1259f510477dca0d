"""What a game scores on the labelled examples of a split: every one of them counts once."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax.build import data_options
from gan_jax.data import all_labelled, decode
from gan_jax.errors import ConfigError, MetricError, nearest
from gan_jax.evaluation.protocol import Protocol
from gan_jax.evaluation.reference import ORDER, source_of
from gan_jax.game import Game, Score
from gan_jax.metrics.metric import Value
from gan_jax.metrics.table import is_score, parse

CHUNK = 500  # examples per call; part of a score only where its networks look at several examples at once
Batch = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Labelled:
    """The features that a score reads, of all examples of a split.

    Attributes:
      dataset: name of the data set.
      split: of it; "drawn" for a known distribution.
      features: {name: [N, ...]}, as they are stored: images uint8.
      sha256: of all of them, sixteen hexadecimal digits.
    """

    dataset: str
    split: str
    features: Batch
    sha256: str


class Scored(NamedTuple):
    """What is scored, and how it is to be called in protocols.

    Attributes:
      of: (name of a score, batch as networks see it, number of the call) -> a number for each example.
      parameters: as of ``Protocol``.
      batch_norm: as of ``Protocol``.
      checkpoint: as of ``Protocol``.
    """

    of: Callable[[str, Batch, int], np.ndarray]
    parameters: str
    batch_norm: str
    checkpoint: str


def find_score(game: Game, name: str) -> Score:
    """A score of a game; refused where it has none of that name."""
    if name not in game.scores:
        raise ConfigError(
            f"the game has no score {name!r}{nearest(name, game.scores)}; "
            f"allowed: {', '.join(game.scores) or 'none, since it states no scores'}"
        )
    return game.scores[name]


def labelled_of(config: ConfigDict, game: Game, metrics: Sequence[str], split: str, num: int) -> dict[str, Labelled]:
    """{score: what it reads, of all of a split} for the scores among the metrics.

    Raises:
      ConfigError: the game has no such score, or the data not what it reads.
      DataError: data that are missing or broken.
    """
    found = {}
    for name in (parse(metric).metric for metric in metrics if is_score(metric)):
        found[name] = load(
            config.data.name, name, find_score(game, name).reads, split, num,
            data_dir=config.data.dir or None, options=data_options(config),
        )  # fmt: skip
    return found


def load(
    name: str, score: str, reads: Sequence[str], split: str, num: int, *, data_dir: str | None,
    options: Mapping[str, Any],
) -> Labelled:  # fmt: skip
    """What a score reads, of every example of a split; ``num`` examples of a known distribution, which has no end.

    Raises:
      ConfigError: there is no such split or feature, or there are not as many examples of each feature.
      DataError: data that are missing or broken.
    """
    source = source_of(name, split, data_dir, options, "real")
    every = max(part.num_examples or num for part in (source.parts or {"": source}).values())
    found = source.stored(jax.random.key(ORDER), every)
    known = found if source.parts else all_labelled(found)  # under the names that few labelled ones have in training
    if missing := [feature for feature in reads if feature not in known]:
        raise ConfigError(
            f"score {score!r} reads the feature {missing[0]!r}; "
            f"data.name={name!r}, split {split!r}, has {', '.join(source.features)}"
        )
    features = {feature: np.asarray(known[feature]) for feature in reads}
    if len({len(value) for value in features.values()}) != 1:
        lengths = ", ".join(f"{len(value):,} of {feature!r}" for feature, value in features.items())
        raise ConfigError(f"score {score!r} reads {lengths or 'nothing'}; allowed: as many examples of each feature")
    total = hashlib.sha256()
    for feature, value in features.items():
        total.update(f"{feature} {value.dtype.str}{value.shape}".encode())
        total.update(np.ascontiguousarray(value).data)
    split = split if source.density is None else "drawn"
    return Labelled(source.name, split, features, total.hexdigest()[:16])


def measure(name: str, score: Score, labelled: Labelled, scored: Scored) -> tuple[Value, Protocol]:
    """The mean of a score over all examples, with its standard error, and how it was measured.

    Raises:
      MetricError: it is not a finite number for some example.
    """
    numbers = _numbers(name, labelled, scored)
    if not np.isfinite(numbers).all():
        bad = int(np.argmin(np.isfinite(numbers)))
        raise MetricError(
            f"score:{name}: it must be a finite number for each example, got {numbers[bad]} for example {bad:,} of "
            f"data.name={labelled.dataset!r}, split {labelled.split!r}"
        )
    error = float(numbers.std() / np.sqrt(len(numbers)))
    protocol = Protocol(
        metric=f"score:{name}", options={"better": score.better, "reads": list(score.reads)}, n_real=len(numbers),
        n_fake=0, dataset=labelled.dataset, split=labelled.split, reference_sha256=labelled.sha256, resize="none",
        pixels="float", extractor="none", extractor_sha256="", parameters=scored.parameters,
        batch_norm=scored.batch_norm, checkpoint=scored.checkpoint,
    )  # fmt: skip
    return Value(float(numbers.mean()), error, "examples (standard error)"), protocol


def _numbers(name: str, labelled: Labelled, scored: Scored) -> np.ndarray:
    """The score of every example, float64 [N]: one program serves all calls, and what fills up the last is dropped."""
    num = len(next(iter(labelled.features.values())))
    size, parts = min(num, CHUNK), []
    for call, start in enumerate(range(0, num, size)):
        index = np.minimum(np.arange(start, start + size), num - 1)
        batch = decode({feature: value[index] for feature, value in labelled.features.items()})
        made = np.asarray(scored.of(name, {n: np.asarray(value) for n, value in batch.items()}, call), np.float64)
        if made.shape != (size,):
            raise ConfigError(f"score {name!r} has the shape {made.shape} for {size} examples; allowed: {(size,)}")
        parts.append(made[: num - start])
    return np.concatenate(parts)
