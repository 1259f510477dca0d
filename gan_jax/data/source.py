"""What training knows of a data set: one frozen description, whatever the data are.

A source has one or several *features*, such as "image" and "label", and is of one of three kinds:

- *resident*: every example is in `arrays` (images as uint8), which the caller places on its devices; `fetch` indexes
  them inside the compiled step.
- *synthetic*: endless, `arrays` is empty; `fetch` draws each example from its position.
- *streamed*: too large for the device; `fetch` is None, `stream` yields uint8 batches on the host and `decode`
  turns one into the same batch that `fetch` would have made.

In all three the examples of a run form one endless sequence, and the example at a position of it is an exact function
of (key, position): not of the batch size, of the number of devices or processes, or of where the run started.
`joined.py` puts sources together to one of more features.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.synthetic import Distribution
from gan_jax.errors import DataConfigError, DataError
from gan_jax.paths import shown
from gan_jax.threefry import fast

Batch = dict[str, jax.Array]
HostBatch = dict[str, np.ndarray]
Choice = Callable[[int, int], np.ndarray]

PIXELS = (-1.0, 1.0)  # the range of images in a batch
SHARED_NUM = 2000  # evaluations, health and pictures take fewer or as many: drawn at one size, they compile once


def to_float(image: Any) -> Any:
    """Maps uint8 pixels [...] to float32 in [-1, 1]: x / 127.5 - 1."""
    # In this order the ends come out exactly, and the bits do not depend on how a compiler fuses the operations.
    return (2.0 * image.astype(jnp.float32) - 255.0) * np.float32(1 / 255)


def decode(batch: Mapping[str, Any]) -> dict[str, Any]:
    """A streamed batch as networks see it, inside the program or of NumPy arrays: uint8 becomes float32 in [-1, 1]."""
    return {name: to_float(value) if value.dtype == np.uint8 else value for name, value in batch.items()}


def evenly(num_examples: int, num: int) -> np.ndarray:
    """Indices of at most `num` examples with equal steps between them, since a set may be sorted by class."""
    return np.linspace(0, num_examples - 1, min(num, num_examples)).astype(np.int64)


def label_feature(label: np.ndarray, classes: int | None = None) -> "Feature":
    """The feature of int32 labels [N], with the share of each class among them."""
    counts = np.bincount(label[label >= 0], minlength=classes or 0)  # some sets have -1 where there is no label
    return Feature((), classes=len(counts), frequencies=tuple((counts / len(label)).tolist()))


def as_key(key: jax.Array | int) -> jax.Array:
    """The typed key for which an integer stands."""
    return jax.random.key(key) if isinstance(key, int | np.integer) else key


def by_feature(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What joined sources have, {part: {feature: ...}}, by their own names: "a" is a's image, "a_label" its label."""
    return {
        part if feature == "image" else f"{part}_{feature}": value
        for part, features in parts.items()
        for feature, value in features.items()
    }


def summary(source: "Source") -> str:
    """What a source holds, in one line: "folder:photos (9 images of 32x32x3 in 3 classes)".

    Sizes are height, width and channels; without labels it says "no classes", of endless points their dimension. Of
    joined sources each part has its name: "a=digits (...), b=mnist (...)".
    """
    if source.parts:
        return ", ".join(f"{name}={summary(part)}" for name, part in source.parts.items())
    num, features = source.num_examples, dict(source.features)
    if not {*features} <= {"image", "label"}:
        held = f"{num:,} examples of " + ", ".join(f"{name} {_in_words(one)}" for name, one in features.items())
    elif num is None:
        held = f"endless points of dimension {_in_words(features['image'])}"
    else:
        held = f"{num:,} {'image' if num == 1 else 'images'} of {_in_words(features['image'])}"
        held += f" in {_in_words(features['label'])}" if "label" in features else ", no classes"
    return f"{shown(source.name)} ({held})"


def _in_words(feature: "Feature") -> str:
    if feature.classes is not None:
        return f"{feature.classes:,} {'class' if feature.classes == 1 else 'classes'}"
    return "x".join(map(str, feature.shape))


class Feature(NamedTuple):
    """What a source says of one of its features.

    Attributes:
      shape: of one example: (H, W, C) of an image, (D,) of a point, () of a label.
      value_range: (-1.0, 1.0) for images; None for points and labels.
      classes: of int32 labels, how many there are: values from 0 to below it; else None.
      frequencies: the share of each class among the examples; None where it is not known.
    """

    shape: tuple[int, ...]
    value_range: tuple[float, float] | None = None
    classes: int | None = None
    frequencies: tuple[float, ...] | None = None

    @property
    def dtype(self) -> Any:
        """In a batch: int32 of labels, else float32."""
        return jnp.float32 if self.classes is None else jnp.int32


class Fetch(Protocol):
    """Batch at the given positions; pure, called inside the compiled step."""

    def __call__(self, arrays: Mapping[str, Any], key: jax.Array, position: jax.Array, /) -> Batch:
        """Every feature [B, *shape], float32, or int32 of labels.

        `arrays` are the source's, as placed on the device; `key` is typed, one for the whole run, of a partitionable
        implementation as threefry (the default); `position` is int32 or uint32 [B], places in the run's endless
        sequence, below 2**32.
        """


class Stream(Protocol):
    """Endless iterator over consecutive batches of a streamed source."""

    def __call__(self, key: "jax.Array | int", start: int, count: int, local: slice = ...) -> Iterator[HostBatch]:
        """Begins at any position, at once: nothing before it is read.

        The k-th batch (from 0) is made of the positions start + k * count + i, where i runs over range(count)[local],
        the part that this process reads. It has every feature: images as uint8, labels as int32, else float32. The key
        is that of `fetch` and gives the same order; an integer n stands for `jax.random.key(n)`. DataError names a file
        that cannot be read.
        """


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set as training sees it (the module describes the three kinds).

    Attributes:
      name: how the source is called in messages and records.
      features: what a batch holds, by name.
      num_examples: None if endless; of joined sources that of the largest.
      arrays: what belongs on the device: feature [N, ...], of joined sources by part; empty unless resident.
      fetch: see `Fetch`; None if streamed.
      stream: see `Stream`; None unless streamed.
      density: the distribution of a synthetic source, with its exact log density; else None.
      listing: of a streamed source, what tells its examples from others at little cost, such as names and sizes.
      parts: of joined sources, each by its name.
      part_key: of joined sources, (key of the run, name of a part) -> key of the part's order.
    """

    name: str
    features: Mapping[str, Feature]
    num_examples: int | None
    arrays: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fetch: Fetch | None = None
    stream: Stream | None = None
    density: Distribution | None = None
    listing: str = ""
    parts: "Mapping[str, Source]" = dataclasses.field(default_factory=dict)
    part_key: Callable[[Any, str], Any] = lambda key, part: key

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one "image": (H, W, C), or (D,) of points."""
        return self._image.shape

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Of "image": (-1.0, 1.0), or None of points."""
        return self._image.value_range

    @property
    def num_classes(self) -> int | None:
        """Of "label" beside "image"; None if there are no labels."""
        return self.features.get("label", self._image).classes

    @property
    def _image(self) -> Feature:
        if "image" not in self.features:
            raise DataConfigError(
                f"data.name={self.name!r} has the features {', '.join(self.features)}; allowed: data with an 'image', "
                "or a game that reads these"
            )
        return self.features["image"]

    def take(self, key: jax.Array | int, num: int) -> HostBatch:
        """Real examples, whatever the storage.

        Args:
          key: typed key, as of `fetch`, or an integer n for `jax.random.key(n)`. Of endless and streamed data the
            examples are the first of a run with this key; of resident data they are spread evenly, whatever the key.
          num: how many; all where there are no more, so that features of different parts may differ in length.

        Returns:
          Every feature [num, *shape] as networks see it: float32, images in [-1, 1]; int32 labels.

        Raises:
          DataError: there are no examples, as in the data of a stored run; or one cannot be read.
        """
        return {name: np.asarray(value) for name, value in decode(self.stored(key, num)).items()}

    def stored(self, key: jax.Array | int, num: int, choose: Choice = evenly) -> HostBatch:
        """As `take`, but images as uint8; `choose` gives the indices of ``num`` resident examples out of N."""
        key = as_key(key)
        if self.parts:
            taken = {name: part.stored(self.part_key(key, name), num, choose) for name, part in self.parts.items()}
            return by_feature(taken)
        if self.arrays:
            chosen = slice(None) if num >= (self.num_examples or 0) else choose(self.num_examples or 0, num)
            return {name: array[chosen] for name, array in self.arrays.items()}
        if self.stream is not None:
            return next(self.stream(key, 0, min(num, self.num_examples or num)))
        if self.fetch is None:
            raise DataError(f"data.name={self.name!r} holds no examples to take")
        # Away from the devices that a run's key lies on, for which every operation would be compiled again.
        own = jax.random.wrap_key_data(jnp.asarray(np.asarray(jax.random.key_data(key))), impl=jax.random.key_impl(key))
        position = jnp.arange(max(num, SHARED_NUM), dtype=jnp.int32)
        return {name: np.asarray(value)[:num] for name, value in self.fetch({}, fast(own), position).items()}

    @functools.cached_property
    def sha256(self) -> str:
        """Of the resident examples or of the listing; "" of an endless source, which its options describe."""
        if self.parts:
            inside = "\n".join(f"{name} {part.sha256}" for name, part in self.parts.items())
            return hashlib.sha256(inside.encode()).hexdigest()
        if self.num_examples is None:
            return ""
        # Of one image, as ever; what else there is shows in the arrays or the listing.
        shape = self.shape if "image" in self.features else ""
        total = hashlib.sha256(f"{shape} {self.num_examples}\n{self.listing}".encode(errors="surrogateescape"))
        for name, array in sorted(self.arrays.items()):
            total.update(f"{name} {array.dtype.str}{array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()
