"""A folder of images as a source."""

import concurrent.futures
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from gan_jax.data import images
from gan_jax.data.source import HostBatch, Source, resident
from gan_jax.data.streaming import streamed
from gan_jax.errors import DataError
from gan_jax.paths import expanded

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


def load(folder: str | os.PathLike[str], resolution: int = 0, channels: int = 0, memory_limit_mb: int = 2048) -> Source:
    """Every image file in a folder and its subfolders, ordered by path.

    Where at least two of the folder's own subfolders hold images and no image lies beside them, these subfolders are
    the classes, in the order of their names. Hidden files and folders are passed over. Images are turned upright as
    their EXIF orientation says; animations count by their first frame; transparent parts become white if alpha is
    dropped.

    Args:
      folder: searched for files named *.png, *.jpg and so on (`EXTENSIONS`, in upper case too).
      resolution: side in pixels of the square that is cropped from the centre and resized once (`images.fit`); 0 takes
        images as they are, all of one size.
      channels: 1, 3 or 4 to convert to; 0 takes images as they are, all with the same number.
      memory_limit_mb: largest resident set in MiB (2**20 bytes) of decoded values; a larger one is streamed.

    Returns:
      Source: resident, or streamed where it does not fit. The order under a key is the same.

    Raises:
      DataError: an option is not allowed; the folder is missing, unreadable or without images; sizes or channels differ
        and were to be taken as they are; a file is damaged. Folder, files and fields are named. In a streamed source
        damage is found when the image is read.
    """
    images.check_options("folder", resolution, channels, memory_limit_mb)
    root = expanded("folder", folder)
    paths = find_images(root)
    classes = find_classes(root, paths)
    shape = _common_shape(paths, resolution, channels)
    name = f"folder:{folder}"

    def read(index: int) -> HostBatch:
        labels = {} if classes is None else {"label": np.asarray(classes[1][index], np.int32)}
        return {"image": images.read(paths[index], resolution, shape[-1]), **labels}

    num_classes = None if classes is None else len(classes[0])
    if not images.fits(len(paths), shape, memory_limit_mb):
        return streamed(name, len(paths), shape, num_classes, read)
    arrays = {"image": np.empty((len(paths), *shape), np.uint8)}

    def decode(index: int) -> None:
        arrays["image"][index] = images.read(paths[index], resolution, shape[-1])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(decode, range(len(paths))):
            pass
    if classes is not None:
        arrays["label"] = np.array(classes[1], np.int32)
    return resident(name, arrays, num_classes)


def find_images(root: pathlib.Path) -> list[pathlib.Path]:
    """Paths of all image files below a folder, sorted by the names on their way.

    Raises:
      DataError: the folder or one in it cannot be read, or there is no image.
    """
    if not os.path.isdir(root):
        raise DataError(f"{root} is no folder that can be read; one of images ({', '.join(EXTENSIONS)}) is expected")

    def fail(error: OSError) -> None:
        raise DataError(f"folder {error.filename} cannot be read: {error.strerror}") from error

    paths = []
    for parent, subfolders, files in os.walk(root, onerror=fail):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        paths += [
            pathlib.Path(parent, name)
            for name in files
            if name.lower().endswith(EXTENSIONS) and not name.startswith(".")
        ]
    if not paths:
        raise DataError(f"{root} and its subfolders hold no image; files named *{', *'.join(EXTENSIONS)} are expected")
    return sorted(paths, key=lambda path: path.parts)


def find_classes(root: pathlib.Path, paths: Sequence[pathlib.Path]) -> tuple[list[str], list[int]] | None:
    """Class names and each image's class, or None if the folder is not divided into at least two subfolders."""
    inside = [path.relative_to(root).parts for path in paths]
    names = sorted({parts[0] for parts in inside})
    if len(names) < 2 or any(len(parts) == 1 for parts in inside):
        return None
    number = {name: index for index, name in enumerate(names)}
    return names, [number[parts[0]] for parts in inside]


def _common_shape(paths: Sequence[pathlib.Path], resolution: int, channels: int) -> tuple[int, int, int]:
    """Shape of every image after conversion; reads headers where files must agree."""
    height, width, found = images.header(paths[0])
    if resolution == 0 or channels == 0:
        for path in paths[1:]:
            other_height, other_width, other = images.header(path)
            if resolution == 0 and (other_height, other_width) != (height, width):
                raise DataError(
                    f"{paths[0]} is {width}x{height} and {path} is {other_width}x{other_height} pixels; "
                    "set data.folder.resolution to crop and resize them all"
                )
            if channels == 0 and other != found:
                raise DataError(
                    f"{paths[0]} has {found} channels and {path} has {other}; set data.folder.channels to 1, 3 or 4"
                )
    return resolution or height, resolution or width, channels or found
