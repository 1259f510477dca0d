"""Sources put together to one: domains side by side, pairs, a few labelled images beside many others."""

import functools
import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.source import Batch, HostBatch, Source, Stream, as_key, by_feature
from gan_jax.data.storage import resident
from gan_jax.data.streaming import streamed
from gan_jax.errors import DataConfigError, DataError

AT_ONCE = 256  # examples read at once in the search for labelled ones


def joined(parts: Mapping[str, Source], name: str = "") -> Source:
    """Sources side by side, each in an order of its own: unpaired domains, or a few labelled images beside many others.

    Args:
      parts: {name: source}, of any kinds and lengths. The features of part "a" are "a" (its image) and "a_label".
      name: how the source is called; "" is "a=digits,b=mnist", of the names of parts and sources.

    Returns:
      Source whose example at a position has of each part its own example at that position, under the run's key folded
      with the CRC-32 of the part's name. It is streamed if a part is.

    Raises:
      DataError: there is no part, or two features have one name.
    """
    return _together(parts, name, lambda key, part: jax.random.fold_in(key, zlib.crc32(part.encode())))


def paired(parts: Mapping[str, Source], name: str = "") -> Source:
    """As `joined`, but in one order: the features of a position are those of one index, such as an image and its mask.

    Raises:
      DataError: lengths differ.
    """
    if len({part.num_examples for part in parts.values()}) > 1:
        lengths = ", ".join(f"{name} {part.num_examples}" for name, part in parts.items())
        raise DataError(f"paired data have the lengths {lengths}; allowed: one length")
    return _together(parts, name, lambda key, part: key)


def labelled(source: Source, num: int, seed: jax.Array | int = 0) -> Source:
    """A balanced set of labelled images beside all images without their labels.

    Which images it takes is a function of the seed: the first of each class in the order that `source.fetch` has under
    it. Labels beyond the last of these are never read, and none but theirs are in the source that is returned.

    Args:
      source: with an "image" and a "label".
      num: labelled images, as many of each class.
      seed: of the choice; an integer n stands for `jax.random.key(n)`.

    Returns:
      Source with the features "image" and "other", of all images in two independent orders, and "labelled" and
      "labelled_label", of the chosen ones in a third.

    Raises:
      DataError: the source has no labels, `num` does not divide by its classes, or a class has too few examples.

    References:
      Tim Salimans, Ian Goodfellow, Wojciech Zaremba, Vicki Cheung, Alec Radford, Xi Chen, "Improved techniques for
      training GANs", 2016, arXiv:1606.03498, section 5: labelled images, unlabelled ones, and others of them to match.
    """
    given = f"data.labelled={num} with data.name={source.name!r}"
    if source.parts or not source.num_classes or source.num_examples is None:
        raise DataConfigError(
            f"{given}, which has no labels of which to take {num}; allowed: 0, or one set with labels"
        )
    each, rest = divmod(num, source.num_classes)
    if rest or each < 1:
        raise DataConfigError(f"{given}; allowed: a multiple of {source.num_classes}, as many of each class")
    found = _first_of_each(source, each, seed)
    if short := [f"class {label} has {len(images)}" for label, images in enumerate(found) if len(images) < each]:
        most = source.num_classes * min(len(images) for images in found)
        raise DataConfigError(
            f"{given}: {', '.join(short)} of {each} labelled examples wanted; allowed: at most {most} in all"
        )
    image = np.stack([image for images in found for image in images])
    label = np.repeat(np.arange(len(found), dtype=np.int32), each)
    chosen = resident(f"{source.name} labelled", {"image": image, "label": label}, {"label": source.num_classes})
    whole = _unlabelled(source)
    return joined({"image": whole, "other": whole, "labelled": chosen}, source.name)


def all_labelled(examples: HostBatch) -> HostBatch:
    """What `labelled` makes of examples whose labels are all known, such as those of a test set."""
    return {**examples, **by_feature({"other": {"image": examples["image"]}, "labelled": examples})}


def _first_of_each(source: Source, each: int, seed: jax.Array | int) -> list[list[np.ndarray]]:
    """The first images of each class in the order of a seed, as they are stored; of some fewer where there are."""
    assert source.num_examples is not None
    assert source.num_classes is not None
    found: list[list[np.ndarray]] = [[] for _ in range(source.num_classes)]
    batches = stream_of(source)(seed, 0, AT_ONCE)
    examples = (pair for batch in batches for pair in zip(batch["image"], batch["label"], strict=True))
    for image, label in itertools.islice(examples, source.num_examples):
        if label >= 0 and len(found[label]) < each:  # some sets have -1 where there is no label
            found[label].append(image)
        if all(len(images) == each for images in found):
            break
    return found


def _unlabelled(source: Source) -> Source:
    """A source of images without its labels."""
    if source.arrays:
        return resident(source.name, {"image": source.arrays["image"]})
    assert source.stream is not None
    whole = source.stream

    def stream(key: jax.Array | int, start: int, count: int, local: slice = slice(None)) -> Iterator[HostBatch]:
        return ({"image": batch["image"]} for batch in whole(key, start, count, local))

    features = {"image": source.features["image"]}
    return Source(source.name, features, source.num_examples, stream=stream, listing=source.listing)


def _together(parts: Mapping[str, Source], name: str, part_key: Callable[[Any, str], Any]) -> Source:
    name = name or ",".join(f"{part}={source.name}" for part, source in parts.items())
    features = by_feature({part: source.features for part, source in parts.items()})
    if not parts or len(features) < sum(len(source.features) for source in parts.values()):
        raise DataConfigError(
            f"data.name={name!r} has {'no parts' if not parts else 'two features of one name'}; allowed: one part or "
            "more, each with names of its own: of part a they are a, a_label"
        )
    sizes = [source.num_examples for source in parts.values()]
    fetched = all(source.fetch for source in parts.values())
    # A source that is several parts, in several orders, is on the device once.
    held = {part: next(p for p, other in parts.items() if other is source) for part, source in parts.items()}
    readable = all(source.fetch or source.stream for source in parts.values())  # not where a run's data are only known

    def fetch(arrays: Mapping[str, Any], key: jax.Array, position: jax.Array) -> Batch:
        made = {}
        for part, source in parts.items():
            assert source.fetch is not None
            made[part] = source.fetch(arrays[held[part]], part_key(key, part), position)
        return by_feature(made)

    return Source(
        name=name,
        features=features,
        num_examples=None if None in sizes else max(size for size in sizes if size is not None),
        arrays={part: parts[part].arrays for part in held.values()} if fetched else {},
        fetch=fetch if fetched else None,
        stream=_side_by_side(parts, part_key) if readable and not fetched else None,
        parts=parts,
        part_key=part_key,
    )


def stream_of(source: Source) -> Stream:
    """The stream of a source, or one on the host of a source that is not streamed: the same examples."""
    if source.stream is not None:
        return source.stream
    if source.parts:
        return _side_by_side(source.parts, source.part_key)
    if source.num_examples is None:
        return functools.partial(_drawn, source)
    read = lambda index: {name: array[index] for name, array in source.arrays.items()}
    stream = streamed(source.name, source.num_examples, source.features, read, "").stream
    assert stream is not None
    return stream


def _side_by_side(parts: Mapping[str, Source], part_key: Callable[[Any, str], Any]) -> Stream:
    """The streams of several sources as one."""

    def stream(key: jax.Array | int, start: int, count: int, local: slice = slice(None)) -> Iterator[HostBatch]:
        keys = {part: part_key(as_key(key), part) for part in parts}
        streams = [stream_of(source)(keys[part], start, count, local) for part, source in parts.items()]
        for batches in zip(*streams, strict=True):
            yield by_feature(dict(zip(parts, batches, strict=True)))

    return stream


def _drawn(
    source: Source, key: jax.Array | int, start: int, count: int, local: slice = slice(None)
) -> Iterator[HostBatch]:
    """A stream of endless points."""
    assert source.fetch is not None
    fetch, part = jax.jit(source.fetch), np.arange(count)[local]
    for first in itertools.count(start, count):
        position = jnp.asarray((first + part) % 2**32, jnp.uint32)  # positions count as uint32, as on the device
        yield {name: np.asarray(value) for name, value in fetch({}, as_key(key), position).items()}
