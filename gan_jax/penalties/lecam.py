"""LeCam regularization: logits stay near the opposite side's average."""

from collections.abc import Mapping
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from gan_jax.options import UNIT
from gan_jax.penalties.batch import mean, number, widen

Anchors = Mapping[str, jax.Array]


def lecam(
    real_logits: jax.Array,
    fake_logits: jax.Array,
    memory: Anchors,
    *,
    decay: Annotated[float, UNIT, "decay of the moving averages of the logits"] = 0.99,
    one_sided: Annotated[bool, "cut gaps at 0, as in the code"] = False,
) -> jax.Array:
    """Pulls real logits to the average fake logit and fake logits to the average real one.

    Formula: (real_logit - memory["fake"])^2 + (fake_logit - memory["real"])^2

    This is the paper's formula. Its released code, which is `one_sided`, applies a ReLU first and so punishes only the
    gaps that point the usual way: max(0, real_logit - memory["fake"])^2 + max(0, memory["real"] - fake_logit)^2. The
    averages are those after the previous move; the code moves them first. The paper's weight is 0.01 to 0.3.

    Args:
      decay: weight of the old average, 0 to 1; 0.99 in the paper and the code.
      one_sided: whether to do as the released code does.

    Returns:
      [B] float32, in [0, inf).

    References:
      Tseng, Jiang, Liu, Yang, Yang: Regularizing Generative Adversarial Networks under Limited Data, 2021, arXiv
      2104.03310, equation 5.
    """
    del decay
    real, fake = widen(real_logits), widen(fake_logits)
    above = real - number(jax.lax.stop_gradient(memory["fake"]), real)
    below = number(jax.lax.stop_gradient(memory["real"]), fake) - fake
    if one_sided:
        above, below = jax.nn.relu(above), jax.nn.relu(below)
    return jnp.square(above) + jnp.square(below)


def start(params: Any) -> dict[str, jax.Array]:
    """Both averages at 0, where logits start too; the parameters do not matter."""
    del params
    return {"real": jnp.zeros((), jnp.float32), "fake": jnp.zeros((), jnp.float32)}


def follow(
    real_logits: jax.Array,
    fake_logits: jax.Array,
    memory: Anchors,
    axis_name: str | None = None,
    *,
    decay: float = 0.99,
    one_sided: bool = False,
) -> dict[str, jax.Array]:
    """The averages decay memory + (1 - decay) mean of the logits, over the minibatch of all devices (section 3.2)."""
    del one_sided

    def average(old: jax.Array, logits: jax.Array) -> jax.Array:
        new = mean(widen(jax.lax.stop_gradient(logits)), axis_name).astype(old.dtype)
        d = number(decay, old)
        return d * old + (1.0 - d) * new

    return {"real": average(memory["real"], real_logits), "fake": average(memory["fake"], fake_logits)}
