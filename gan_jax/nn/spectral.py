"""Spectral normalization: a layer's kernel divided by its largest singular value.

The parameters stay the kernels as they are. Collection "spectral" holds, at the path of each normalized layer's
parameters, estimates of the two singular vectors, {"u": [out], "v": [fan_in]}. A forward pass reads them; only
`power_iteration` moves them, so that every pass within a move of its owner, and every device, uses one and the same
function.
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.nn.initializers import Init

# Iterations before the first move: a random kernel's largest singular value is then known to a few percent or better.
FIRST_ITERATIONS = 15


def as_matrix(kernel: jax.Array) -> jax.Array:
    """A kernel [..., out] as [fan_in, out]."""
    return kernel.reshape(-1, kernel.shape[-1])


def _iterate(matrix: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    v = jnp.matmul(matrix, u, precision="highest")
    v = v / jnp.linalg.norm(v)
    u = jnp.matmul(v, matrix, precision="highest")
    return u / jnp.linalg.norm(u), v


def power_iteration(params: Mapping[str, Any], spectral: Mapping[str, Any]) -> dict[str, Any]:
    """One step of the power method for every normalized layer of a network.

    Formula: v = W u / ||W u||, then u = W^T v / ||W^T v||, W the layer's kernel as [fan_in, out]

    Called once at the beginning of each of the network's owner's moves. The vectors are constants: no gradient flows
    through them. A kernel of zeros has no singular vectors and gives NaN.

    References:
      Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks, 2018, arXiv
      1802.05957, equations 18 to 20 and algorithm 1.
    """
    if set(spectral) == {"u", "v"} and not isinstance(spectral["u"], Mapping):
        u, v = _iterate(as_matrix(jax.lax.stop_gradient(params["kernel"])), spectral["u"])
        return {"u": u, "v": v}
    return {name: power_iteration(params[name], below) for name, below in spectral.items()}


def normalize(module: nn.Module, kernel: jax.Array) -> jax.Array:
    """The calling module's kernel divided by its largest singular value, as its two stored vectors give it.

    Formula: W / (v^T W u)

    The gradient flows through both W, and u and v are constants. Call it after the module's parameters are made, since
    the first vectors take a key of the stream that draws them.

    References:
      As for `power_iteration`, equations 8 and 12.
    """
    matrix = as_matrix(kernel)
    first: tuple[jax.Array, ...] = ()
    if not module.has_variable("spectral", "u"):
        constant = jax.lax.stop_gradient(matrix)
        u = jax.random.normal(module.make_rng("params"), matrix.shape[1:], matrix.dtype)
        first = jax.lax.fori_loop(
            0, FIRST_ITERATIONS, lambda _, pair: _iterate(constant, pair[0]), (u, jnp.zeros_like(matrix[:, 0]))
        )
    u = module.variable("spectral", "u", lambda: first[0]).value
    v = module.variable("spectral", "v", lambda: first[1]).value
    u, v = jax.lax.stop_gradient((u, v))
    sigma = jnp.vdot(v, jnp.matmul(matrix, u, precision="highest"), precision="highest")
    return kernel / sigma


class Dense(nn.Module):
    """A dense layer with a spectrally normalized kernel, [B, n] to [B, features], with the parameters of `nn.Dense`.

    Attributes:
      features: units.
      kernel_init: of kernel [n, features].
      bias_init: of bias [features].
      use_bias: whether a bias is added.
      dtype: of the computation and result; parameters are float32.
    """

    features: int
    kernel_init: Init
    bias_init: Init
    use_bias: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, n] to [B, features]."""
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32) if self.use_bias else None
        y = x.astype(self.dtype) @ normalize(self, kernel).astype(self.dtype)
        return y if bias is None else y + bias.astype(self.dtype).reshape(1, -1)
