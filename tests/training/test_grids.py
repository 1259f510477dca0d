"""Sample grids, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from gan_jax.training.sampling import image_grid, point_plot, to_uint8, write_png


def test_pixels_map_from_minus_one_and_one_to_0_and_255():
    values = np.array([-1.0, 0.0, 1.0, -3.0, 3.0], np.float32).reshape(1, 1, 5, 1)
    assert to_uint8(values).ravel().tolist() == [0, 128, 255, 0, 255]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_images_stand_row_by_row(channels):
    images = np.linspace(-1, 1, 5, dtype=np.float32)[:, None, None, None] * np.ones((5, 30, 40, channels), np.float32)
    grid = image_grid(images)
    assert grid.shape == (2 + 2 * 32, 2 + 3 * 42, 3)
    for i, image in enumerate(to_uint8(images)):
        y, x = 2 + i // 3 * 32, 2 + i % 3 * 42
        assert (grid[y : y + 30, x : x + 40, 0] == image[0, 0, 0]).all()
        assert (grid[y - 2 : y, x : x + 40] == 255).all()
    assert (grid[34:, 2 + 2 * 42 :] == 255).all()  # the sixth place is empty


def test_small_images_are_enlarged_by_a_whole_factor():
    assert image_grid(np.zeros((1, 8, 8, 1), np.float32)).shape == (2 + 34, 2 + 34, 3)


@pytest.mark.parametrize("dimension", [1, 2])
def test_points_are_drawn(dimension):
    rng = np.random.default_rng(0)
    picture = point_plot(rng.normal(size=(50, dimension)), rng.normal(size=(50, dimension)))
    assert picture.shape == (400, 400, 3)
    assert picture.std() > 1


def test_a_png_holds_the_same_pixels(tmp_path):
    grid = image_grid(np.random.default_rng(0).uniform(-1, 1, (4, 28, 28, 3)).astype(np.float32))
    write_png(tmp_path / "new" / "grid.png", grid)
    assert (np.asarray(Image.open(tmp_path / "new" / "grid.png")) == grid).all()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["grid.png"]
