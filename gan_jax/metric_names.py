"""The names of metrics: NAME, or NAME_EXTRACTOR for a metric of features."""

from typing import Any, NamedTuple

from gan_jax.errors import ConfigError
from gan_jax.extractors import EXTRACTORS
from gan_jax.measures import MEASURES, needs_extractor
from gan_jax.registry import nearest


class Name(NamedTuple):
    """A metric's name, taken apart.

    Attributes:
      measure: key of ``MEASURES``.
      extractor: key of ``EXTRACTORS``, or "own"; None where none is needed.
    """

    measure: str
    extractor: str | None

    @property
    def full(self) -> str:
        """The name as a user writes it."""
        return self.of_value(self.measure)

    def of_value(self, value: str) -> str:
        """The full name of one of the measure's values."""
        return value if self.extractor is None else f"{value}_{self.extractor}"


OWN = "own"


def parse(name: str) -> Name:
    """Take a metric's name apart.

    Args:
      name: "parzen", or "frechet_lenet" for a metric of features.

    Raises:
      ConfigError: there is no such metric or extractor, or one is missing; names what is allowed.
    """
    extractors = (*EXTRACTORS, OWN)
    if name in MEASURES and not needs_extractor(name):
        return Name(name, None)
    for measure in MEASURES:
        if needs_extractor(measure) and (name == measure or name.startswith(f"{measure}_")):
            extractor = name.removeprefix(measure).removeprefix("_")
            if extractor in extractors:
                return Name(measure, extractor)
            allowed = ", ".join(f"{measure}_{e}" for e in extractors)
            raise ConfigError(f"metric {name!r} names no extractor; allowed: {allowed}")
    raise ConfigError(f"there is no metric {name!r}{nearest(name, all_names())}; allowed: {METRIC_NAMES}")


def all_names() -> list[str]:
    """All metrics with all extractors."""
    return [
        f"{measure}_{extractor}" if needs_extractor(measure) else measure
        for measure in MEASURES
        for extractor in ((*EXTRACTORS, OWN) if needs_extractor(measure) else ("",))
    ]


def values_of(name: str) -> dict[str, str]:
    """{full name of a value: "lower", "higher" or ""} of a metric."""
    parsed = parse(name)
    return {parsed.of_value(value): better for value, better in MEASURES[parsed.measure].values.items()}


def is_metrics(names: tuple[Any, ...]) -> bool:
    """Whether all are names of metrics."""
    return all(isinstance(name, str) and name in all_names() for name in names)


METRIC_NAMES = (
    f"{', '.join(f'{m}_E' for m in MEASURES if needs_extractor(m))} with E one of {', '.join((*EXTRACTORS, OWN))}; "
    f"{', '.join(m for m in MEASURES if not needs_extractor(m))}"
)
