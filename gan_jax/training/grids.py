"""Pictures of samples: grids of images, scatter plots and histograms of points."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_jax import files


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images float [B, H, W, C] in [-1, 1] as uint8 [B, H, W, C]; values outside are clipped, for display only."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def image_grid(images: np.ndarray, margin: int = 2, smallest: int = 28, columns: int | None = None) -> np.ndarray:
    """Tile images into one picture, row by row.

    Args:
      images: float [B, H, W, C] in [-1, 1]; C is 1, 3 or 4 (more channels show the first three).
      margin: pixels between images.
      smallest: images with a smaller side are enlarged by a whole factor.
      columns: images in a row; None: as square as can be.

    Returns:
      uint8 [height, width, 3].
    """
    pixels = to_uint8(images)
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    elif pixels.shape[-1] == 2:
        pixels = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1)
    pixels = pixels[..., :3]
    factor = max(1, math.ceil(smallest / min(pixels.shape[1:3])))
    pixels = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    count, height, width, _ = pixels.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.full((margin + rows * (height + margin), margin + columns * (width + margin), 3), 255, np.uint8)
    for i, image in enumerate(pixels):
        y, x = margin + i // columns * (height + margin), margin + i % columns * (width + margin)
        grid[y : y + height, x : x + width] = image
    return grid


def image_pairs(inputs: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Images float [B, H, W, C], each to the right of what it was made from, which is cut or padded to its size."""
    height, width, channels = images.shape[1:]
    fitted = np.full((len(images), height, width, channels), -1.0, np.float32)
    rows, columns = min(height, inputs.shape[1]), min(width, inputs.shape[2])
    fitted[:, :rows, :columns] = _with_channels(inputs[:, :rows, :columns], channels)
    pairs = np.stack([fitted, images], axis=1).reshape(-1, height, width, channels)
    return image_grid(pairs, columns=2 * math.ceil(math.sqrt(len(images) / 2)))


def _with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    if images.shape[-1] == channels:
        return images
    grey = images[..., :3].mean(axis=-1, keepdims=True)
    return np.broadcast_to(grey, (*images.shape[:-1], channels))


def beside(pictures: Sequence[np.ndarray], margin: int = 8) -> np.ndarray:
    """Pictures uint8 [h, w, 3] side by side on white; uint8 [height, width, 3]."""
    height = max(picture.shape[0] for picture in pictures)
    padded = [np.pad(p, ((0, height - len(p)), (0, 0), (0, 0)), constant_values=255) for p in pictures]
    gap = np.full((height, margin, 3), 255, np.uint8)
    return np.concatenate([part for picture in padded for part in (picture, gap)][:-1], axis=1)


def point_plot(points: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Generated points over real ones: a scatter plot of the first two coordinates, or two histograms in 1-D.

    Args:
      points: float [B, D].
      real: float [M, D], for comparison.

    Returns:
      uint8 [height, width, 3].
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if points.shape[1] == 1:
        both = np.concatenate([points, real])
        bins = np.linspace(both.min(), both.max() + 1e-6, 60)
        axes.hist(real[:, 0], bins=list(bins), density=True, alpha=0.5, color="gray", label="data")
        axes.hist(points[:, 0], bins=list(bins), density=True, alpha=0.6, color="tab:red", label="generator")
    else:
        axes.scatter(real[:, 0], real[:, 1], s=4, c="gray", alpha=0.4, linewidths=0, label="data")
        axes.scatter(points[:, 0], points[:, 1], s=4, c="tab:red", alpha=0.6, linewidths=0, label="generator")
        axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="upper right", fontsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write uint8 [H, W, 3] as a PNG, whole or not at all.

    Raises:
      OSError: it cannot be written.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace({path: buffer.getvalue()})
