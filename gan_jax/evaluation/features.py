"""Features of examples: by which extractor, in chunks, and kept for real examples."""

import hashlib
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import extractors
from gan_jax.data.cache import cached
from gan_jax.data.source import to_float
from gan_jax.errors import ConfigError
from gan_jax.evaluation.reference import Reference
from gan_jax.extractors.extractor import OWN_RESIZE, Extractor, of_callable
from gan_jax.metrics.table import OWN, parse
from gan_jax.paths import cache_folder, expanded
from gan_jax.registry import resolve_reference

CHUNK = 500  # examples per call
RESIZED_CHUNK = 32  # the same where images are enlarged: maps of 299 x 299 pixels would fill the memory
WITH_FILE = ("inception", "efficientnet_lite0")  # extractors whose weights may lie in a file of the user's
POINTS = Extractor("points", "", "none", lambda x: (x, None))
Features = tuple[np.ndarray, np.ndarray | None]


def extractors_of(names: Sequence[str], reference: Reference, weights: str, own: str) -> dict[str, Extractor]:
    """{name: Extractor} of those that metrics name; "own" is ``own``, a ``package.module:attribute``.

    Raises:
      ConfigError: an extractor does not fit the data, or its weights are not there.
    """
    made: dict[str, Extractor] = {}
    for name in names:
        kind = parse(name).extractor
        if not kind or kind in made:
            continue
        if reference.examples.ndim == 2:
            if kind != "pixels":
                raise ConfigError(f"{name}: {reference.dataset} has points; allowed: pixels, for points as they are")
            made[kind] = POINTS
        elif kind == OWN:
            made[kind] = of_callable(resolve_reference("evaluation.extractor", own), own)
        else:
            path = expanded("evaluation.weights", weights) if weights and kind in WITH_FILE else None
            made[kind] = extractors.get(kind, dataset=reference.dataset, path=path)
    return made


def eight_bit(images: np.ndarray) -> np.ndarray:
    """Images [...] in [-1, 1] as they would be saved: uint8 [...], the nearest of 256 levels; outside is cut."""
    return np.clip(np.rint((images + 1.0) * 127.5), 0, 255).astype(np.uint8)


def as_float(examples: np.ndarray) -> np.ndarray:
    """uint8 images [N, H, W, C] as float32 in [-1, 1]; points float32 [N, D] as they are."""
    return np.asarray(to_float(jnp.asarray(examples))) if examples.dtype == np.uint8 else examples


def extract(extractor: Extractor, examples: np.ndarray) -> Features:
    """Features float32 [N, D], and logits float32 [N, K] or None, of uint8 images or float32 points, chunk by chunk."""
    apply, size = _compiled(extractor), CHUNK if extractor.resize == "none" else RESIZED_CHUNK
    features, logits = [], []
    for start in range(0, len(examples), size):
        chunk = as_float(examples[start : start + size])
        count = len(chunk)
        if count < size and start:  # one program serves all chunks
            chunk = np.concatenate([chunk, np.zeros((size - count, *chunk.shape[1:]), chunk.dtype)])
        made = apply(chunk)
        features.append(np.asarray(made[0])[:count])
        if made[1] is not None:
            logits.append(np.asarray(made[1])[:count])
    return np.concatenate(features), np.concatenate(logits) if logits else None


_PROGRAMS: dict[tuple[str, str], Callable[..., Features]] = {}


def _compiled(extractor: Extractor) -> Callable[..., Features]:
    """The extractor's program, compiled once in a process."""
    key = (extractor.name, extractor.sha256)
    if key not in _PROGRAMS:
        _PROGRAMS[key] = jax.jit(extractor.apply)
    return _PROGRAMS[key]


def of_reference(extractor: Extractor, reference: Reference) -> Features:
    """Features and logits of real examples, as ``extract``; those of shipped extractors are kept on disk."""
    # Pixels and points are cheaper to make than to read; a user's function may read weights that its hash knows not.
    if not extractor.sha256 or extractor.resize == OWN_RESIZE:
        return extract(extractor, reference.examples)
    made_from = f"{extractor.name} {extractor.sha256} {extractor.resize} {reference.sha256} {jax.default_backend()}"
    cache = cache_folder()
    folder = None if cache is None else cache / "reference" / hashlib.sha256(made_from.encode()).hexdigest()[:16]

    def make() -> dict[str, np.ndarray]:
        features, logits = extract(extractor, reference.examples)
        return {"features": features} if logits is None else {"features": features, "logits": logits}

    kept = make() if folder is None else cached(folder, made_from, make)
    return kept["features"], kept.get("logits")
