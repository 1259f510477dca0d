"""Pixels as features: no network, no weights."""

from pathlib import Path

import jax

from gan_jax.errors import ConfigError
from gan_jax.extractors.extractor import Extractor


def load(dataset: str | None = None, path: str | Path | None = None) -> Extractor:
    """The extractor that lays an image's numbers in a row.

    Args:
      dataset: not used: it is the same for all.
      path: not taken: there are no weights.

    Returns:
      Extractor of images float32 [B, H, W, C] (or points [B, D]), any size, to features float32 [B, H * W * C]; no
      logits. Its `apply` raises ConfigError for anything but float32 with a batch axis.

    Raises:
      ConfigError: a path.
    """
    del dataset
    if path is not None:
        raise ConfigError(f"extractor pixels takes no path (it has no weights), got {str(path)!r}")
    return Extractor("pixels", "", "none", _apply)


def _apply(images: jax.Array) -> tuple[jax.Array, None]:
    if images.ndim < 2 or images.dtype.name != "float32":
        raise ConfigError(f"extractor pixels takes float32 [B, ...], got {images.dtype} {list(images.shape)}")
    return images.reshape(images.shape[0], -1), None
