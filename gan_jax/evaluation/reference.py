"""The real examples that generated ones are compared with."""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from gan_jax import data
from gan_jax.data import Source, decode
from gan_jax.data.synthetic import Distribution
from gan_jax.errors import ConfigError

ORDER = 0  # seed of the order from which a part of a larger split is taken


@dataclasses.dataclass(frozen=True)
class Reference:
    """Real examples.

    Attributes:
      dataset: name of the data set.
      split: of it; "drawn" for a known distribution.
      examples: uint8 [n, H, W, C], or float32 [n, D] points.
      validation: more of the same from another part of the data, for metrics that fit a number; None: there is none.
      validation_split: where they come from.
      num_classes: of labelled data, else None.
      density: of a known distribution, else None.
      given: what conditions generated examples, {feature: [m, ...]} of the same split as networks see it.
      labels: classes of the examples, int32 [n]; None where there are none.
    """

    dataset: str
    split: str
    examples: np.ndarray
    validation: np.ndarray | None
    validation_split: str
    num_classes: int | None
    density: Distribution | None
    given: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    labels: np.ndarray | None = None

    @functools.cached_property
    def sha256(self) -> str:
        """Of the examples, sixteen hexadecimal digits."""
        head = f"{self.examples.dtype.str}{self.examples.shape}".encode()
        return hashlib.sha256(head + np.ascontiguousarray(self.examples).tobytes()).hexdigest()[:16]


def load(
    name: str, split: str, num: int, *, data_dir: str | None, options: Mapping[str, Any], validation: str = "",
    like: str = "image", reads: Sequence[str] = (),
) -> Reference:  # fmt: skip
    """The first ``num`` examples of a split, all of it if it has no more.

    A part of a split is taken in one fixed shuffled order, so that every run and every machine takes the same.

    Args:
      name: of a data source.
      split: of it; a known distribution has none.
      num: examples wanted.
      data_dir: as for ``data.load``.
      options: of the source.
      validation: split of the validation examples, "" for none.
      like: the feature that is compared.
      reads: features that condition what is generated.

    Returns:
      Reference.

    Raises:
      ConfigError: there is no such split.
      DataError: data that are missing or broken.
    """
    source, key = source_of(name, split, data_dir, options, "real"), jax.random.key(ORDER)
    if source.density is not None:
        drawn, more = (source.take(jax.random.fold_in(key, i), n)[like] for i, n in enumerate((num, 1000)))
        return Reference(source.name, "drawn", drawn, more, "drawn", None, source.density)
    held_out = None
    if validation:
        other = source_of(name, validation, data_dir, options, "validation")
        held_out = other.stored(key, other.num_examples or 1000, _shuffled)[like]
    found = source.stored(key, num, _shuffled)
    found = found if source.parts else data.all_labelled(found)
    part = source.parts.get(like, source)
    given = {name: np.asarray(value) for name, value in decode({name: found[name] for name in reads}).items()}
    labels = found.get(f"{like}_label" if source.parts else "label")
    return Reference(part.name, split, found[like], held_out, validation, part.num_classes, None, given, labels)


def source_of(name: str, split: str, data_dir: str | None, options: Mapping[str, Any], what: str) -> Source:
    """A split of a data set; ``what`` its examples are for, in messages."""
    try:
        return data.load(name, data_dir=data_dir, split=split, **options)
    except ConfigError as error:
        raise ConfigError(f"split {split!r} of the {what} examples: {error}") from error


def _shuffled(num_examples: int, num: int) -> np.ndarray:
    """Indices of a part of a resident split, the same in every run and on every machine."""
    return np.sort(np.random.default_rng(ORDER).permutation(num_examples)[:num])
