"""Sources that the compiled step reads itself: examples in the device's memory, and points that are drawn."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.shuffle import epoch_order
from gan_jax.data.source import PIXELS, Batch, Feature, Source, decode, label_feature
from gan_jax.data.synthetic import Distribution
from gan_jax.errors import DataError


def resident(name: str, arrays: Mapping[str, np.ndarray], classes: Mapping[str, int] | None = None) -> Source:
    """A source whose examples are all in memory.

    Args:
      name: how the source is called in messages and records.
      arrays: features by name, all of one length N: uint8 images [N, H, W, C], float32 [N, ...], int32 labels [N].
        "image" and "label" are those of which a game of one kind of images knows.
      classes: of each label, how many values it has from 0 on; else one more than its largest value.

    Returns:
      Source whose `fetch` visits every example once in each epoch of N positions, each epoch in its own order, and
      gives the features of one example together.

    Raises:
      DataError: there are no arrays or no examples, lengths differ, or a type is another.
    """
    num_examples = _common_length(name, arrays)

    def fetch(arrays: Mapping[str, jax.Array], key: jax.Array, position: jax.Array) -> Batch:
        index = epoch_order(key, position, num_examples)
        return decode({name: jnp.asarray(value)[index] for name, value in arrays.items()})

    features = {feature: _feature(array, (classes or {}).get(feature)) for feature, array in arrays.items()}
    return Source(name=name, features=features, num_examples=num_examples, arrays=arrays, fetch=fetch)


def _common_length(name: str, arrays: Mapping[str, np.ndarray]) -> int:
    lengths = {feature: len(array) for feature, array in arrays.items()}
    if len(set(lengths.values())) != 1 or not all(lengths.values()):
        found = ", ".join(f"{feature} {length:,}" for feature, length in lengths.items()) or "no arrays"
        raise DataError(f"{name} has {found}; allowed: arrays of one length of at least 1")
    for feature, array in arrays.items():
        if array.dtype not in (np.uint8, np.int32, np.float32):
            raise DataError(f"{name} has {array.dtype} in {feature!r}; allowed: uint8 images, int32 labels, float32")
    return next(iter(lengths.values()))


def _feature(array: np.ndarray, classes: int | None) -> Feature:
    if array.dtype == np.int32:
        return label_feature(array, classes)
    return Feature(array.shape[1:], PIXELS if array.dtype == np.uint8 else None)


def endless(name: str, distribution: Distribution) -> Source:
    """A source that draws a new point of a distribution at each position."""

    def fetch(arrays: Mapping[str, jax.Array], key: jax.Array, position: jax.Array) -> Batch:
        del arrays

        def one(position: jax.Array) -> jax.Array:
            return distribution.sample(jax.random.fold_in(key, position), 1)[0]

        return {"image": jax.vmap(one)(jnp.asarray(position).astype(jnp.uint32))}

    points = Feature((len(distribution.support),))
    return Source(name=name, features={"image": points}, num_examples=None, fetch=fetch, density=distribution)
