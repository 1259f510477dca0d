"""Folders of images: what is read, how it is fitted, and every mistake a folder can hold."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import images, load
from gan_jax.errors import DataError


def noise(height, width, channels=3, seed=0):
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_values_order_and_classes(tmp_path):
    pictures = {"cats/2.png": 0, "cats/deep/1.PNG": 1, "dogs/3.bmp": 2, "ants/4.png": 3}
    for name, seed in pictures.items():
        save(tmp_path / name, noise(6, 5, seed=seed))
    (tmp_path / "cats" / "notes.txt").write_text("no image")
    (tmp_path / "cats" / ".hidden.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    source = load(f"folder:{tmp_path}")
    assert (source.shape, source.num_examples, source.num_classes) == ((6, 5, 3), 4, 3)
    assert source.value_range == (-1.0, 1.0)
    assert source.arrays["label"].tolist() == [0, 1, 1, 2]
    assert np.array_equal(source.arrays["image"], np.stack([noise(6, 5, seed=seed) for seed in (3, 0, 1, 2)]))


@pytest.mark.parametrize("names", [("a.png", "b.png"), ("a/1.png", "a/2.png"), ("a/1.png", "b/2.png", "c.png")])
def test_no_classes(tmp_path, names):
    for name in names:
        save(tmp_path / name, noise(4, 4))
    source = load(f"folder:{tmp_path}")
    assert source.num_classes is None
    assert set(source.arrays) == {"image"}


@pytest.mark.parametrize(("channels", "expected"), [(1, 1), (3, 3), (4, 4)])
def test_channels_as_the_files(tmp_path, channels, expected):
    save(tmp_path / "a.png", noise(4, 4, channels))
    assert load(f"folder:{tmp_path}").shape == (4, 4, expected)
    assert np.array_equal(load(f"folder:{tmp_path}").arrays["image"][0].squeeze(), noise(4, 4, channels))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_mixed_modes_are_converted(tmp_path, channels):
    save(tmp_path / "grey.png", noise(4, 4, 1))
    save(tmp_path / "colour.png", noise(4, 4, 3))
    save(tmp_path / "alpha.png", noise(4, 4, 4))
    Image.fromarray(noise(4, 4, 3)).quantize(8).save(tmp_path / "palette.gif")
    Image.fromarray(noise(4, 4, 3)).convert("CMYK").save(tmp_path / "print.jpg")
    Image.fromarray(noise(4, 4, 1)).convert("1").save(tmp_path / "bits.png")
    assert load(f"folder:{tmp_path}", channels=channels).shape == (4, 4, channels)


def test_transparent_becomes_white(tmp_path):
    clear = np.zeros((4, 4, 4), np.uint8)
    save(tmp_path / "clear.png", clear)
    assert np.all(load(f"folder:{tmp_path}", channels=3).arrays["image"] == 255)
    assert np.all(load(f"folder:{tmp_path}", channels=1).arrays["image"] == 255)
    assert np.all(load(f"folder:{tmp_path}", channels=4).arrays["image"] == 0)


def test_crop_takes_the_centre_and_resize_averages(tmp_path):
    # A grey square between red margins: nothing red may leak in, and equal values stay equal under the filter.
    wide = np.zeros((16, 40, 3), np.uint8)
    wide[..., 0] = 255
    wide[:, 12:28] = 90
    save(tmp_path / "wide.png", wide)
    save(tmp_path / "tall.png", wide.swapaxes(0, 1))
    for resolution in (16, 8, 32, 5):
        image = load(f"folder:{tmp_path}", resolution=resolution).arrays["image"]
        assert image.shape == (2, resolution, resolution, 3)
        assert np.all(image == 90)
    # Free of aliasing: stripes of one pixel, shrunk four times, are their mean and not one of the two values.
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 200
    inner = images.adapt(stripes[..., None], 16, 0)[4:-4, 4:-4]
    assert np.abs(inner.astype(int) - 100).max() < 8


def test_odd_crop():
    image = np.arange(5 * 8, dtype=np.uint8).reshape(5, 8, 1)
    assert np.array_equal(images.adapt(image, 5, 0), image[:, 1:6])


def test_limit_decides_between_resident_and_streamed(tmp_path):
    for index in range(3):
        save(tmp_path / f"{index}.png", noise(1024, 1024, 1, seed=index))
    assert load(f"folder:{tmp_path}", memory_limit_mb=3).stream is None
    streamed = load(f"folder:{tmp_path}", memory_limit_mb=2)
    assert streamed.fetch is None
    assert streamed.stream is not None
    assert streamed.arrays == {}
    assert (streamed.shape, streamed.num_examples) == ((1024, 1024, 1), 3)


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match=r"nowhere is no folder that can be read; one of images \(.bmp"):
        load(f"folder:{tmp_path / 'nowhere'}")


def test_file_instead_of_folder(tmp_path):
    save(tmp_path / "a.png", noise(4, 4))
    with pytest.raises(DataError, match=r"a\.png is no folder"):
        load(f"folder:{tmp_path / 'a.png'}")


def test_no_image(tmp_path):
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"hold no image; files named \*.bmp"):
        load(f"folder:{tmp_path}")


def test_unreadable_subfolder(tmp_path, monkeypatch):
    save(tmp_path / "a" / "1.png", noise(4, 4))
    (tmp_path / "secret").mkdir()
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"secret cannot be read: Permission denied"):
        load(f"folder:{tmp_path}")


def test_links_are_followed_and_cycles_end(tmp_path):
    """Classes are links to folders elsewhere, one by way of a second link; links lead from them to where they lie."""
    for index, name in enumerate(["elsewhere/far/1.png", "elsewhere/far/deep/2.png", "photos/birds/3.png", "4.png"]):
        save(tmp_path / name, noise(4, 4, seed=index))
    photos = tmp_path / "photos"
    (tmp_path / "way").symlink_to("elsewhere/far", target_is_directory=True)
    (photos / "ants").symlink_to("../way", target_is_directory=True)
    (photos / "birds" / "linked.png").symlink_to(tmp_path / "4.png")
    (photos / "birds" / "all").symlink_to(photos, target_is_directory=True)
    (photos / "birds" / "self").symlink_to(".", target_is_directory=True)
    (tmp_path / "elsewhere" / "far" / "deep" / "up").symlink_to("..", target_is_directory=True)
    source = load(f"folder:{photos}")
    assert (source.num_examples, source.num_classes) == (4, 2)
    assert source.arrays["label"].tolist() == [0, 0, 1, 1]
    assert np.array_equal(source.arrays["image"], np.stack([noise(4, 4, seed=seed) for seed in (0, 1, 2, 3)]))
    (tmp_path / "alias").symlink_to("photos", target_is_directory=True)
    assert load(f"folder:{tmp_path / 'alias'}").num_examples == 4


@pytest.mark.parametrize(
    ("name", "target", "says"),
    [
        ("gone.png", "nowhere/gone.png", r"gone\.png cannot be read: No such file or directory \(it is a link; mend"),
        ("cats", "nowhere", r"cats cannot be read: No such file or directory \(it is a link; mend or remove it\)"),
        ("ring", "ring", r"ring cannot be read: Too many levels of symbolic links \(it is a link; mend or remove it\)"),
    ],
)
def test_links_to_nothing(tmp_path, name, target, says):
    save(tmp_path / "a.png", noise(4, 4))
    (tmp_path / name).symlink_to(target)
    with pytest.raises(DataError, match=says):
        load(f"folder:{tmp_path}", memory_limit_mb=0)
    (tmp_path / name).rename(tmp_path / f".{name}")
    assert load(f"folder:{tmp_path}").num_examples == 1


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png is neither a file nor a folder; an image is expected"):
        load(f"folder:{tmp_path}")


@pytest.mark.parametrize(
    "name", ["a b [1] {x} %d.png", "new\nline.png", "\N{SNOWMAN}.png", os.fsdecode(b"\xff\xfe.png"), "n" * 251 + ".png"]
)
def test_odd_names(tmp_path, name):
    """Read like others; in a message they take one line, which any terminal can show."""
    for parent in (tmp_path / "a", tmp_path / name):
        save(parent / name, noise(4, 4))
    assert load(f"folder:{tmp_path}").num_classes == 2
    (tmp_path / name / name).write_bytes(b"no image")
    with pytest.raises(DataError, match=r"\.png'? is not an image that Pillow can read") as raised:
        load(f"folder:{tmp_path}", channels=3)
    assert str(raised.value).isprintable()
    str(raised.value).encode()


def test_mixed_sizes(tmp_path):
    save(tmp_path / "a.png", noise(4, 5))
    save(tmp_path / "b.png", noise(6, 5))
    with pytest.raises(DataError, match=r"a\.png is 5x4 and .*b\.png is 5x6 pixels; set data\.folder\.resolution"):
        load(f"folder:{tmp_path}")


def test_mixed_channels(tmp_path):
    save(tmp_path / "a.png", noise(4, 4, 1))
    save(tmp_path / "b.png", noise(4, 4, 3))
    with pytest.raises(DataError, match=r"a\.png has 1 channels and .*b\.png has 3; set data\.folder\.channels"):
        load(f"folder:{tmp_path}")


@pytest.mark.parametrize("options", [{}, {"resolution": 4, "channels": 3}])
@pytest.mark.parametrize("damage", ["text", "truncated", "empty"])
def test_broken_image(tmp_path, damage, options):
    save(tmp_path / "a.png", noise(64, 64))
    save(tmp_path / "b.png", noise(64, 64))
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes({"text": b"no image", "truncated": whole[: len(whole) // 2], "empty": b""}[damage])
    with pytest.raises(DataError, match=r"b\.png"):
        load(f"folder:{tmp_path}", **options)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(bits, colour, row, *extra):
    """A PNG file of one row of pixels, written by hand: Pillow writes no 16 bits in colour."""
    width = len(row) * 8 // (bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour])
    header = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    pixels = zlib.compress(b"\0" + row)
    parts = [(b"IHDR", header), *extra, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def tiff(bits):
    """A TIFF file of one RGB pixel, by hand."""
    fields = [(256, 1), (257, 1), (258, 134), (259, 1), (262, 2), (273, 128), (277, 3), (278, 1), (279, bits * 3 // 8)]
    entries = b"".join(struct.pack("<HHII", tag, 3, 3 if tag == 258 else 1, value) for tag, value in fields)
    head = b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4)
    return head.ljust(128, b"\0") + bytes(6) + struct.pack("<HHH", bits, bits, bits)


@pytest.mark.parametrize(
    ("name", "content", "bits"),
    [
        ("grey.png", png(16, 0, bytes(4)), 16),
        ("colour.png", png(16, 2, bytes(12)), 16),
        ("alpha.png", png(16, 6, bytes(16)), 16),
        ("grey_alpha.png", png(16, 4, bytes(8)), 16),
        ("colour.tif", tiff(16), 16),
        ("colour.ppm", b"P6 1 1 65535\n" + bytes(6), 16),
        ("colour_in_words.ppm", b"P3 1 1 1023\n0 0 0\n", 10),
        ("grey.ppm", b"P5 1 1 256\n" + bytes(2), 9),
    ],
)
def test_more_than_eight_bits_are_refused(tmp_path, name, content, bits):
    (tmp_path / name).write_bytes(content)
    for options in ({}, {"resolution": 4, "channels": 3}, {"memory_limit_mb": 0}):
        with pytest.raises(DataError, match=rf"{name} has {bits} bits a channel; images of 8 bits a channel are exp"):
            load(f"folder:{tmp_path}", **options)


PALETTE = (b"PLTE", bytes(range(12)))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("1.png", png(1, 0, b"\xaa"), [255, 0] * 4),
        ("2.png", png(2, 0, b"\x1b"), [0, 85, 170, 255]),
        ("4.png", png(4, 0, b"\x0f\x37"), [0, 255, 51, 119]),
        ("1_of_palette.png", png(1, 3, b"\xaa", PALETTE), [[3, 4, 5], [0, 1, 2]] * 4),
        ("2_of_palette.png", png(2, 3, b"\x1b", PALETTE), [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]),
        ("8_grey_alpha.png", png(8, 4, b"\x05\x80"), [[5, 5, 5, 128]]),
        ("8.tif", tiff(8), [[0, 0, 0]]),
        ("31.ppm", b"P6 2 1 31\n" + bytes([0, 31, 15, 10, 1, 30]), [[0, 255, 123], [82, 8, 247]]),
        ("31_in_words.ppm", b"P3 1 1 31\n0 31 15\n", [[0, 255, 123]]),
        ("100_grey.ppm", b"P5 3 1 100\n" + bytes([0, 100, 50]), [0, 255, 128]),
        ("1_bit.ppm", b"P4 8 1\n\xaa", [0, 255] * 4),
    ],
)
def test_fewer_bits_are_stretched_to_eight(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    assert load(f"folder:{tmp_path}").arrays["image"][0, 0].squeeze().tolist() == np.squeeze(expected).tolist()


@pytest.mark.parametrize(
    ("options", "field"),
    [({"resolution": -1}, "resolution"), ({"channels": 2}, "channels"), ({"memory_limit_mb": -1}, "memory_limit_mb")],
)
def test_impossible_options(tmp_path, options, field):
    with pytest.raises(DataError, match=rf"^data\.folder\.{field}=.* is not possible; allowed: "):
        load(f"folder:{tmp_path}", **options)
