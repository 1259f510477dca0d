"""Optimizers and learning-rate schedules: functions whose float options are leaves of ``hyper``, so that changing one
never recompiles a program. A user's own are named as ``package.module:attribute``.

An optimizer is a function of its options that gives the optax transformation of a gradient before learning rate and
sign; a schedule one of (progress in [0, 1], step, its options) that gives a factor on the learning rate.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax

from gan_jax.chosen import Chosen
from gan_jax.errors import ConfigError, nearest
from gan_jax.game import Hyper
from gan_jax.options import FRACTION, POSITIVE, UNIT, Allowed, number, options_of
from gan_jax.registry import describe, resolve_reference

# Inside the square root of Adam, so that a step can be differentiated where a gradient is exactly 0 (unrolled rule);
# too small to change any step.
EPS_ROOT = 1e-30

SquareDecay = Annotated[float, FRACTION, "decay of the mean squared gradient"]
Epsilon = Annotated[float, POSITIVE, "added to the denominator"]


def adam(
    *, b1: Annotated[float, FRACTION, "decay of the mean gradient"] = 0.5, b2: SquareDecay = 0.999, eps: Epsilon = 1e-8
) -> optax.GradientTransformation:
    """Kingma & Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980, Algorithm 1."""
    return optax.scale_by_adam(b1=b1, b2=b2, eps=eps, eps_root=EPS_ROOT)


def rmsprop(*, b2: SquareDecay = 0.999, eps: Epsilon = 1e-8) -> optax.GradientTransformation:
    """The gradient over the root of its mean square."""
    return optax.scale_by_rms(decay=b2, eps=eps)


def sgd(
    *, momentum: Annotated[float, FRACTION, "decay of the accumulated gradient"] = 0.0
) -> optax.GradientTransformation:
    """The gradient, accumulated."""
    return optax.trace(decay=momentum)


OPTIMIZERS: Mapping[str, Callable[..., optax.GradientTransformation]] = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}

LastFactor = Annotated[float, UNIT, "last factor"]
SmallestFactor = Annotated[float, UNIT, "smallest factor"]
DecayRate = Annotated[float, Allowed("a number in (0, 1]", lambda v: 0 < v <= 1), "factor after every decay_steps"]
DecaySteps = Annotated[float, POSITIVE, "steps"]


def constant(progress: jax.Array, step: jax.Array) -> jax.Array:
    """1 throughout."""
    del progress, step
    return jnp.float32(1.0)


def linear(progress: jax.Array, step: jax.Array, *, final_scale: LastFactor = 0.0) -> jax.Array:
    """From 1 at the first step to ``final_scale`` at the last."""
    del step
    return 1.0 - (1.0 - final_scale) * progress


def cosine(progress: jax.Array, step: jax.Array, *, final_scale: LastFactor = 0.0) -> jax.Array:
    """Half a cosine from 1 to ``final_scale``.

    References:
      Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2016, arXiv:1608.03983, equation 5.
    """
    del step
    return final_scale + (1.0 - final_scale) * 0.5 * (1.0 + jnp.cos(jnp.pi * progress))


def exponential(
    progress: jax.Array,
    step: jax.Array,
    *,
    decay_rate: DecayRate = 0.95,
    decay_steps: DecaySteps = 1000.0,
    final_scale: SmallestFactor = 0.0,
) -> jax.Array:
    """``decay_rate`` to the power step / ``decay_steps``, not below ``final_scale``."""
    del progress
    return jnp.maximum(decay_rate ** (step.astype(jnp.float32) / decay_steps), final_scale)


def staircase(
    progress: jax.Array,
    step: jax.Array,
    *,
    decay_rate: DecayRate = 0.95,
    decay_steps: DecaySteps = 1000.0,
    final_scale: SmallestFactor = 0.0,
) -> jax.Array:
    """``decay_rate`` to the power floor(step / ``decay_steps``), not below ``final_scale``."""
    del progress
    return jnp.maximum(decay_rate ** jnp.floor(step.astype(jnp.float32) / decay_steps), final_scale)


SCHEDULES: Mapping[str, Callable[..., jax.Array]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "exponential": exponential,
    "staircase": staircase,
}
BY_STEP = ("constant", "exponential", "staircase")  # whose factor at a step does not depend on the length of the run


def scaling_of(options: Mapping[str, Any], path: str) -> Chosen:
    """The optimizer that the fields ``options`` of ``path`` name; raises ConfigError as ``schedule_of``."""
    return _chosen(options, path, "name", OPTIMIZERS, "options")


def schedule_of(options: Mapping[str, Any], path: str) -> Chosen:
    """The schedule that the fields ``options`` of ``path`` name.

    Raises:
      ConfigError: a user's own cannot be imported, is no function, or has no such option or number.
    """
    return _chosen(options, path, "schedule", SCHEDULES, "schedule_options")


def _chosen(
    options: Mapping[str, Any], path: str, chooser: str, table: Mapping[str, Callable[..., Any]], own: str
) -> Chosen:
    name, given = options[chooser], options.get(own, {})
    choice, place = f"{path}.{chooser}={name!r}", f"{path}.{own}"
    if name in table:
        known = options_of(table[name])
        if given:
            raise ConfigError(
                f"{place}={given!r} is for package.module:attribute; "
                f"{name!r} has its options in {path}: {', '.join(known) or 'none'}"
            )
        return Chosen(table[name], {option: options[option] for option in known}, path, choice)
    function = resolve_reference(f"{path}.{chooser}", name)
    if not callable(function):
        raise ConfigError(f"{choice} gives {type(function).__name__}; allowed: a function")
    known = options_of(function)
    for option in given:
        if option not in known:
            raise ConfigError(
                f"{place}={given!r}: {name!r} has no option {option!r}{nearest(option, known)}; "
                f"its options: {', '.join(known) or 'none'}"
            )
    made = {option: given.get(option, field.default) for option, field in known.items()}
    numbers = {o: number(f"{place}.{o}", made[o]) for o, field in known.items() if isinstance(field.default, float)}
    return Chosen(function, made | numbers, place, choice)


def _transformation(scaling: Chosen, hyper: Hyper) -> optax.GradientTransformation:
    """What an optimizer's function gives; a user's own is looked at."""
    if scaling.component in OPTIMIZERS.values():
        return scaling.component(**scaling.at(hyper))
    try:
        made = scaling.component(**scaling.at(hyper))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{scaling.choice}: {describe(error)}") from error
    if not (callable(getattr(made, "init", None)) and callable(getattr(made, "update", None))):
        raise ConfigError(f"{scaling.choice} gives {type(made).__name__}; allowed: an optax.GradientTransformation")
    return made


def optimizer(options: Mapping[str, Any], path: str) -> optax.GradientTransformationExtraArgs:
    """One player's optimizer, as configured.

    Clipping of the global norm (when ``clip`` > 0), then the optimizer ``name``, then decoupled weight decay (when
    ``weight_decay`` > 0), then the learning rate times its schedule.

    Args:
      options: the fields of the configuration's optimizer.<player>; which transformations there are is static.
      path: configuration path of those fields; their current values are read from ``hyper[path + "." + field]``.

    Returns:
      an optax transformation whose ``update`` also takes ``hyper``, ``step`` and ``total_steps``.

    References:
      Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101, Algorithm 2.
    """
    scaling, schedule = scaling_of(options, path), schedule_of(options, path)

    def chain(hyper: Hyper) -> optax.GradientTransformation:
        def current(field: str) -> Any:
            return hyper.get(f"{path}.{field}", options[field])

        clip = [optax.clip_by_global_norm(current("clip"))] if options["clip"] > 0 else []
        decay = [optax.add_decayed_weights(current("weight_decay"))] if options["weight_decay"] > 0 else []
        scale = _transformation(scaling, hyper)
        return optax.chain(*clip, scale, *decay)

    def init(params: Any) -> Any:
        return chain({}).init(params)

    def update(
        grads: Any, state: Any, params: Any = None, *, hyper: Hyper, step: jax.Array, total_steps: jax.Array, **_: Any
    ) -> tuple[Any, Any]:
        factor = schedule.component(step.astype(jnp.float32) / total_steps, step, **schedule.at(hyper))
        if jnp.shape(factor) != ():
            raise ConfigError(f"{schedule.choice} gives a factor of shape {jnp.shape(factor)}; allowed: one number")
        rate = hyper[f"{path}.learning_rate"] * factor
        directions, state = chain(hyper).update(grads, state, params)
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


def numbers(options: Mapping[str, Any], path: str) -> dict[str, float]:
    """{field: value} of one optimizer's numbers that are leaves of ``hyper`` under these options."""
    optional = [field for field in ("clip", "weight_decay", "clip_weights") if options[field] > 0]
    found = {f"{path}.learning_rate": float(options["learning_rate"]), **scaling_of(options, path).numbers()}
    found |= schedule_of(options, path).numbers()
    return found | {f"{path}.{field}": float(options[field]) for field in optional}
