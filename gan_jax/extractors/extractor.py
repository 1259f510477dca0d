"""What a feature extractor is to the metrics, and one made of a user's own function."""

import functools
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.errors import ConfigError

OWN_RESIZE = "its own"  # of a user's function, which may resize as it likes

Apply = Callable[[jax.Array], tuple[jax.Array, jax.Array | None]]


class Extractor(NamedTuple):
    """A fixed function from images to features, and all that a number made with it must name.

    Attributes:
      name: what the network is and what it was trained on, such as "lenet (mnist)".
      sha256: of the file of the weights, or of a user's source file; "" where there are no weights.
      resize: what happens to an image before the network: "none", "bilinear to 299 x 299 as TensorFlow 1 does", ...
      apply: images float32 [B, H, W, C] in [-1, 1] to (features float32 [B, D], logits float32 [B, K] or None). Pure
        and jit-able; an image's features depend on that image alone, up to rounding.
    """

    name: str
    sha256: str
    resize: str
    apply: Apply


def check_images(name: str, images: jax.Array, shape: tuple[int, ...] | None = None) -> None:
    """Raises ConfigError unless images are float32 [B, H, W, C], of this `shape` or else with C 1 or 3."""
    wanted = "float32 [B, H, W, 1 or 3]" if shape is None else f"float32 [B, {', '.join(map(str, shape))}]"
    fits = images.ndim == 4 and (images.shape[3] in (1, 3) if shape is None else images.shape[1:] == shape)
    if not fits or images.dtype != jnp.float32:
        raise ConfigError(f"extractor {name} takes images {wanted}, got {images.dtype} {list(images.shape)}")


def of_callable(function: Callable[[jax.Array], Any], name: str) -> Extractor:
    """An extractor made of a user's own function.

    Args:
      function: images float32 [B, H, W, C] in [-1, 1] to features float32 [B, D], or to a pair (features, logits
        float32 [B, K]); jit-able, and each image on its own. Whatever it resizes is its own affair.
      name: what the extractor is called in records.

    Returns:
      Extractor whose sha256 is that of the source file that defines the function: not of weights it reads elsewhere.
      Its `apply` raises ConfigError if the function returns anything else.

    Raises:
      ConfigError: no function, or one without a source file.
    """
    if not callable(function):
        raise ConfigError(f"extractor {name} must be a function of images, got {type(function).__name__}")
    try:
        sha256 = hashlib.sha256(_source_file(function).read_bytes()).hexdigest()
    except (TypeError, OSError) as error:
        raise ConfigError(f"extractor {name} has no source file that tells one version from another: {error}") from None

    def apply(images: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        made = function(images)
        features, logits = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
        for what, value in (("features", features), *((("logits", logits),) if logits is not None else ())):
            shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
            if shape is None or len(shape) != 2 or shape[0] != images.shape[0] or not shape[1] or dtype != jnp.float32:
                got = f"{dtype} {list(shape)}" if shape is not None else type(value).__name__
                raise ConfigError(f"extractor {name} must return {what} float32 [{images.shape[0]}, n], got {got}")
        return features, logits

    return Extractor(name, sha256, OWN_RESIZE, apply)


def _source_file(function: Any) -> Path:
    """The file that defines a function, under what `jax.jit` or `functools.partial` made of it, or its class."""
    while isinstance(function, functools.partial) or hasattr(function, "__wrapped__"):
        function = function.func if isinstance(function, functools.partial) else function.__wrapped__
    written = inspect.isroutine(function) or inspect.isclass(function)
    return Path(inspect.getfile(function if written else type(function)))
