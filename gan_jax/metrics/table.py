"""The metrics, and their names: METRIC, METRIC_EXTRACTOR for one of features, and OUTPUT: before either.

score:NAME is no metric of these but a number that the game states itself, ``Game.scores``.
"""

import functools
import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from gan_jax.errors import ConfigError, nearest
from gan_jax.extractors import EXTRACTORS
from gan_jax.metrics.metric import BY_GAME, Metric

# The modules are loaded when they are asked for: training without evaluation does not wait for them.
OF_FEATURES = {
    "frechet": "gan_jax.metrics.frechet:METRIC",
    "kid": "gan_jax.metrics.kernel_distance:METRIC",
    "inception_score": "gan_jax.metrics.inception_score:METRIC",
    "prdc": "gan_jax.metrics.prdc:METRIC",
    "precision_recall": "gan_jax.metrics.precision_recall:METRIC",
    "prd": "gan_jax.metrics.prd:METRIC",
    "nearest_neighbour": "gan_jax.metrics.nearest_neighbour:METRIC",
    "sliced_wasserstein": "gan_jax.metrics.sliced_wasserstein:METRIC",
    "accuracy": "gan_jax.metrics.accuracy:METRIC",
    "intra_frechet": "gan_jax.metrics.intra_frechet:METRIC",
    "class_coverage": "gan_jax.metrics.class_coverage:METRIC",
    "clustering": "gan_jax.metrics.clustering:METRIC",
}
OF_EXAMPLES = {
    "ms_ssim": "gan_jax.metrics.ms_ssim:METRIC",
    "class_ms_ssim": "gan_jax.metrics.class_ms_ssim:METRIC",
    "recognition": "gan_jax.metrics.clustering:RECOGNITION",
    "code_correlation": "gan_jax.metrics.code_correlation:METRIC",
    "parzen": "gan_jax.metrics.parzen:METRIC",
    "modes": "gan_jax.metrics.modes:METRIC",
    "grid_divergence": "gan_jax.metrics.grid_divergence:METRIC",
    "discriminator_distance": "gan_jax.metrics.optimal_discriminator:METRIC",
}
OWN = "own"
SCORE = "score"
EXTRACTOR_NAMES = (*EXTRACTORS, OWN)
METRIC_NAMES = (
    f"{', '.join(f'{metric}_E' for metric in OF_FEATURES)} with E one of {', '.join(EXTRACTOR_NAMES)}; "
    f"{', '.join(OF_EXAMPLES)}; {SCORE}:NAME of a game that has scores"
)


class Name(NamedTuple):
    """A metric's name, taken apart.

    Attributes:
      output: of the game; "" for its only one; "score" where the metric is one of the game's scores.
      metric: key of ``OF_FEATURES`` or ``OF_EXAMPLES``, or name of a score.
      extractor: key of ``EXTRACTORS``, or "own"; "" where none is needed.
    """

    output: str
    metric: str
    extractor: str

    @property
    def full(self) -> str:
        """The name as a user writes it."""
        return self.of_value(self.metric)

    def of_value(self, value: str) -> str:
        """The full name of one of the metric's values."""
        return (f"{self.output}:" if self.output else "") + (f"{value}_{self.extractor}" if self.extractor else value)


def load(metric: str) -> Metric:
    """The metric of one of the tables."""
    module, _, attribute = {**OF_FEATURES, **OF_EXAMPLES}[metric].partition(":")
    made: Metric = getattr(importlib.import_module(module), attribute)
    return made


def parse(name: str) -> Name:
    """Take a metric's name apart: "parzen", "frechet_lenet" for one of features, "a_to_b:frechet_lenet" of an output.

    Raises:
      ConfigError: there is no such metric or extractor, or one is missing; names what is allowed.
    """
    output, colon, rest = name.rpartition(":")
    if colon and not output.isidentifier():
        raise ConfigError(
            f"metric {name!r} names no output; allowed: OUTPUT:METRIC, or METRIC of a game with one output"
        )
    if rest in OF_EXAMPLES or (output == SCORE and rest.isidentifier()):
        return Name(output, rest, "")
    for metric in OF_FEATURES:
        if rest == metric or rest.startswith(f"{metric}_"):
            extractor = rest.removeprefix(metric).removeprefix("_")
            if extractor in EXTRACTOR_NAMES:
                return Name(output, metric, extractor)
            allowed = ", ".join(f"{metric}_{e}" for e in EXTRACTOR_NAMES)
            raise ConfigError(f"metric {name!r} names no extractor; allowed: {allowed}")
    raise ConfigError(f"there is no metric {rest!r}{nearest(rest, all_names())}; allowed: {METRIC_NAMES}")


def is_score(name: str) -> bool:
    """Whether a metric is one of a game's scores."""
    return parse(name).output == SCORE


def is_metrics(names: tuple[Any, ...]) -> bool:
    """Whether all are names of metrics, of whichever output."""
    return all(isinstance(name, str) and _is_metric(name) for name in names)


def _is_metric(name: str) -> bool:
    try:
        return bool(parse(name))
    except ConfigError:
        return False


def all_names() -> list[str]:
    """All metrics with all extractors."""
    return [f"{metric}_{extractor}" for metric in OF_FEATURES for extractor in EXTRACTOR_NAMES] + [*OF_EXAMPLES]


def values_of(name: str) -> dict[str, str]:
    """{full name of a value: "lower", "higher" or ""} of a metric; of a score ``BY_GAME``."""
    parsed = parse(name)
    if parsed.output == SCORE:
        return {name: BY_GAME}
    return {parsed.of_value(value): better for value, better in load(parsed.metric).values.items()}


@functools.cache
def directions() -> Mapping[str, str]:
    """{full name of a value without an output: "lower", "higher" or ""} of all metrics; loads their modules."""
    return {value: better for name in all_names() for value, better in values_of(name).items()}


def better_of(value: str) -> str | None:
    """Which way a value is better, of whichever output: "lower", "higher", "" for neither; None: no metric has it.

    Of a score its record has to be asked, ``stated_in``: here it is ``BY_GAME``.
    """
    output, _, rest = value.rpartition(":")
    if output == SCORE:
        return BY_GAME
    return directions().get(rest)


def stated_in(record: Mapping[str, Any]) -> str:
    """Which way a recorded value is better, by its name or, of a score, by its options."""
    better = better_of(record["metric"])
    return str(record["options"]["better"]) if better == BY_GAME else better or ""
