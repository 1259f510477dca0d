"""A few numbers of generated examples, cheap enough to take at every record."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.errors import DataError

LOOSE_RADIUS = 10.0  # standard deviations within which an example counts for a mode
SHARE = 0.01  # of the examples, for a mode to be held


def reference_statistics(reference: jax.Array) -> "Reference":
    """What ``sample_statistics`` compares with: of as many real examples, [N, ...], as will be generated.

    Raises:
      DataError: fewer than 2 examples, or they are all equal: nothing can be as varied as they are.
    """
    allowed = "health.samples compares samples with them; allowed: at least 2 that differ, or health.samples=0"
    if len(reference) < 2:
        raise DataError(f"data.name has too few real examples, {len(reference)}; {allowed}")
    found = Reference(*_spread(reference))
    if not found.distance > 0:
        raise DataError(f"data.name has equal real examples only, the {len(reference)} that were looked at; {allowed}")
    return found


def sample_statistics(
    samples: jax.Array, reference: "Reference", means: jax.Array | None = None, std: float = 1.0
) -> dict[str, jax.Array]:
    """How varied generated examples are, and which known modes they are on. Pure; to be compiled by the caller.

    Of samples [N, ...], N at least 2, 200 or more to be worth it; for samples [N, D] of a known mixture with its modes'
    means [K, D] and their standard deviation.

    Returns:
      Scalars: "samples/diversity", the mean distance of two samples over that of two real examples, and
      "samples/effective_rank", that of their covariance, (tr C)^2 / tr C^2, over the real one's (images only: in few
      dimensions it says nothing). With means also "samples/modes", the share of modes that hold more than 1% of the
      samples within 10 standard deviations, "samples/heaviest_mode", the index of the one nearest to most samples, and
      "samples/heaviest_share", its share of them.

    References:
      Roy, Vetterli, The effective rank: a measure of effective dimensionality, 2007 (with the entropy of eigenvalues;
        here their participation ratio, which needs no eigenvalues).
    """
    distance, rank = _spread(samples)
    found = {"samples/diversity": distance / reference.distance}
    if samples.ndim > 2:
        found["samples/effective_rank"] = rank / reference.rank
    if means is not None:
        num = means.shape[0]
        apart = jnp.linalg.norm(samples[:, None, :] - means[None], axis=-1)
        nearest = jax.nn.one_hot(jnp.argmin(apart, axis=1), num, dtype=jnp.float32)
        near = (jnp.min(apart, axis=1) < LOOSE_RADIUS * std).astype(jnp.float32)
        found["samples/modes"] = jnp.mean((jnp.mean(nearest * near[:, None], axis=0) > SHARE).astype(jnp.float32))
        weight = jnp.mean(nearest, axis=0)
        found["samples/heaviest_mode"] = jnp.argmax(weight)
        found["samples/heaviest_share"] = jnp.max(weight)
    return found


@jax.jit
def _spread(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean distance of two different examples, and the effective rank of the covariance."""
    flat = x.reshape(x.shape[0], -1).astype(jnp.float32)
    # From the first one, so that equal examples are exactly 0: their mean is another number by rounding.
    offset = flat - flat[:1]
    centred = offset - jnp.mean(offset, axis=0, keepdims=True)
    # N x N: has the same eigenvalues as the covariance, which for images is much larger.
    gram = jnp.matmul(centred, centred.T, precision=jax.lax.Precision.HIGHEST)
    size = jnp.diagonal(gram)
    squared = jnp.maximum(size[:, None] + size[None, :] - 2.0 * gram, 0.0)
    num = x.shape[0]
    distance = jnp.sum(jnp.sqrt(squared) * (1.0 - jnp.eye(num, dtype=jnp.float32))) / (num * (num - 1))
    norm = jnp.sum(jnp.square(gram))
    # Equal examples span no dimension at all.
    return distance, jnp.where(norm > 0, jnp.square(jnp.sum(size)) / jnp.where(norm > 0, norm, 1.0), 0.0)


class Reference(NamedTuple):
    """How varied the real examples are.

    Attributes:
      distance: mean Euclidean distance of two different ones, above 0.
      rank: effective rank of their covariance, at least 1.
    """

    distance: jax.Array
    rank: jax.Array
