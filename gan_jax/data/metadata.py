"""What an image file says beside its pixels. It may be wrong in any way, and never costs the image."""

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

ORIENTATION_TAG = 0x0112
# EXIF's orientations as names of Pillow's transpositions that make them upright; 1 is upright.
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height
LATE = ("PNG", "TIFF")  # formats whose orientation is known once they are loaded: it may follow the pixels

PNG, JPEG, TIFF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", {b"II*\0": "<", b"MM\0*": ">"}
PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # of PNG, all that makes the pixels
START_OF_SCAN, APPLICATION, ADOBE, COMMENT = 0xDA, range(0xE0, 0xF0), 0xEE, 0xFE  # markers of JPEG
# Tags of TIFF that make the pixels: sizes, compression, colours, places of strips and tiles, extra channels, JPEG.
PIXEL_TAGS = frozenset((*range(254, 260), 262, 266, 273, ORIENTATION_TAG, 277, 278, 279, 284, 292, 293, 317, 320,
                        *range(322, 326), 338, 339, 347, *range(512, 522), *range(529, 533)))  # fmt: skip


def orientation(image: "Image.Image") -> int:
    """EXIF's orientation of an opened image, of those in `LATE` a loaded one: from 1 to 8.

    1, as it is stored, where nothing is stated or what is stated cannot be read, and of TIFF, which Pillow turns itself
    as it loads.
    """
    if image.format == "TIFF":
        return 1
    try:
        stated = image.getexif().get(ORIENTATION_TAG)
        return next((number for number in TURNS if stated == number), 1)
    except Exception:  # of bytes that are no EXIF Pillow's parser may raise anything
        return 1


def upright(image: "Image.Image", stated: int) -> "Image.Image":
    """The image turned as `orientation` says. Pillow's `exif_transpose` also writes all EXIF anew, which can fail."""
    from PIL import Image

    return image.transpose(Image.Transpose[TURNS[stated]]) if stated in TURNS else image


def without_metadata(data: bytes) -> bytes | None:
    """A PNG, JPEG or TIFF file of the same pixels, without all else but the orientation; None if there is none."""
    stripped = data
    if data.startswith(PNG):
        stripped = _strip_png(data)
    elif data.startswith(JPEG):
        stripped = _strip_jpeg(data)
    elif data[:4] in TIFF:
        stripped = _strip_tiff(data)
    return None if stripped == data else stripped


def _strip_png(data: bytes) -> bytes:
    """Keeps the chunks of pixels as they are, and EXIF that is whole."""
    kept, position = [PNG], len(PNG)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        name, checksum = data[position + 4 : position + 8], data[end - 4 : end]
        whole = checksum == struct.pack(">I", zlib.crc32(data[position + 4 : end - 4]))
        if name in PIXEL_CHUNKS or (name == b"eXIf" and whole):
            kept.append(data[position:end])
        position = end
    return b"".join(kept)


def _strip_jpeg(data: bytes) -> bytes:
    """Drops comments and applications' segments before the pixels but for EXIF and Adobe's, which says what colours."""
    kept, position = [JPEG], len(JPEG)
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != START_OF_SCAN:
        marker, length = struct.unpack_from(">BH", data, position + 1)
        end = position + 2 + length
        content = data[position + 4 : end]
        used = content.startswith(b"Exif\0\0") or (marker == ADOBE and content.startswith(b"Adobe") and length >= 14)
        if used or not (marker in APPLICATION or marker == COMMENT):
            kept.append(data[position:end])
        position = end
    return b"".join([*kept, data[position:]])


def _strip_tiff(data: bytes) -> bytes:
    """Shortens the first directory to the tags of pixels; nothing that these point to moves."""
    order = TIFF[data[:4]]
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        entries = [struct.unpack_from("12s", data, start + 2 + 12 * i)[0] for i in range(count)]
        (after,) = struct.unpack_from("4s", data, start + 2 + 12 * count)
    except struct.error:  # it is cut short: there is no directory to shorten
        return data
    kept = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] in PIXEL_TAGS]
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + after
    return data[:start] + directory + data[start + len(directory) :]
