"""A folder of images as a source."""

import concurrent.futures
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from gan_jax.data import images
from gan_jax.data.source import PIXELS, Feature, HostBatch, Source, label_feature
from gan_jax.data.storage import resident
from gan_jax.data.streaming import streamed
from gan_jax.errors import DataError
from gan_jax.paths import expanded, shown

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


def load(folder: str | os.PathLike[str], resolution: int = 0, channels: int = 0, memory_limit_mb: int = 2048) -> Source:
    """Every image file in a folder and its subfolders, ordered by path.

    Where at least two of the folder's own subfolders hold images and no image lies beside them, these subfolders are
    the classes, in the order of their names. Links are followed; hidden files and folders are passed over. Images are
    turned upright as their EXIF orientation says; animations count by their first frame; transparent parts become white
    if alpha is dropped. Where `resolution` or `channels` is 0 all images must have the same. A set above the limit is
    streamed, in the same order.
    """
    root = expanded("folder", folder)
    paths = find_images(root)
    label = find_classes(root, paths)
    shape = _common_shape(paths, resolution, channels)
    name = f"folder:{folder}"

    def picture(index: int) -> np.ndarray:
        image = images.read(paths[index], resolution, shape[-1])
        if image.shape != shape:
            raise DataError(
                f"{shown(paths[index])} is {image.shape[1]}x{image.shape[0]} pixels now and was {shape[1]}x{shape[0]}; "
                "leave the folder as it is while it is trained on"
            )
        return image

    def read(index: int) -> HostBatch:
        return {"image": picture(index)} | ({} if label is None else {"label": label[index]})

    if not images.fits(len(paths), shape, memory_limit_mb):
        listing = "\n".join(f"{path.relative_to(root)} {path.stat().st_size}" for path in paths)
        features = {"image": Feature(shape, PIXELS)} | ({} if label is None else {"label": label_feature(label)})
        return streamed(name, len(paths), features, read, listing)
    image = np.empty((len(paths), *shape), np.uint8)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for index, made in enumerate(pool.map(picture, range(len(paths)))):
            image[index] = made
    return resident(name, {"image": image} | ({} if label is None else {"label": label}))


def find_images(root: pathlib.Path) -> list[pathlib.Path]:
    """Paths of all image files below a folder, sorted by the names on their way.

    Links are followed, to files and to folders, but not from a folder to one that it lies in: that would never end.
    """
    if not os.path.isdir(root):
        raise DataError(
            f"{shown(root)} is no folder that can be read; one of images ({', '.join(EXTENSIONS)}) is expected"
        )
    paths: list[pathlib.Path] = []
    # Each folder with the real paths of those on the way to it, itself included. Not by recursion: ways may be long.
    waiting = [(root, frozenset({os.path.realpath(root)}))]
    while waiting:
        folder, way = waiting.pop()
        for entry in _entries(folder):
            if entry.name.startswith("."):
                continue
            path = folder / entry.name
            if _is_folder(entry):
                real = os.path.realpath(path)
                if real not in way:
                    waiting.append((path, way | {real}))
            elif entry.name.lower().endswith(EXTENSIONS):
                if not entry.is_file():
                    raise DataError(f"{shown(path)} is neither a file nor a folder; an image is expected")
                paths.append(path)
    if not paths:
        raise DataError(
            f"{shown(root)} and its subfolders hold no image; files named *{', *'.join(EXTENSIONS)} are expected"
        )
    return sorted(paths, key=lambda path: path.parts)


def _entries(folder: pathlib.Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"folder {shown(folder)} cannot be read: {error.strerror}") from error


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder or a link to one; a link to nothing might have been one, of a class, and is refused."""
    try:
        if entry.is_symlink():
            os.stat(entry.path)
        return entry.is_dir()
    except OSError as error:
        link = " (it is a link; mend or remove it)" if os.path.islink(entry.path) else ""
        raise DataError(f"{shown(entry.path)} cannot be read: {error.strerror}{link}") from error


def find_classes(root: pathlib.Path, paths: Sequence[pathlib.Path]) -> np.ndarray | None:
    """Each image's class, int32, or None if the folder is not divided into at least two subfolders."""
    inside = [path.relative_to(root).parts for path in paths]
    names = sorted({parts[0] for parts in inside})
    if len(names) < 2 or any(len(parts) == 1 for parts in inside):
        return None
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[parts[0]] for parts in inside], np.int32)


def _common_shape(paths: Sequence[pathlib.Path], resolution: int, channels: int) -> tuple[int, int, int]:
    """Shape of every image after conversion; reads headers where files must agree."""
    height, width, found = images.header(paths[0])
    if resolution == 0 or channels == 0:
        for path in paths[1:]:
            other_height, other_width, other = images.header(path)
            if resolution == 0 and (other_height, other_width) != (height, width):
                raise DataError(
                    f"{shown(paths[0])} is {width}x{height} and {shown(path)} is {other_width}x{other_height} pixels; "
                    "set data.folder.resolution to crop and resize them all"
                )
            if channels == 0 and other != found:
                raise DataError(
                    f"{shown(paths[0])} has {found} channels and {shown(path)} has {other}; "
                    "set data.folder.channels to 1, 3 or 4"
                )
    return resolution or height, resolution or width, channels or found
