"""What can be measured of drawn strokes, light on dark: slant and width."""

import numpy as np


def slant(images: np.ndarray) -> np.ndarray:
    """The angle by which strokes lean to the right of the vertical, in radians, float64 [N]; 0 without ink.

    It is the angle of the shear that moments find: atan(-mu11 / mu02), with rows that count downwards; exact for a
    straight stroke. Images are [N, H, W, C] in [-1, 1], ink 1 and ground -1, averaged over channels.
    """
    ink = _ink(images)
    total = np.maximum(ink.sum(axis=(1, 2)), np.finfo(float).tiny)
    mean = lambda of: (ink * of).sum(axis=(1, 2)) / total
    y, x = np.mgrid[: ink.shape[1], : ink.shape[2]].astype(np.float64)[:, None]
    y, x = y - mean(y)[:, None, None], x - mean(x)[:, None, None]
    vertical = mean(y * y)
    return np.where(vertical > 0, np.arctan2(-mean(x * y), vertical), 0.0)


def width(images: np.ndarray) -> np.ndarray:
    """The mean width of strokes in pixels, float64 [N]: their area over half their perimeter; 0 without ink.

    A stroke of length L and width w, far from others, has w L / (L + w); one of less than 2 pixels may seem wider, as
    no pixel is full of it. The perimeter is the total variation of the
    image, with differences averaged over squares of 2 x 2 pixels; images as of `slant`.
    """
    ink = np.pad(_ink(images), ((0, 0), (1, 1), (1, 1)))
    down, right = np.diff(ink, axis=1), np.diff(ink, axis=2)
    down, right = (down[:, :, 1:] + down[:, :, :-1]) / 2, (right[:, 1:] + right[:, :-1]) / 2
    perimeter = np.sqrt(down**2 + right**2).sum(axis=(1, 2))
    return np.divide(2 * ink.sum(axis=(1, 2)), perimeter, out=np.zeros(len(ink)), where=perimeter > 0)


def _ink(images: np.ndarray) -> np.ndarray:
    """The amount of ink in each pixel, in [0, 1], float64 [N, H, W]."""
    return np.clip(images.astype(np.float64).mean(axis=-1) / 2 + 0.5, 0, 1)
