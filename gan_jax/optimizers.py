"""Optimizers whose numbers are leaves of ``hyper``, so that changing one never recompiles a program.

Built from optax's transformations; a learning rate is base x schedule(step), weight decay is decoupled.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gan_jax.game import Hyper

Number = Callable[[str], jax.Array]

# Inside the square root of Adam, so that a step can be differentiated where a gradient is exactly 0 (unrolled rule);
# too small to change any step.
EPS_ROOT = 1e-30

# name -> function from a look-up of numbers to the scaling of a gradient (before learning rate and sign).
SCALINGS: Mapping[str, Callable[[Number], optax.GradientTransformation]] = {
    "adam": lambda number: optax.scale_by_adam(b1=number("b1"), b2=number("b2"), eps=number("eps"), eps_root=EPS_ROOT),  # type: ignore[arg-type]
    "rmsprop": lambda number: optax.scale_by_rms(decay=number("b2"), eps=number("eps")),  # type: ignore[arg-type]
    "sgd": lambda number: optax.trace(decay=number("momentum")),  # type: ignore[arg-type]
}


def constant(progress: jax.Array, step: jax.Array, number: Number) -> jax.Array:
    """1 throughout."""
    del progress, step, number
    return jnp.float32(1.0)


def linear(progress: jax.Array, step: jax.Array, number: Number) -> jax.Array:
    """From 1 at the first step to ``final_scale`` at the last."""
    del step
    return 1.0 - (1.0 - number("final_scale")) * progress


def cosine(progress: jax.Array, step: jax.Array, number: Number) -> jax.Array:
    """Half a cosine from 1 to ``final_scale``.

    References:
      Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2016, arXiv:1608.03983, equation 5.
    """
    del step
    final = number("final_scale")
    return final + (1.0 - final) * 0.5 * (1.0 + jnp.cos(jnp.pi * progress))


def exponential(progress: jax.Array, step: jax.Array, number: Number) -> jax.Array:
    """``decay_rate`` to the power step / ``decay_steps``, not below ``final_scale``."""
    del progress
    return jnp.maximum(
        number("decay_rate") ** (step.astype(jnp.float32) / number("decay_steps")), number("final_scale")
    )


def staircase(progress: jax.Array, step: jax.Array, number: Number) -> jax.Array:
    """``decay_rate`` to the power floor(step / ``decay_steps``), not below ``final_scale``."""
    del progress
    power = jnp.floor(step.astype(jnp.float32) / number("decay_steps"))
    return jnp.maximum(number("decay_rate") ** power, number("final_scale"))


SCHEDULES: Mapping[str, Callable[[jax.Array, jax.Array, Number], jax.Array]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "exponential": exponential,
    "staircase": staircase,
}
OVER_THE_RUN = ("linear", "cosine")  # whose factor at a step depends on the length of the run


def optimizer(options: Mapping[str, Any], path: str) -> optax.GradientTransformationExtraArgs:
    """One player's optimizer, as configured.

    Clipping of the global norm (when ``clip`` > 0), then the scaling ``name``, then decoupled weight decay (when
    ``weight_decay`` > 0), then the learning rate times its schedule.

    Args:
      options: the fields of the configuration's optimizer.<player>; which transformations there are is static.
      path: configuration path of those fields; their current values are read from ``hyper[path + "." + field]``.

    Returns:
      an optax transformation whose ``update`` also takes ``hyper``, ``step`` and ``total_steps``.

    References:
      Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101, Algorithm 2.
    """

    def chain(number: Number) -> optax.GradientTransformation:
        clip = [optax.clip_by_global_norm(number("clip"))] if options["clip"] > 0 else []  # type: ignore[arg-type]
        decay = [optax.add_decayed_weights(number("weight_decay"))] if options["weight_decay"] > 0 else []
        return optax.chain(*clip, SCALINGS[options["name"]](number), *decay)

    def init(params: Any) -> Any:
        return chain(lambda field: options[field]).init(params)

    def update(
        grads: Any, state: Any, params: Any = None, *, hyper: Hyper, step: jax.Array, total_steps: jax.Array, **_: Any
    ) -> tuple[Any, Any]:
        def number(field: str) -> jax.Array:
            return hyper[f"{path}.{field}"]

        progress = step.astype(jnp.float32) / total_steps
        rate = number("learning_rate") * SCHEDULES[options["schedule"]](progress, step, number)
        directions, state = chain(number).update(grads, state, params)
        return jax.tree.map(lambda d: -rate.astype(d.dtype) * d, directions), state

    return optax.GradientTransformationExtraArgs(init, update)


def projected(inner: optax.GradientTransformationExtraArgs, path: str) -> optax.GradientTransformationExtraArgs:
    """An optimizer after whose updates every parameter lies in [-limit, limit]: weight clipping.

    Args:
      inner: the optimizer.
      path: the limit is ``hyper[path + ".clip_weights"]``.

    Returns:
      an optax transformation; the first update also brings parameters from outside into the box.

    References:
      Arjovsky et al., Wasserstein GAN, 2017, arXiv:1701.07875, Algorithm 1 (c = 0.01).
    """

    def update(grads: Any, state: Any, params: Any = None, *, hyper: Hyper, **extra: Any) -> tuple[Any, Any]:
        updates, state = inner.update(grads, state, params, hyper=hyper, **extra)
        limit = hyper[f"{path}.clip_weights"]

        def clipped(u: jax.Array, p: jax.Array) -> jax.Array:
            bound = limit.astype(p.dtype)
            return jnp.clip(p + u, -bound, bound) - p

        return jax.tree.map(clipped, updates, params), state

    return optax.GradientTransformationExtraArgs(inner.init, update)


# Which numbers of optimizer.<player> each choice reads; only these become leaves of hyper.
NUMBERS_OF_SCALING = {"adam": ("b1", "b2", "eps"), "rmsprop": ("b2", "eps"), "sgd": ("momentum",)}
NUMBERS_OF_SCHEDULE = {
    "constant": (),
    "linear": ("final_scale",),
    "cosine": ("final_scale",),
    "exponential": ("decay_rate", "decay_steps", "final_scale"),
    "staircase": ("decay_rate", "decay_steps", "final_scale"),
}


def numbers(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields of one optimizer that are leaves of ``hyper`` under these options."""
    optional = [field for field in ("clip", "weight_decay", "clip_weights") if options[field] > 0]
    return ("learning_rate", *NUMBERS_OF_SCALING[options["name"]], *NUMBERS_OF_SCHEDULE[options["schedule"]], *optional)
