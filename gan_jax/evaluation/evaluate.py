"""Metrics of generated examples against real ones, each with the protocol it was measured by."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.errors import ConfigError, DataError, MetricError
from gan_jax.evaluation.features import Features, as_float, eight_bit, extract, of_reference
from gan_jax.evaluation.protocol import Protocol
from gan_jax.evaluation.reference import Reference
from gan_jax.extractors.extractor import Extractor
from gan_jax.game import image_of
from gan_jax.metrics.metric import EXTRACTED, Value
from gan_jax.metrics.table import Name, load, parse

Tick = Callable[[str], None]


class Generated(NamedTuple):
    """What is evaluated.

    Attributes:
      draw: (output, num, seed, {feature: [num, ...]} that conditions it) -> examples float32 [num, ...], or a mapping
        of them and their codes, as of ``Output.draw``.
      parameters: "ema" or "current".
      batch_norm: "none", "running" or "batch of N".
      checkpoint: how it was chosen, as in ``Protocol``.
      discriminator: points [N, D] -> logits [N], where these are log-odds; else None.
    """

    draw: Callable[[str, int, int, Mapping[str, np.ndarray]], Any]
    parameters: str
    batch_norm: str
    checkpoint: str
    discriminator: Callable[[np.ndarray], np.ndarray] | None = None


def evaluate(
    generated: Generated,
    names: Sequence[str],
    references: Mapping[str, Reference],
    extractors: Mapping[str, Mapping[str, Extractor]],
    *,
    num: int,
    repeats: int = 1,
    seed: int = 0,
    tick: Tick = lambda what: None,
) -> list[tuple[Value, Protocol]]:
    """Values with their protocols, in the order of the metrics' names; references and extractors by output.

    ``seed`` is that of the ``num`` generated examples and of the metrics' own random choices. With several repeats, by
    ``seed``, ``seed + 1``, ..., a value is their mean, and its spread their standard deviation. ``tick`` is told what
    was done, after each piece of work.

    Raises:
      ConfigError: a metric has no meaning for these data or this generator.
      MetricError: it has none for these numbers.
    """
    measured: dict[tuple[str, str], list[Value]] = {}
    for repeat in range(repeats):
        sets = {
            output: _Sets(generated, output, reference, extractors[output], num, seed + repeat, tick)
            for output, reference in references.items()
        }
        for name in names:
            for value_name, value in _measure(parse(name), sets[parse(name).output]).items():
                measured.setdefault((name, value_name), []).append(value)
            tick(name)
    return [
        (
            _over_repeats(values),
            protocol(parse(name), value_name, values[0].stamp, generated, sets[parse(name).output]),
        )
        for (name, value_name), values in measured.items()
    ]


def refuse(names: Sequence[str], references: Mapping[str, Reference]) -> None:
    """Raise ConfigError where a metric needs what these data do not have."""
    for name in names:
        output, metric, _ = parse(name)
        taken, reference = load(metric).reads, references[output]
        points = reference.examples.ndim == 2
        if "density" in taken and reference.density is None:
            raise ConfigError(f"{name} needs a known distribution; {reference.dataset} is none")
        if points and any(argument.endswith("_images") for argument in taken):
            raise ConfigError(f"{name} is for images; {reference.dataset} has points")
        if "validation_images" in taken and reference.validation is None:
            raise ConfigError(
                f"{name} fits a number on validation examples; set evaluation.validation, or --validation, to a split"
            )
        if {"fake_labels", "real_labels", "given_labels"} & {*taken} and reference.labels is None:
            raise ConfigError(f"{name} needs labels; {reference.dataset} has none")


def protocol(name: Name, value_name: str, stamp: Mapping[str, Any], generated: Generated, sets: "_Sets") -> Protocol:
    """How a value is measured."""
    reference = sets.reference
    extractor = sets.extractors[name.extractor] if name.extractor else None
    metric = load(name.metric)
    held_out = {"validation": reference.validation_split} if "validation_images" in metric.reads else {}
    rounded = reference.examples.dtype == np.uint8 and extractor is not None
    return Protocol(
        metric=value_name,
        options={**metric.options, **stamp, **held_out},
        n_real=len(reference.examples),
        n_fake=sets.num,
        dataset=reference.dataset,
        split=reference.split,
        reference_sha256=reference.sha256,
        resize=extractor.resize if extractor else "none",
        pixels="8 bit" if rounded else "float",
        extractor=extractor.name if extractor else "none",
        extractor_sha256=extractor.sha256 if extractor else "",
        parameters=generated.parameters,
        batch_norm=generated.batch_norm,
        checkpoint=generated.checkpoint,
    )


def _measure(name: Name, sets: "_Sets") -> dict[str, Value]:
    metric = load(name.metric)
    given = {argument: sets.supply(argument, name) for argument in metric.reads}
    try:
        values = metric.function(**given)
    except (MetricError, DataError) as error:
        raise type(error)(f"{name.full}: {error}; {sets.origin()}") from error
    return {name.of_value(value_name): value for value_name, value in values.items()}


def _over_repeats(values: Sequence[Value]) -> Value:
    if len(values) == 1:
        return values[0]
    numbers = np.asarray([value.value for value in values], np.float64)
    spread = float(numbers.std(ddof=1)) if np.isfinite(numbers).all() else None
    return Value(float(numbers.mean()), spread, f"{len(values)} generated sets")


class _Sets:
    """One generated set beside the real one; everything is made when it is first asked for, and once."""

    def __init__(
        self, generated: Generated, output: str, reference: Reference, extractors: Mapping[str, Extractor], num: int,
        seed: int, tick: Tick,
    ) -> None:  # fmt: skip
        self.generated, self.output, self.reference, self.extractors = generated, output, reference, extractors
        self.seed, self.tick = seed, tick
        # A label serves again, an image is translated once.
        self.num = min([num, *(len(value) for value in reference.given.values() if value.ndim > 1)])
        self._features: dict[tuple[str, str], Features] = {}

    @cached_property
    def drawn(self) -> Any:
        given = {name: np.resize(value, (self.num, *value.shape[1:])) for name, value in self.reference.given.items()}
        made = self.generated.draw(self.output, self.num, self.seed, given)
        self.tick("samples")
        return made

    @property
    def fake(self) -> np.ndarray:
        return np.asarray(image_of(self.drawn))

    def code(self, which: str, name: Name) -> np.ndarray:
        if not (isinstance(self.drawn, Mapping) and which in self.drawn):
            raise ConfigError(
                f"{name.full} needs an output that hands {which!r} beside its examples; this game's does not"
            )
        return np.asarray(self.drawn[which])

    def given_labels(self, name: Name) -> np.ndarray:
        if all(value.ndim == 1 for value in self.reference.given.values()):
            raise ConfigError(f"{name.full} needs an output that is made from real examples; this one reads none")
        return np.resize(self.reference.labels, self.num)  # type: ignore[arg-type]  # refused where there are none

    @cached_property
    def labels(self) -> np.ndarray:
        assert self.reference.num_classes is not None
        return np.arange(self.num, dtype=np.int32) % self.reference.num_classes

    @cached_property
    def labelled(self) -> np.ndarray:
        return np.asarray(image_of(self.generated.draw(self.output, self.num, self.seed, {"label": self.labels})))

    def origin(self) -> str:
        """How many examples there are and which field says so, for messages."""
        of = self.reference
        return (
            f"real are {len(of.examples):,} of data.name={of.dataset!r}, split {of.split!r}, "
            f"fake are {self.num:,} (evaluation.num, or --num)"
        )

    def supply(self, argument: str, name: Name) -> Any:
        if argument == "key":
            return jax.random.key(self.seed)
        if argument == "fake_labels":
            return self.labels
        if argument in EXTRACTED:
            labelled = "fake_labels" in load(name.metric).reads
            which = "real" if argument == "real_features" else "labelled" if labelled else "fake"
            features, logits = self.features(name.extractor, which)
            if argument == "fake_logits" and logits is None:
                raise ConfigError(f"{name.full}: the extractor {self.extractors[name.extractor].name} has no classes")
            return logits if argument == "fake_logits" else features
        return {
            "real_images": lambda: as_float(self.reference.examples),
            "real_labels": lambda: self.reference.labels,
            "given_labels": lambda: self.given_labels(name),
            "fake_images": lambda: self.labelled if "fake_labels" in load(name.metric).reads else self.fake,
            "fake": lambda: self.fake,
            "fake_categories": lambda: self.code("category", name),
            "fake_codes": lambda: self.code("code", name),
            "validation_images": lambda: as_float(self.reference.validation),  # type: ignore[arg-type]
            "density": lambda: self.reference.density,
            "discriminator": lambda: self._discriminator(name),
        }[argument]()

    def _discriminator(self, name: Name) -> Callable[[np.ndarray], np.ndarray]:
        if self.generated.discriminator is None:
            raise ConfigError(
                f"{name.full} needs a discriminator of single examples whose logits are log-odds; "
                "allowed: game gan without packing, loss minimax, non_saturating or maximum_likelihood"
            )
        return self.generated.discriminator

    def features(self, extractor: str, which: str) -> Features:
        if (extractor, which) not in self._features:
            made = self.extractors[extractor]
            if which == "real":
                self._features[extractor, which] = of_reference(made, self.reference)
            else:
                examples = self.labelled if which == "labelled" else self.fake
                if self.reference.examples.dtype == np.uint8:
                    examples = eight_bit(examples)
                self._features[extractor, which] = extract(made, examples)
            self.tick(f"features of {which} examples")
        return self._features[extractor, which]
