"""Sources too large for the device: examples are decoded on the host, ahead of the steps that use them, with Grain."""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping

import jax
import numpy as np

from gan_jax.data.shuffle import epoch_order_on_host
from gan_jax.data.source import Feature, HostBatch, Source, as_key

MAX_THREADS = 16
BATCHES_AHEAD = 2


def streamed(
    name: str, num_examples: int, features: Mapping[str, Feature], read: Callable[[int], HostBatch], listing: str
) -> Source:
    """A source that reads each example when it is due."""

    def stream(key: jax.Array | int, start: int, count: int, local: slice = slice(None)) -> Iterator[HostBatch]:
        part, run_key = np.arange(count)[local], as_key(key)

        # Each example asks for its own index; one computation serves its whole batch.
        @functools.lru_cache(maxsize=2 * BATCHES_AHEAD + 2)
        def indices(batch: int) -> np.ndarray:
            # Positions count as uint32, as they do on the device.
            return epoch_order_on_host(run_key, (start + batch * count + part) % 2**32, num_examples)

        def example(ordinal: int) -> HostBatch:
            batch, within = divmod(ordinal, part.size)
            return read(int(indices(batch)[within]))

        return _prefetched(example, part.size)

    return Source(name=name, features=features, num_examples=num_examples, stream=stream, listing=listing)


def _prefetched(example: Callable[[int], HostBatch], batch_size: int) -> Iterator[HostBatch]:
    """Batches of consecutive examples, decoded in threads (Pillow releases the interpreter lock while it decodes)."""
    import grain

    options = grain.ReadOptions(
        num_threads=min(MAX_THREADS, os.cpu_count() or 1),
        prefetch_buffer_size=max(MAX_THREADS, BATCHES_AHEAD * batch_size),
    )
    dataset = grain.MapDataset.range(sys.maxsize).map(example).to_iter_dataset(options).batch(batch_size)
    iterator = iter(dataset)
    try:
        yield from iterator
    finally:
        iterator.close()
