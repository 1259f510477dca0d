"""The table of sources by name.

Every entry is called as `builder(target, root, split, **options)`, with the TFDS data directory. Its options are the
parameters with defaults, and the defaults are the configuration's: option `modes` of `ring` is the field
`data.ring.modes`.
"""

import difflib
import functools
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from gan_jax.data import folder as folder_source
from gan_jax.data import synthetic, tfds_datasets
from gan_jax.data.images import MODE_OF_CHANNELS
from gan_jax.data.joined import joined
from gan_jax.data.preparation import prepare
from gan_jax.data.source import Source
from gan_jax.data.storage import endless, resident
from gan_jax.errors import ConfigError, DataConfigError
from gan_jax.options import at_least, one_of, options_of

Builder = Callable[..., Source]
FOLDER_PREFIX = "folder:"
PART = re.compile(r"[A-Za-z]\w*=")
EACH_PART = "a=NAME,b=NAME"
MNIST_SIDE = 28

Resolution = Annotated[int, at_least(0), "pixels of a side, images are cropped and resized; 0 is as they are"]
Channels = Annotated[int, one_of((0, *MODE_OF_CHANNELS)), "of an image; 0 is as they are"]
Limit = Annotated[int, at_least(0), "MiB up to which a set is held in memory; above, it is streamed"]


def load(name: str, *, data_dir: str | os.PathLike[str] | None = None, split: str = "train", **options: Any) -> Source:
    """Opens a source by name; a TFDS set that is not prepared yet is prepared first.

    Args:
      name: a key of `SOURCES`; or `folder:PATH` for a folder of images; else the name of a TFDS image data set, as
        `name[/config][:version]`. Or several, `a=NAME,b=NAME`, that are `joined`.
      data_dir: TFDS data directory; else the environment's TFDS_DATA_DIR, else ~/tensorflow_datasets.
      split: of the data set: "train" or "test", or as TFDS names it. Synthetic sources have no splits and ignore it:
        give their `fetch` another key.
      options: of the source, its keywords; of joined ones by their kinds, as `folder={"resolution": 32}`.

    Returns:
      Source with images in [-1, 1], or points.

    Raises:
      DataError: unknown name, split or option, a value that is not allowed, or data that are missing or damaged.
    """
    if parts := parts_of(name):
        return joined({
            part: load(source, data_dir=data_dir, split=split, **options.get(resolve(source)[0], {}))
            for part, source in parts.items()
        }, name)  # fmt: skip
    section, target = resolve(name)
    fields, given = options_of(SOURCES[section]), {}
    for option, value in options.items():
        if option not in fields:
            near = difflib.get_close_matches(option, fields, n=1)
            hint = f"; nearest: {near[0]}" if near else ""
            raise DataConfigError(f"data.{section} has no option {option!r}, only {', '.join(fields) or 'none'}{hint}")
        try:
            given[option] = fields[option].checked(f"data.{section}.{option}", value)
        except ConfigError as error:
            raise DataConfigError(str(error)) from error
    # Others need no folder, so that they work where there is no home directory.
    root = tfds_datasets.default_data_dir(data_dir) if section in IN_DATA_DIR else Path()
    return SOURCES[section](target, root, split, **given)


def parts_of(name: str) -> dict[str, str]:
    """Names of the sources that "a=mnist,b=folder:x" joins, by part; {} of a source alone.

    A comma begins another part where a name and "=" follow, so that folders may have commas and "=" in their paths.
    """
    if not PART.match(name):
        return {}
    found: dict[str, str] = {}
    for text in re.split(rf",(?={PART.pattern})", name):
        part, _, source = text.partition("=")
        if part in found:
            raise DataConfigError(f"data.name={name!r} has two parts of one name; allowed: {EACH_PART}")
        found[part] = source
    return found


def sections_of(name: str) -> list[str]:
    """The sections of the configuration that hold the options of a source, or of the parts of a joined one."""
    return sorted({resolve(source)[0] for source in parts_of(name).values() or [name]})


def resolve(name: str) -> tuple[str, str]:
    """Key in `SOURCES` (the configuration's section) and target that a name stands for.

    "mnist" is ("mnist", "mnist"), "folder:a/b" is ("folder", "a/b"), and "cifar10" is ("tfds", "cifar10"); joined
    sources have no section, "".
    """
    if parts := parts_of(name):
        for source in parts.values():
            resolve(source)
        return "", name
    if name.startswith(FOLDER_PREFIX) and len(name) > len(FOLDER_PREFIX):
        return "folder", name.removeprefix(FOLDER_PREFIX)
    if name in ("", "tfds", "folder", FOLDER_PREFIX):
        names = ", ".join(key for key in SOURCES if key not in ("folder", "tfds"))
        raise DataConfigError(
            f"data.name must be one of {names}, folder:PATH, a TFDS data set's name, or several as {EACH_PART}; "
            f"got {name!r}"
        )
    return (name, name) if name in SOURCES else ("tfds", name)


def describe(data_dir: str | os.PathLike[str] | None = None) -> list[dict[str, Any]]:
    """Rows about every source, for a table; reads nothing but a few small files."""
    root = tfds_datasets.default_data_dir(data_dir)
    prepared = {name: _is_prepared(root / name) for name in MNIST_LIKE}  # None where nothing needs to be
    about = ("shape", "examples", "classes", "note")
    return [
        {"name": name, "prepared": prepared.get(name), **dict(zip(about, notes, strict=True))}
        for name, notes in NOTES.items()
    ]


def _is_prepared(dataset_dir: Path) -> bool:
    """Whether some version in a TFDS folder is complete and readable without TensorFlow."""
    for path in dataset_dir.glob(f"[0-9]*/{tfds_datasets.INFO}"):
        try:
            if json.loads(path.read_bytes())["fileFormat"] == "array_record":
                return True
        except (OSError, ValueError, TypeError, KeyError):  # a damaged one is none; who loads it is told
            continue
    return False


def _only_training_split(section: str, split: str) -> None:
    if split != "train":
        raise DataConfigError(f"{section} has one split, 'train'; got {split!r}")


def _synthetic(distribution: Callable[..., synthetic.Distribution]) -> Builder:
    """Source builder with the options of a distribution."""

    @functools.wraps(distribution)
    def build(target: str, root: Path, split: str, /, **options: Any) -> Source:
        del root, split
        return endless(target, distribution(**options))

    return build


def _digits(target: str, root: Path, split: str, /) -> Source:
    """1797 handwritten digits of 8x8 pixels; their values from 0 to 16 are stretched to 255.

    References:
      E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998.
    """
    from sklearn.datasets import load_digits

    del root
    _only_training_split(target, split)
    digits = load_digits()
    image = np.round(digits.images[..., None] * (255 / 16)).astype(np.uint8)
    return resident(target, {"image": image, "label": digits.target.astype(np.int32)})


def _mnist_like(
    target: str,
    root: Path,
    split: str,
    /,
    *,
    resolution: Annotated[int, one_of((MNIST_SIDE, 32)), "pixels of a side; 32 is padded with black"] = MNIST_SIDE,
) -> Source:
    """MNIST or Fashion-MNIST; at resolution 32 with two black pixels on each side, for networks that halve the size."""
    source = _tfds(target, root, split)
    margin = (resolution - MNIST_SIDE) // 2
    if margin == 0:
        return source
    padded = np.pad(source.arrays["image"], ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    return resident(target, {**source.arrays, "image": padded}, {"label": 10})


def _tfds(
    target: str,
    root: Path,
    split: str,
    /,
    *,
    resolution: Resolution = 0,
    channels: Channels = 0,
    memory_limit_mb: Limit = 2048,
) -> Source:
    """Any TFDS image data set (see `tfds_datasets.load`)."""
    builder = tfds_datasets.find_prepared(target, root)
    if builder is None:
        if problem := tfds_datasets.unknown(target, also=SOURCES):
            raise DataConfigError(problem)
        prepare(target, root)
        builder = tfds_datasets.find_prepared(target, root)
    return tfds_datasets.load(target, builder, root, split, resolution, channels, memory_limit_mb)


def _folder(
    target: str,
    root: Path,
    split: str,
    /,
    *,
    resolution: Resolution = 0,
    channels: Channels = 0,
    memory_limit_mb: Limit = 2048,
) -> Source:
    """A folder of images (see `folder.load`)."""
    del root
    _only_training_split("folder", split)
    return folder_source.load(target, resolution, channels, memory_limit_mb)


SOURCES: Mapping[str, Builder] = {
    "gaussian": _synthetic(synthetic.gaussian),
    "ring": _synthetic(synthetic.ring),
    "grid": _synthetic(synthetic.grid),
    "spiral": _synthetic(synthetic.spiral),
    "two_moons": _synthetic(synthetic.two_moons),
    "digits": _digits,
    "mnist": _mnist_like,
    "fashion_mnist": _mnist_like,
    "folder": _folder,
    "tfds": _tfds,
}

MNIST_LIKE = ("mnist", "fashion_mnist")
IN_DATA_DIR = (*MNIST_LIKE, "tfds")
NOTES: Mapping[str, tuple[str, str, int | None, str]] = {
    "gaussian": ("D", "endless", None, "one Gaussian; exact density"),
    "ring": ("2", "endless", None, "Gaussians on a circle; exact density"),
    "grid": ("2", "endless", None, "Gaussians on a square grid; exact density"),
    "spiral": ("2", "endless", None, "spirals made of Gaussians; exact density"),
    "two_moons": ("2", "endless", None, "two half circles made of Gaussians; exact density"),
    "digits": ("8x8x1", "1797", 10, "UCI optical digits, with scikit-learn (CC BY 4.0)"),
    "mnist": ("28x28x1", "60000", 10, "LeCun, Cortes, Burges 1998, through TFDS (CC BY-SA 3.0)"),
    "fashion_mnist": ("28x28x1", "60000", 10, "Xiao, Rasul, Vollgraf 2017, through TFDS (MIT)"),
    "folder:PATH": ("any", "any", None, "a folder of images, its subfolders as classes"),
    EACH_PART: ("each", "each", None, "several of these, each in its own order"),
    "NAME": ("any", "any", None, 'any other TFDS set with an "image"; licence as its TFDS page says'),
}
