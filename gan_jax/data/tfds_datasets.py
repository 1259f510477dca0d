"""Prepared TFDS image data sets, read without TensorFlow.

TFDS is imported inside functions: it takes a third of a second and prints.
"""

import contextlib
import difflib
import hashlib
import io
import json
import logging
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from gan_jax.data import images
from gan_jax.data.cache import cached
from gan_jax.data.source import PIXELS, Feature, HostBatch, Source
from gan_jax.data.storage import resident
from gan_jax.data.streaming import streamed
from gan_jax.errors import ConfigError, DataConfigError, DataError, GanJaxError
from gan_jax.paths import expanded, shown

READ_AT_ONCE = 1024
INFO = "dataset_info.json"


def default_data_dir(data_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    """The TFDS data directory: the argument, else the environment's TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    if data_dir:
        return expanded("data.dir", data_dir)
    if os.environ.get("TFDS_DATA_DIR"):
        return expanded("TFDS_DATA_DIR", os.environ["TFDS_DATA_DIR"])
    try:
        return expanded("the data directory", "~/tensorflow_datasets")
    except ConfigError as error:
        raise DataConfigError(
            "data sets lie in ~/tensorflow_datasets, and there is no home directory; "
            "set data.dir (of `data`: --data_dir) or TFDS_DATA_DIR to a folder"
        ) from error


def find_prepared(name: str, data_dir: pathlib.Path) -> Any | None:
    """TFDS builder that reads the prepared data set `name[/config][:version]`, or None if there is none in `data_dir`.

    It is made from the files alone, so it needs neither the code that prepared them nor TensorFlow.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import naming, read_only_builder

    try:
        plain, parts = naming.parse_builder_name_kwargs(name)
    except ValueError as error:
        raise DataError(f"{name!r} is no name of a TFDS data set; name[/config][:version] is expected") from error
    if not os.path.isdir(data_dir):
        return None
    folder = data_dir / str(plain) / parts.get("config", "")
    try:
        with quiet():
            return read_only_builder.builder_from_files(name, data_dir=os.fspath(data_dir))
    except tfds.core.DatasetNotFoundError as error:
        # TFDS takes a folder for none where it has no features, and would not prepare it again either.
        if unfinished := [
            info.with_name("features.json")
            for info in sorted(folder.glob(f"{parts.get('version', '[0-9]*')}/{INFO}"))
            if not info.with_name("features.json").is_file()
        ]:
            raise DataError(_damage(name, unfinished[0], "it is missing")) from error
        return None
    except MemoryError:
        raise
    except Exception as error:  # TFDS raises what its parsers do
        said = " ".join(str(error).split()) or type(error).__name__
        raise DataError(_damage(name, _unreadable(folder) or folder, said)) from error


def _unreadable(folder: pathlib.Path) -> pathlib.Path | None:
    """The first description of a data set below a folder that is missing or no JSON object."""
    for features in sorted(folder.rglob("features.json")):
        if not features.parent.name[:1].isdigit():  # what an interrupted preparation left
            continue
        for path in (features.with_name(INFO), features):
            try:
                if not json.loads(path.read_bytes()):
                    return path
            except (OSError, ValueError, RecursionError):
                return path
    return None


def _damage(name: str, path: pathlib.Path, said: str) -> str:
    where = path if path.suffix != ".json" else path.parent
    return (
        f"prepared files of {name} are missing or damaged ({shown(path)}: {said}); "
        f"delete {shown(where)} and prepare again"
    )


def unknown(name: str, also: Iterable[str] = ()) -> str | None:
    """None if TFDS knows a data set of this name, else a sentence with the nearest names (of those in `also` too)."""
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    plain = name.split("/")[0].split(":")[0]
    if plain in known:
        return None
    near = difflib.get_close_matches(plain, sorted({*known, *also}), n=3)
    return f"there is no data set {plain!r}" + (f"; nearest names: {', '.join(near)}" if near else "")


def load(
    name: str, builder: Any, data_dir: pathlib.Path, split: str, resolution: int, channels: int, memory_limit_mb: int
) -> Source:
    """Source of one split of a prepared data set; resident if it fits into memory, else streamed."""
    num_classes = _check_features(name, builder.info.features)
    examples = _open_split(name, builder, split)

    def convert(index: int, example: Mapping[str, Any]) -> HostBatch:
        image = images.adapt(example["image"], resolution, channels)
        if image.shape != shape:
            raise DataError(
                f"{name}: image 0 of split {split!r} is {shape[1]}x{shape[0]} and image {index} is "
                f"{image.shape[1]}x{image.shape[0]} pixels; set data.tfds.resolution to crop and resize them all"
            )
        labels = {} if num_classes is None else {"label": np.asarray(example["label"], np.int32)}
        return {"image": image, **labels}

    def decode_all() -> HostBatch:
        result = {"image": np.empty((len(examples), *shape), np.uint8)}
        if num_classes is not None:
            result["label"] = np.empty(len(examples), np.int32)
        for start in range(0, len(examples), READ_AT_ONCE):
            indices = range(start, min(start + READ_AT_ONCE, len(examples)))
            with _naming_damage(name, builder):
                read = examples.__getitems__(list(indices))
            for index, example in zip(indices, read, strict=True):
                for key, value in convert(index, example).items():
                    result[key][index] = value
        return result

    def read_one(index: int) -> HostBatch:
        with _naming_damage(name, builder):
            example = examples[index]
        return convert(index, example)

    with quiet(), _naming_damage(name, builder):
        shape = images.adapt(examples[0]["image"], resolution, channels).shape
    info = (pathlib.Path(builder.data_path) / INFO).read_bytes()
    fingerprint = hashlib.sha256(info + repr((split, resolution, channels)).encode()).hexdigest()
    if not images.fits(len(examples), shape, memory_limit_mb):
        label = {} if num_classes is None else {"label": Feature((), classes=num_classes)}
        features = {"image": Feature(shape, PIXELS), **label}
        return streamed(name, len(examples), features, read_one, listing=fingerprint)
    # Readable, and short of telling every slice from every other: that is the fingerprint's work.
    plain_split = "".join(c if c.isalnum() else "-" for c in split)
    variant = plain_split + (f"_{resolution}px" if resolution else "") + (f"_{channels}ch" if channels else "")
    folder = data_dir / "gan_jax_cache" / builder.info.full_name / variant
    classes = None if num_classes is None else {"label": num_classes}
    return resident(name, cached(folder, fingerprint, decode_all), classes)


def _check_features(name: str, features: Any) -> int | None:
    """Number of classes, or None without class labels; raises DataError without a usable image."""
    import tensorflow_datasets as tfds

    features = dict(features)
    image = features.get("image")
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8:
        raise DataError(f'{name} has no feature "image" of 8-bit images; its features are {", ".join(features)}')
    label = features.get("label")
    return label.num_classes if isinstance(label, tfds.features.ClassLabel) else None


def _open_split(name: str, builder: Any, split: str) -> Any:
    """Random-access sequence of the decoded examples of a split."""
    with quiet(), _naming_damage(name, builder):
        try:
            return builder.as_data_source(split=split)
        except NotImplementedError as error:
            raise DataError(
                f"{name} in {shown(builder.data_path)} is stored as {builder.info.file_format.value}, which needs "
                "TensorFlow; prepare it with file_format=array_record, in another data_dir"
            ) from error
        except (KeyError, ValueError) as error:
            splits = ", ".join(builder.info.splits)
            raise DataConfigError(
                f"split {split!r} of {name} is unknown or empty; known: {splits}, also in slices"
            ) from error


@contextlib.contextmanager
def _naming_damage(name: str, builder: Any) -> Iterator[None]:
    """Array records verify most of what they read, decoders find the rest; says in which data set one failed."""
    try:
        yield
    except (GanJaxError, MemoryError):
        raise
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise DataError(_damage(name, pathlib.Path(builder.data_path), said)) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps TFDS from printing progress and hints; its errors pass."""
    from tensorflow_datasets.core.utils import tqdm_utils

    absl, level, progress = logging.getLogger("absl"), logging.getLogger("absl").level, tqdm_utils._active
    absl.setLevel(logging.ERROR)
    tqdm_utils.display_progress_bar(False)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        absl.setLevel(level)
        tqdm_utils.display_progress_bar(progress)
