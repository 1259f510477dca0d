"""Feature extractors: fixed networks that turn images into the numbers that metrics compare.

| name | for | weights |
|---|---|---|
| `lenet` | MNIST, Fashion-MNIST | trained by this project, part of the package |
| `inception` | colour images, comparable with published FID and Inception scores | a file that the user has |
| `efficientnet_lite0` | colour images | the extra `efficientnet` |
| `pixels` | anything | none |
"""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

from gan_jax.errors import ConfigError
from gan_jax.extractors import efficientnet_lite0, inception, lenet, pixels
from gan_jax.extractors.extractor import Extractor, of_callable

__all__ = ["EXTRACTORS", "Extractor", "get", "of_callable"]

EXTRACTORS: Mapping[str, Callable[..., Extractor]] = {
    "lenet": lenet.load,
    "inception": inception.load,
    "efficientnet_lite0": efficientnet_lite0.load,
    "pixels": pixels.load,
}


def get(name: str, *, dataset: str | None = None, path: str | Path | None = None) -> Extractor:
    """The extractor called `name`.

    Args:
      name: a key of EXTRACTORS.
      dataset: whose images it will see; `lenet` has weights for two of them, the others have one set for all.
      path: the file of the weights, for `inception` and `efficientnet_lite0`.

    Returns:
      Extractor, its weights on the default device.

    Raises:
      ConfigError: no such extractor; a data set or path that it does not take; or a path that it needs.
      DataError: the weights are missing, damaged or not the ones that belong to the name.
    """
    if name not in EXTRACTORS:
        close = difflib.get_close_matches(name, EXTRACTORS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ConfigError(f"extractor {name!r} is unknown{hint}; allowed: {', '.join(EXTRACTORS)}")
    return EXTRACTORS[name](dataset=dataset, path=path)
