"""Handwritten digits of 8x8 pixels that come with scikit-learn."""

import numpy as np

from gan_jax.data.source import Source
from gan_jax.data.storage import resident

HIGHEST_VALUE = 16


def load() -> Source:
    """1797 handwritten digits, uint8 [8, 8, 1], ten classes; the values 0 to 16 are stretched to 0 to 255.

    References:
      E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    image = np.round(digits.images[..., None] * (255 / HIGHEST_VALUE)).astype(np.uint8)
    return resident("digits", {"image": image, "label": digits.target.astype(np.int32)})
