"""Folders of images: what is read, how it is fitted, and every mistake a folder can hold."""

import os

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import folder, images, load
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


def test_orientation_is_applied(tmp_path):
    picture = Image.fromarray(noise(4, 6))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    source = load(f"folder:{tmp_path}")
    assert source.shape == (6, 4, 3)
    assert np.array_equal(source.arrays["image"][0], np.rot90(noise(4, 6), -1))


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


def test_sixteen_bits_are_refused(tmp_path):
    save(tmp_path / "deep.png", np.full((4, 4), 40000, np.uint16))
    with pytest.raises(DataError, match=r"deep\.png has pixel format .*8 bits a channel"):
        load(f"folder:{tmp_path}")


@pytest.mark.parametrize(
    ("options", "field"),
    [({"resolution": -1}, "resolution"), ({"channels": 2}, "channels"), ({"memory_limit_mb": -1}, "memory_limit_mb")],
)
def test_impossible_options(tmp_path, options, field):
    with pytest.raises(DataError, match=rf"data\.folder\.{field} must be"):
        folder.load(tmp_path, **options)
