"""One image as an array of the wanted size and channels; shared by folders and TFDS sets.

Pillow is imported where it is needed: `import gan_jax.data` stays quick.
"""

import io
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from gan_jax.data import metadata
from gan_jax.errors import DataError
from gan_jax.paths import shown

if TYPE_CHECKING:
    from PIL import Image

Result = TypeVar("Result")
PNG_DEPTH = 24  # where a PNG file states its bits a channel
BITS_PER_SAMPLE = 258  # tag of TIFF
MODE_OF_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
EXPECTED = "images of 8 bits a channel are expected, grey, RGB, CMYK or YCbCr, or of a palette"
CHANNELS_OF_MODE = {"1": 1, "L": 1, "LA": 4, "RGB": 3, "RGBA": 4, "CMYK": 3, "YCbCr": 3}


def fits(num: int, shape: tuple[int, ...], memory_limit_mb: int) -> bool:
    """Whether `num` uint8 images of one shape take at most `memory_limit_mb` MiB."""
    return num * int(np.prod(shape)) <= memory_limit_mb * 2**20


def header(path: pathlib.Path) -> tuple[int, int, int]:
    """Height, width and channels (1, 3 or 4) of an image file, upright; only PNG and TIFF are read whole for it."""

    def measure(image: "Image.Image") -> tuple[int, int, int]:
        channels = _channels(image, path)
        if image.format in metadata.LATE:
            image.load()
        width, height = image.size
        sideways = metadata.orientation(image) in metadata.SIDEWAYS
        return (width, height, channels) if sideways else (height, width, channels)

    return _opened(path, measure)


def read(path: pathlib.Path, resolution: int, channels: int) -> np.ndarray:
    """Decodes an image file to uint8 [H, W, channels], upright as its EXIF orientation says; of an animation the first
    frame. `resolution` is that of `fit`; transparent parts become white where no alpha channel is left.
    """

    def decode(image: "Image.Image") -> np.ndarray:
        _channels(image, path)
        image.load()
        upright = metadata.upright(image, metadata.orientation(image))
        return _to_array(fit(_convert(upright, channels), resolution))

    return _opened(path, decode)


def adapt(array: np.ndarray, resolution: int, channels: int) -> np.ndarray:
    """The same treatment for an image that is an array already; 0 channels are those that it has."""
    from PIL import Image

    wanted = channels or array.shape[-1]
    if resolution == 0 and wanted == array.shape[-1]:
        return array
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    return _to_array(fit(_convert(image, wanted), resolution))


def fit(image: "Image.Image", resolution: int) -> "Image.Image":
    """Crops the central square and resizes it once to this side, with Pillow's bicubic filter; 0 leaves it as it is.

    Pillow widens the filter to the scale when it shrinks an image, so the result is free of aliasing.

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


def _opened(path: pathlib.Path, use: Callable[["Image.Image"], Result]) -> Result:
    """What `use` makes of the opened file, stripped of its metadata if Pillow fails over the whole of it."""
    from PIL import Image

    def attempt(file: pathlib.Path | BinaryIO) -> Result:
        with Image.open(file) as image:
            return use(image)

    try:
        try:
            return attempt(path)
        except DataError:
            raise
        except Exception:
            stripped = metadata.without_metadata(path.read_bytes())
            if stripped is None:
                raise
            return attempt(io.BytesIO(stripped))
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise anything: struct.error, KeyError, AttributeError
        raise DataError(f"{shown(path)} {_problem(error)}") from error


def _problem(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if isinstance(error, UnidentifiedImageError):
        return "is not an image that Pillow can read, or is damaged"
    said = " ".join(str(error).split()) or type(error).__name__
    kind = "cannot be read" if isinstance(error, (Image.DecompressionBombError, MemoryError)) else "is damaged"
    return f"{kind}: {said}"


def _channels(image: "Image.Image", path: pathlib.Path) -> int:
    """Channels of an opened image that is not loaded yet."""
    bits = _bits(image, path)
    if bits > 8:
        raise DataError(f"{shown(path)} has {bits} bits a channel; {EXPECTED}")
    if image.mode == "P":
        return 4 if "transparency" in image.info else 3
    if image.mode not in CHANNELS_OF_MODE:
        raise DataError(f"{shown(path)} has pixel format {image.mode!r}; {EXPECTED}")
    return CHANNELS_OF_MODE[image.mode]


def _bits(image: Any, path: pathlib.Path) -> int:
    """Bits a channel where a format can have more than 8, which Pillow cuts to 8 in colour without a word; else 8."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(PNG_DEPTH + 1)[PNG_DEPTH]
    if image.format == "TIFF":
        return max(image.tag_v2.get(BITS_PER_SAMPLE, (1,)))
    if image.format == "PPM":
        options = image.tile[0].args
        highest = options[-1] if isinstance(options, tuple) else 255
        return max(8, int(highest).bit_length())
    return 8


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
