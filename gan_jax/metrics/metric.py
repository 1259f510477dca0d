"""What a metric is: a function of what an evaluation can hand to it, and which way its values are better."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gan_jax.options import defaults_of, parameters_of

# What an evaluation can hand to a metric, by the name of its argument; other arguments are options, with defaults.
SUPPLIED: Mapping[str, str] = {
    "real_features": "features of the real examples, float32 [N, D]",
    "fake_features": "features of the generated examples, float32 [M, D]",
    "fake_logits": "class logits of the generated examples, float32 [M, K]",
    "fake_labels": "classes that the generated examples were asked for, int [M] in [0, K)",
    "fake_categories": 'categorical code of the generated examples, int [M]: what an output hands as "category"',
    "fake_codes": 'continuous code of the generated examples, float32 [M, D]: what an output hands as "code"',
    "real_labels": "classes of the real examples, int [N] in [0, K)",
    "given_labels": "classes of the real examples that the generated ones were made from, int [M] in [0, K)",
    "real_images": "real images, float32 in [-1, 1], [N, H, W, C]",
    "fake_images": "generated images, float32, [M, H, W, C]",
    "validation_images": "real images of another part of the data, float32 in [-1, 1], [V, H, W, C]",
    "fake": "generated examples, images or points, float32 [M, ...]",
    "density": "the known distribution, a ``data.synthetic.Distribution``",
    "discriminator": "points [N, D] -> logits [N] of the run's discriminator, where they are log-odds",
    "key": "typed key",
}
EXTRACTED = ("real_features", "fake_features", "fake_logits")
LOWER, HIGHER, NEITHER = "lower", "higher", ""
BY_GAME = "as the game says"  # of a score: it stands in the game, and in the options of its records


class Value(NamedTuple):
    """A measured number.

    Attributes:
      value: the number; infinite only where that is the metric's limit.
      spread: its standard deviation, or standard error where ``spread_over`` says so; None: it has none.
      spread_over: what varied, such as "subsets".
      stamp: what the protocol must say beside the metric's options, such as a number of scales that follows from the
        images' size.
    """

    value: float
    spread: float | None = None
    spread_over: str = ""
    stamp: Mapping[str, Any] = MappingProxyType({})


class Metric(NamedTuple):
    """A metric, or several that share their work.

    Attributes:
      function: of what it names in ``SUPPLIED`` and of options -> {name: Value}. Raises MetricError where these numbers
        have no value: too few rows, or one that is not finite.
      values: {name: which way is better}.
    """

    function: Callable[..., dict[str, Value]]
    values: Mapping[str, str]

    @property
    def reads(self) -> tuple[str, ...]:
        """What it needs, names in ``SUPPLIED``."""
        return tuple(name for name in parameters_of(self.function) if name not in self.options)

    @property
    def options(self) -> dict[str, Any]:
        """Its options with their values."""
        return defaults_of(self.function)
