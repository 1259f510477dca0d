"""Divergences between discrete distributions, in nats: what losses claim to minimize, written from definitions."""

import jax
import jax.numpy as jnp
from jax.scipy.special import rel_entr


def kullback_leibler(p: jax.Array, q: jax.Array) -> jax.Array:
    """KL(p || q) = sum p log(p / q) of measures [K], which need not be normalized.

    References:
      Kullback and Leibler, On Information and Sufficiency, 1951.
    """
    return jnp.sum(rel_entr(p, q))


def jensen_shannon(p: jax.Array, q: jax.Array) -> jax.Array:
    """JSD(p, q) = KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2; in [0, log 2].

    References:
      Lin, Divergence Measures Based on the Shannon Entropy, 1991.
    """
    middle = (p + q) / 2
    return (kullback_leibler(p, middle) + kullback_leibler(q, middle)) / 2


def total_variation(p: jax.Array, q: jax.Array) -> jax.Array:
    """TV(p, q) = sum |p - q| / 2; in [0, 1]."""
    return jnp.sum(jnp.abs(p - q)) / 2


def triangular(p: jax.Array, q: jax.Array) -> jax.Array:
    """Triangular discrimination, sum (p - q)^2 / (p + q); in [0, 2].

    It is what Mao et al. write as chi2_Pearson(p + q || 2 q): the squared difference over the first argument.

    References:
      Topsoe, Some Inequalities for Information Divergence and Related Measures of Discrimination, 2000.
    """
    return jnp.sum(jnp.square(p - q) / (p + q))


def pearson(p: jax.Array, q: jax.Array) -> jax.Array:
    """Pearson's chi-squared, sum (p - q)^2 / q: the f-divergence of f(u) = (u - 1)^2.

    References:
      Nowozin et al., f-GAN, 2016, arXiv:1606.00709, table 1 (with q and p in the places that u = p / q gives them).
    """
    return jnp.sum(jnp.square(p - q) / q)


def squared_hellinger(p: jax.Array, q: jax.Array) -> jax.Array:
    """The squared Hellinger distance without a factor 1/2, sum (sqrt p - sqrt q)^2; in [0, 2].

    References:
      Nowozin et al., f-GAN, 2016, arXiv:1606.00709, table 1.
    """
    return jnp.sum(jnp.square(jnp.sqrt(p) - jnp.sqrt(q)))


def pairs(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The products p x q and q x p on pairs of points, [K * K] each."""
    return jnp.outer(p, q).ravel(), jnp.outer(q, p).ravel()
