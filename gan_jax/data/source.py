"""What training knows of a data set: one frozen description, whatever the data are.

A source is of one of three kinds:

- *resident*: every example is in `arrays` (uint8), which the caller places on its devices; `fetch` indexes them inside
  the compiled step.
- *synthetic*: endless, `arrays` is empty; `fetch` draws each example from its position.
- *streamed*: too large for the device; `fetch` is None, `stream` yields uint8 batches on the host and `decode`
  turns one into the same batch that `fetch` would have made.

In all three the examples of a run form one endless sequence, and the example at a position of it is an exact function
of (key, position): not of the batch size, of the number of devices or processes, or of where the run started.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.names import shown
from gan_jax.data.shuffle import epoch_order
from gan_jax.data.synthetic import Distribution
from gan_jax.threefry import fast

Batch = dict[str, jax.Array]
HostBatch = dict[str, np.ndarray]

SHARED_NUM = 2000  # evaluations, health and pictures take fewer or as many: drawn at one size, they compile once


def to_float(image: Any) -> Any:
    """Maps uint8 pixels [...] to float32 in [-1, 1]: x / 127.5 - 1."""
    # In this order the ends come out exactly, and the bits do not depend on how a compiler fuses the operations.
    return (2.0 * image.astype(jnp.float32) - 255.0) * np.float32(1 / 255)


def decode(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a streamed batch inside the program, or a NumPy one outside of it.

    Args:
      batch: "image" uint8 [B, H, W, C], and "label" int32 [B] if labelled.

    Returns:
      The same with "image" float32 [B, H, W, C] in [-1, 1].
    """
    return {name: to_float(value) if name == "image" else value for name, value in batch.items()}


def resident(name: str, arrays: Mapping[str, np.ndarray], num_classes: int | None) -> "Source":
    """A source whose examples are all in memory.

    Args:
      name: how the source is called in messages and records.
      arrays: "image" uint8 [N, H, W, C], and "label" int32 [N] with values in [0, num_classes) if labelled.
      num_classes: None if there are no labels.

    Returns:
      Source whose `fetch` visits every example once in each epoch of N positions, each epoch in its own order.
    """
    num_examples = len(arrays["image"])

    def fetch(arrays: Mapping[str, jax.Array], key: jax.Array, position: jax.Array) -> Batch:
        index = epoch_order(key, position, num_examples)
        return decode({name: jnp.asarray(value)[index] for name, value in arrays.items()})

    return Source(
        name=name,
        shape=tuple(arrays["image"].shape[1:]),
        value_range=(-1.0, 1.0),
        num_examples=num_examples,
        num_classes=num_classes,
        arrays=arrays,
        fetch=fetch,
    )


def endless(name: str, distribution: Distribution) -> "Source":
    """A source that draws a new point of a distribution at each position.

    Args:
      name: how the source is called in messages and records.
      distribution: of points [D].

    Returns:
      Source whose point at a position depends on (key, position) alone, never on the rest of the batch.
    """

    def fetch(arrays: Mapping[str, jax.Array], key: jax.Array, position: jax.Array) -> Batch:
        del arrays

        def one(position: jax.Array) -> jax.Array:
            return distribution.sample(jax.random.fold_in(key, position), 1)[0]

        return {"image": jax.vmap(one)(jnp.asarray(position).astype(jnp.uint32))}

    return Source(
        name=name,
        shape=(len(distribution.support),),
        value_range=None,
        num_examples=None,
        num_classes=None,
        arrays={},
        fetch=fetch,
        density=distribution,
    )


def first_examples(source: "Source", key: jax.Array, num: int) -> np.ndarray:
    """The first examples of a sampled source.

    Args:
      source: with `fetch` and without `arrays`.
      key: typed key, as of `fetch`.
      num: how many.

    Returns:
      float32 [num, *shape].
    """
    assert source.fetch is not None
    # Away from the devices that a run's key lies on, for which every operation would be compiled again.
    own = jax.random.wrap_key_data(jnp.asarray(np.asarray(jax.random.key_data(key))), impl=jax.random.key_impl(key))
    position = jnp.arange(max(num, SHARED_NUM), dtype=jnp.int32)
    return np.asarray(source.fetch({}, fast(own), position)["image"])[:num]


def summary(source: "Source") -> str:
    """What a source holds, in one line: "folder:photos (9 images of 32x32x3 in 3 classes)".

    Sizes are height, width and channels; without labels it says "no classes", of endless points their dimension.
    """
    size = "x".join(map(str, source.shape))
    if source.num_examples is None:
        held = f"endless points of dimension {size}"
    else:
        held = f"{source.num_examples:,} {'image' if source.num_examples == 1 else 'images'} of {size}"
        if source.num_classes is None:
            held += ", no classes"
        else:
            held += f" in {source.num_classes:,} {'class' if source.num_classes == 1 else 'classes'}"
    return f"{shown(source.name)} ({held})"


class Fetch(Protocol):
    """Batch at the given positions; pure, called inside the compiled step."""

    def __call__(self, arrays: Mapping[str, jax.Array], key: jax.Array, position: jax.Array, /) -> Batch:
        """Reads examples.

        Args:
          arrays: the source's `arrays`, as placed on the device.
          key: typed key, scalar, one for the whole run; a partitionable implementation, as threefry (the default).
          position: int32 or uint32 [B], positions of the examples in the run's endless sequence, below 2**32.

        Returns:
          "image" float32 [B, *shape], and "label" int32 [B] if labelled.
        """


class Stream(Protocol):
    """Endless iterator over consecutive batches of a streamed source."""

    def __call__(self, key: "jax.Array | int", start: int, count: int, local: slice = ...) -> Iterator[HostBatch]:
        """Begins at any position, at once: nothing before it is read.

        The k-th batch (from 0) is made of the positions start + k * count + i, where i runs over range(count)[local].

        Args:
          key: typed key of the run, the same that `fetch` takes for a resident source and with the same order; an
            integer n stands for `jax.random.key(n)`.
          start: position of the first example of the first batch, in the sequence that all processes share.
          count: examples in a batch, over all processes.
          local: the part of each batch that this process reads; the whole by default.

        Yields:
          "image" uint8 [L, H, W, C] and "label" int32 [L] if labelled, L = len(range(count)[local]).

        Raises:
          DataError: start or count is impossible, `local` is empty, or an image cannot be read (its file is named).
        """


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set as training sees it (the module describes the three kinds).

    Attributes:
      name: how the source is called in messages and records.
      shape: of one example: (H, W, C) of images, (D,) of points.
      value_range: (-1.0, 1.0) for images; None for points.
      num_examples: None if endless.
      num_classes: None if there are no labels.
      arrays: what belongs on the device: uint8 "image" [N, H, W, C], int32 "label" [N]; empty unless resident.
      fetch: see `Fetch`; None if streamed.
      stream: see `Stream`; None unless streamed.
      density: the distribution of a synthetic source, with its exact log density; else None.
      listing: of a streamed source, what tells its examples from others at little cost, such as names and sizes.
    """

    name: str
    shape: tuple[int, ...]
    value_range: tuple[float, float] | None
    num_examples: int | None
    num_classes: int | None
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    fetch: Fetch | None = None
    stream: Stream | None = None
    density: Distribution | None = None
    listing: str = ""

    @functools.cached_property
    def sha256(self) -> str:
        """Of the resident examples or of the listing; "" of an endless source, which its options describe."""
        if self.num_examples is None:
            return ""
        total = hashlib.sha256(f"{self.shape} {self.num_examples}\n{self.listing}".encode(errors="surrogateescape"))
        for name, array in sorted(self.arrays.items()):
            total.update(f"{name} {array.dtype.str}{array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()
