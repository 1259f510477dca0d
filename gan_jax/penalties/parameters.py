"""Penalties of a network's parameters alone: one scalar, whatever the minibatch."""

from collections.abc import Mapping
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from gan_jax.penalties.batch import number, widen


def kernels(params: Any) -> list[jax.Array]:
    """The weight matrices among the parameters, [fan_in, out]: leaves called "kernel" with two axes or more."""
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if getattr(path[-1], "key", None) == "kernel" and leaf.ndim >= 2:
            found.append(leaf.reshape(-1, leaf.shape[-1]))
    return found


def _zero(params: Any) -> jax.Array:
    """Zero in the precision of the result; a network without parameters costs nothing."""
    dtypes = [widen(leaf).dtype for leaf in jax.tree.leaves(params)]
    return jnp.zeros((), dtypes[0] if dtypes else jnp.float32)


def orthogonal(params: Any, *, unit_norm: Annotated[bool, "ask for filters of norm 1, too"] = False) -> jax.Array:
    """Pulls the filters of every layer towards being orthogonal to one another.

    Formula: sum over kernels W of ||W^T W * (1 - I)||_F^2, 1 the matrix of ones

    W is [fan_in, out], one column for each output, so W^T W [out, out] holds the scalar products of the filters. (The
    released code keeps [out, fan_in] matrices and writes W W^T for the same thing.) The paper's formula, which leaves
    the filters' norms free; `unit_norm` asks for W^T W = I, the older form. No factor 1/2: the released code adds
    2 (W W^T * (1 - I)) W to the gradient, half of the formula's. The paper's weight is 1e-4.

    Args:
      unit_norm: whether the diagonal counts, as ||W^T W - I||_F^2.

    Returns:
      Scalar float32, in [0, inf).

    References:
      Brock, Donahue, Simonyan: Large Scale GAN Training for High Fidelity Natural Image Synthesis, 2018, arXiv
      1809.11096, equation 3. Brock, Lim, Ritchie, Weston: Neural Photo Editing with Introspective Adversarial Networks,
      2016, arXiv 1609.07093, equation 4 (with the diagonal).
    """
    gaps = [_zero(params)]
    for kernel in kernels(params):
        w = widen(kernel)
        gram = jnp.matmul(w.T, w, precision="highest")
        eye = jnp.eye(w.shape[1], dtype=w.dtype)
        gaps.append(jnp.sum(jnp.square(gram - eye if unit_norm else gram * (1.0 - eye))))
    return jnp.sum(jnp.stack(gaps))


def historical_averaging(params: Any, memory: Mapping[str, Any]) -> jax.Array:
    """Pulls the parameters to the mean of what they were at the player's earlier moves.

    Formula: ||params - memory["mean"]||^2, zero at the first move

    The paper's formula. The mean counts every move alike and does not include the present one.

    Returns:
      Scalar float32, in [0, inf).

    References:
      Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen: Improved Techniques for Training GANs, 2016, arXiv
      1606.03498, section 3.3.
    """

    def distance(p: jax.Array, m: jax.Array) -> jax.Array:
        p = widen(p)
        return jnp.sum(jnp.square(p - number(jax.lax.stop_gradient(m), p)))

    return jnp.sum(jnp.stack([_zero(params), *jax.tree.leaves(jax.tree.map(distance, params, memory["mean"]))]))


def start(params: Any) -> dict[str, Any]:
    """No move yet: the first parameters as the mean, so that the first penalty and its gradient are zero."""
    return {"mean": jax.tree.map(lambda p: jnp.array(widen(p), copy=True), params), "count": jnp.zeros((), jnp.float32)}


def follow(params: Any, memory: Mapping[str, Any]) -> dict[str, Any]:
    """The mean once the parameters that the move began with belong to it: mean + (params - mean) / (count + 1)."""
    count = memory["count"] + 1.0
    mean = jax.tree.map(
        lambda p, m: m + (jax.lax.stop_gradient(p).astype(m.dtype) - m) / number(count, m), params, memory["mean"]
    )
    return {"mean": mean, "count": count}
