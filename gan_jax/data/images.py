"""One image as an array of the wanted size and channels; shared by folders and TFDS sets.

Pillow is imported where it is needed: `import gan_jax.data` stays quick.
"""

import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_jax.errors import DataConfigError, DataError

if TYPE_CHECKING:
    from PIL import Image

ORIENTATION_TAG, SIDEWAYS = 0x0112, (5, 6, 7, 8)  # EXIF: orientations that swap width and height
DAMAGED = (OSError, SyntaxError, ValueError, EOFError)  # what Pillow's decoders raise
MODE_OF_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
CHANNELS_OF_MODE = {"1": 1, "L": 1, "LA": 4, "RGB": 3, "RGBA": 4, "CMYK": 3, "YCbCr": 3}


def check_options(section: str, resolution: int, channels: int, memory_limit_mb: int) -> None:
    """Raises DataError, naming the field, for an option of an image set that is not allowed."""
    if resolution < 0:
        raise DataConfigError(f"data.{section}.resolution must be 0 (as the images are) or above, got {resolution!r}")
    if channels not in (0, *MODE_OF_CHANNELS):
        raise DataConfigError(f"data.{section}.channels must be 0 (as the images are), 1, 3 or 4, got {channels!r}")
    if memory_limit_mb < 0:
        raise DataConfigError(f"data.{section}.memory_limit_mb must be 0 or above, got {memory_limit_mb!r}")


def fits(num: int, shape: tuple[int, ...], memory_limit_mb: int) -> bool:
    """Whether `num` uint8 images of one shape take at most `memory_limit_mb` MiB."""
    return num * int(np.prod(shape)) <= memory_limit_mb * 2**20


def header(path: pathlib.Path) -> tuple[int, int, int]:
    """Height, width and channels (1, 3 or 4) of an image file, read from its beginning only.

    Raises:
      DataError: not an image, or one of more than 8 bits a channel; the file is named.
    """
    with _open(path) as image:
        channels = _channels(image, path)
        width, height = image.size
        try:
            sideways = image.getexif().get(ORIENTATION_TAG) in SIDEWAYS
        except DAMAGED as error:
            raise DataError(f"{path} is damaged: {error}") from error
        return (width, height, channels) if sideways else (height, width, channels)


def read(path: pathlib.Path, resolution: int, channels: int) -> np.ndarray:
    """Decodes an image file, turned upright as its EXIF orientation says; of an animation the first frame.

    Args:
      path: the file.
      resolution: 0, or the side of the square that is made by `fit`.
      channels: 1, 3 or 4; transparent parts become white where there is no alpha channel left.

    Returns:
      uint8 [H, W, channels].

    Raises:
      DataError: the file is damaged, is no image, or has more than 8 bits a channel; it is named.
    """
    from PIL import ImageOps

    with _open(path) as image:
        _channels(image, path)
        try:
            upright = ImageOps.exif_transpose(image)
        except DAMAGED as error:
            raise DataError(f"{path} is damaged: {error}") from error
        return _to_array(fit(_convert(upright, channels), resolution))


def adapt(array: np.ndarray, resolution: int, channels: int) -> np.ndarray:
    """The same treatment for an image that is an array already.

    Args:
      array: uint8 [H, W, C], C is 1, 3 or 4.
      resolution: 0, or the side of the square that is made by `fit`.
      channels: 0 for those of the array, else 1, 3 or 4.

    Returns:
      uint8 [H', W', C'].
    """
    from PIL import Image

    wanted = channels or array.shape[-1]
    if resolution == 0 and wanted == array.shape[-1]:
        return array
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    return _to_array(fit(_convert(image, wanted), resolution))


def fit(image: "Image.Image", resolution: int) -> "Image.Image":
    """Crops the central square and resizes it once, with Pillow's bicubic filter.

    Pillow widens the filter to the scale when it shrinks an image, so the result is free of aliasing.

    Args:
      image: any size.
      resolution: side of the result in pixels; 0 leaves the image as it is.

    References:
      Gaurav Parmar, Richard Zhang, Jun-Yan Zhu, "On aliased resizing and surprising subtleties in GAN evaluation",
      2021, arXiv:2104.11222: resizers of other libraries alias.
    """
    from PIL import Image

    if resolution == 0:
        return image
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    if side == resolution:
        return image.crop(box)
    # Cropping inside `resize` would let the filter reach beyond the square.
    return image.crop(box).resize((resolution, resolution), Image.Resampling.BICUBIC)


def _open(path: pathlib.Path) -> "Image.Image":
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not an image that Pillow can read, or is damaged") from error
    except (*DAMAGED, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _channels(image: "Image.Image", path: pathlib.Path) -> int:
    if image.mode == "P":
        return 4 if "transparency" in image.info else 3
    if image.mode not in CHANNELS_OF_MODE:
        raise DataError(f"{path} has pixel format {image.mode!r}; images of 8 bits a channel are expected")
    return CHANNELS_OF_MODE[image.mode]


def _convert(image: "Image.Image", channels: int) -> "Image.Image":
    """Converts to 1, 3 or 4 channels; where alpha is dropped, the image is laid over white first."""
    from PIL import Image

    if channels != 4 and (image.mode in ("LA", "RGBA") or "transparency" in image.info):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(MODE_OF_CHANNELS[channels])


def _to_array(image: "Image.Image") -> np.ndarray:
    array: Any = np.array(image, np.uint8)
    return array[..., None] if array.ndim == 2 else array
