"""Pixels as features: no network, no weights."""

from pathlib import Path

import jax

from gan_jax.errors import ConfigError
from gan_jax.extractors.extractor import Extractor


def load(dataset: str | None = None, path: str | Path | None = None) -> Extractor:
    """The extractor that lays the numbers of an image or point, float32 of any size, in a row; it takes no path."""
    del dataset
    if path is not None:
        raise ConfigError(f"extractor pixels takes no path (it has no weights), got {str(path)!r}")
    return Extractor("pixels", "", "none", _apply)


def _apply(images: jax.Array) -> tuple[jax.Array, None]:
    if images.ndim < 2 or images.dtype.name != "float32":
        raise ConfigError(f"extractor pixels takes float32 [B, ...], got {images.dtype} {list(images.shape)}")
    return images.reshape(images.shape[0], -1), None
