"""Real and generated examples of one class after the other: what the metrics within classes share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.errors import MetricError

Pairs = Mapping[int, tuple[np.ndarray, np.ndarray]]


def by_class(
    real: np.ndarray, real_labels: np.ndarray, fake: np.ndarray, fake_labels: np.ndarray, *, least: int
) -> Pairs:
    """{class: (its real rows, its generated rows)} of the classes that were generated, at least ``least`` rows each."""
    found = {int(c): (real[real_labels == c], fake[fake_labels == c]) for c in np.unique(fake_labels)}
    for c, (of_real, of_fake) in found.items():
        if min(len(of_real), len(of_fake)) < least:
            raise MetricError(
                f"each class must have at least {least} real and {least} generated examples, got {len(of_real)} and "
                f"{len(of_fake)} of class {c}"
            )
    return found


def stamp(pairs: Pairs) -> dict[str, Any]:
    """For the protocol: how many classes there are, and of how many examples the smallest ones."""
    fewest = [min(map(len, rows)) for rows in zip(*pairs.values(), strict=True)]
    return {"classes": len(pairs), "fewest_real": fewest[0], "fewest_fake": fewest[1]}
