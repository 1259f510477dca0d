"""Metadata of image files turn the image and do nothing else to it, however odd or broken they are."""

import io
import random
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from gan_jax.data import images
from gan_jax.errors import DataError

PICTURE = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
# What EXIF 2.3 says of the stored row 0 and column 0, as operations on arrays.
TURNED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # of EXIF's types, in bytes


def saved(kind, **options):
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, kind, **options)
    return file.getvalue()


def exif(*entries, order="<"):
    """An EXIF block by hand: entries (tag, type, count, bytes), of any type, fitting or not."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    directory, values = b"", b""
    for tag, kind, count, value in entries:
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack(order + "I", len(head) + 12 * len(entries) + 4 + len(values))
            values += value
        directory += struct.pack(order + "HHI", tag, kind, count) + place
    return head + directory + bytes(4) + values


def turned(number, *others):
    return exif((0x0112, 3, 1, struct.pack("<H", number)), *others)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*before, after=b""):
    """With chunks before and after the pixels."""
    content = saved("PNG")
    start, end = content.index(b"IDAT") - 4, content.index(b"IEND") - 4
    return content[:start] + b"".join(before) + content[start:end] + after + content[end:]


def jpeg(*segments):
    """With segments (marker, bytes) before all others."""
    parts = [bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content for marker, content in segments]
    content = saved("JPEG", quality=100, subsampling=0)
    return content[:2] + b"".join(parts) + content[2:]


def tiff(*entries):
    """Uncompressed, by hand: Pillow writes no entries that contradict themselves."""
    short = lambda *values: struct.pack(f"<{len(values)}H", *values)
    own = [(256, 16), (257, 8), (259, 1), (262, 2), (277, 3), (278, 8), (279, 384)]
    fixed = [*((tag, 3, 1, short(value)) for tag, value in own), (258, 3, 3, short(8, 8, 8))]
    make = lambda start: exif(*sorted([*fixed, *entries, (273, 4, 1, struct.pack("<I", start))]))
    return make(len(make(0))) + PICTURE.tobytes()


WITH_EXIF = {
    "png": lambda block: png(chunk(b"eXIf", block)),
    "png after": lambda block: png(after=chunk(b"eXIf", block)),
    "jpeg": lambda block: jpeg((0xE1, b"Exif\0\0" + block)),
    "webp": lambda block: saved("WEBP", lossless=True, exif=block),
}


@pytest.fixture
def read(tmp_path):
    """Reads a file of this content, whose header must say the same; warnings of Pillow's parsers are no failure."""

    def read(content):
        path = tmp_path / "picture.png"
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = images.read(path, 0, 3)
            assert images.header(path) == result.shape
        return result

    return read


@pytest.mark.parametrize("number", [*TURNED, 0, 9])
def test_orientations(read, number):
    expected = TURNED.get(number, TURNED[1])(PICTURE)
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % number
    kinds = {name: make(turned(number)) for name, make in WITH_EXIF.items()}
    kinds["tiff"] = tiff((0x0112, 3, 1, struct.pack("<H", number)))
    kinds["tiff xmp"] = tiff((700, 1, len(xmp), xmp))
    kinds["png xmp"] = png(chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp))
    for name, content in kinds.items():
        found = read(content)
        if name == "jpeg":  # it is not stored to the bit
            assert np.array_equal(found, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))), name
            assert np.abs(found.astype(int) - expected).mean() < 3, name
        else:
            assert np.array_equal(found, expected), name


ODD = {
    "text stored as a number": (0x010E, 12, 1, struct.pack("<d", 0.5)),
    "a negative rational": (0x011A, 5, 1, struct.pack("<ii", -1, 3)),
    "a signed rational over 0": (0x9204, 10, 1, bytes(8)),
    "a number stored as text": (0x0128, 2, 2, b"x\0"),
    "a folder of tags at no place": (0x8769, 4, 1, b"\xff\xff\xff\xff"),
    "a type that there is not": (0x0132, 99, 1, b"1234"),
    "a count of all memory": (0x9286, 7, 2**32 - 1, b"1234"),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_tags_beside_an_orientation(read, odd):
    for name, make in WITH_EXIF.items():
        assert read(make(turned(6, ODD[odd]))).shape == (16, 8, 3), name
    assert np.array_equal(read(tiff((0x0112, 3, 1, struct.pack("<H", 6)), ODD[odd])), TURNED[6](PICTURE))


def random_block(rng):
    noise = rng.randbytes(rng.randrange(80))
    if rng.random() < 0.3:
        return noise
    if rng.random() < 0.3:
        return rng.choice([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]) + noise
    tags = [0x0112, 0x010E, 0x011A, 0x0128, 0x8769, 0x8825, 0x829A, rng.randrange(2**16)]
    entries = []
    for _ in range(rng.randrange(1, 6)):
        kind, count = rng.choice([*SIZES, 0, 99]), rng.randrange(4)
        entries.append((rng.choice(tags), kind, count, rng.randbytes(SIZES.get(kind, 1) * count)))
    whole = exif(*entries, order=rng.choice("<>"))
    return whole if rng.random() < 0.5 else whole[: rng.randrange(len(whole))]


def test_no_exif_costs_an_image(read):
    """In these files orientation is stated by chance or not at all; the pixels are some turn of the picture's."""
    possible = {turn(PICTURE).tobytes() for turn in TURNED.values()}
    rng = random.Random(0)
    for _ in range(40):
        block = random_block(rng)
        for name in ("png", "png after", "webp"):
            assert read(WITH_EXIF[name](block)).tobytes() in possible, (name, block)
        read(WITH_EXIF["jpeg"](block))


LONG = zlib.compress(bytes(2**20 + 1))  # more text than Pillow unpacks
BROKEN_CHUNKS = {
    "text too long": chunk(b"zTXt", b"Comment\0\0" + LONG),
    "text of no known compression": chunk(b"zTXt", b"Comment\0\7abc"),
    "text with another checksum": chunk(b"tEXt", b"Comment\0hello")[:-1] + b"?",
    "profile that is none": chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"no profile")),
    "profile of no known compression": chunk(b"iCCP", b"icc\0\7abc"),
    "profile without a name": chunk(b"iCCP", b""),
    "cut chromaticities": chunk(b"cHRM", b"123"),
    "cut gamma": chunk(b"gAMA", b"1"),
    "cut resolution": chunk(b"pHYs", b"123"),
    "cut animation": chunk(b"acTL", b"1"),
    "frame without animation": chunk(b"fcTL", b"1"),
    "EXIF with another checksum": chunk(b"eXIf", exif())[:-1] + b"?",
}


@pytest.mark.parametrize("broken", BROKEN_CHUNKS)
def test_no_chunk_of_a_png_costs_an_image(read, broken):
    upright = chunk(b"eXIf", turned(8))
    for content in (png(BROKEN_CHUNKS[broken]), png(after=BROKEN_CHUNKS[broken])):
        assert np.array_equal(read(content), PICTURE)
    if "EXIF" not in broken:  # a file has one block of it
        assert np.array_equal(read(png(upright, after=BROKEN_CHUNKS[broken])), TURNED[8](PICTURE))


@pytest.mark.parametrize(
    "segment",
    [
        (0xE0, b"JFIF\0"),
        (0xE2, b"ICC_PROFILE\0\x07\x01no profile"),
        (0xE2, b"MPF\0no pictures"),
        (0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed"),
        (0xEE, b"Adobe"),
        (0xFE, b"\xff\xfe no text"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0\xff<no XMP"),
    ],
)
def test_no_segment_of_a_jpeg_costs_an_image(read, segment):
    plain, exif = read(jpeg()), (0xE1, b"Exif\0\0" + turned(3))
    assert np.array_equal(read(jpeg(segment)), plain)
    assert np.array_equal(read(jpeg(segment, exif)), TURNED[3](plain))


@pytest.mark.parametrize(
    "entry",
    [
        (700, 3, 2, b"1234"),
        (34665, 4, 1, b"\xff\xff\xff\x7f"),
        (34853, 4, 1, b"\xff\xff\xff\xff"),
        (34675, 12, 1, bytes(8)),
        (282, 5, 1, bytes(8)),
        (296, 2, 4, b"inch"),
        (33723, 12, 2, bytes(16)),
    ],
)
def test_no_tag_of_a_tiff_costs_an_image(read, entry):
    assert np.array_equal(read(tiff(entry)), PICTURE)
    assert np.array_equal(read(tiff(entry, (0x0112, 3, 1, struct.pack("<H", 6)))), TURNED[6](PICTURE))


def test_comments_of_a_gif(read):
    plain = saved("GIF")
    start = plain.index(b"\x2c", 13 + 3 * 2 ** ((plain[10] & 7) + 1))
    for comment in (b"\xff\xfe\0", bytes(255)):
        block = b"\x21\xfe" + bytes([len(comment)]) + comment + b"\0"
        assert np.array_equal(read(plain[:start] + block + plain[start:]), read(plain))


@pytest.mark.parametrize("place", ["IHDR", "IDAT", "PLTE"])
def test_damaged_pixels_are_not_taken_for_metadata(tmp_path, place):
    """Where a chunk of pixels is wrong, no second reading hides it."""
    file = io.BytesIO()
    Image.fromarray(PICTURE).quantize(8).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[content.index(place.encode()) + 4] ^= 64
    start = content.index(b"IDAT") - 4
    path = tmp_path / "picture.png"
    path.write_bytes(content[:start] + BROKEN_CHUNKS["cut gamma"] + content[start:])
    with pytest.raises(DataError, match=r"picture\.png (is|has)"):
        images.read(path, 0, 3)
