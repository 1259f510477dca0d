"""Optimizers and learning-rate schedules: functions whose float options are leaves of ``hyper``, so that changing one
never recompiles a program. A user's own are named as ``package.module:attribute``.

An optimizer is a function of its options that gives the optax transformation of a gradient before learning rate and
sign; a schedule one of (progress in [0, 1], step, its options) that gives a factor on the learning rate.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.errors import ConfigError
from gan_jax.game import Hyper
from gan_jax.registry import describe, nearest, resolve_reference

# Inside the square root of Adam, so that a step can be differentiated where a gradient is exactly 0 (unrolled rule);
# too small to change any step.
EPS_ROOT = 1e-30


def adam(*, b1: float = 0.5, b2: float = 0.999, eps: float = 1e-8) -> optax.GradientTransformation:
    """Kingma & Ba, Adam: A Method for Stochastic Optimization, 2014, arXiv:1412.6980, Algorithm 1."""
    return optax.scale_by_adam(b1=b1, b2=b2, eps=eps, eps_root=EPS_ROOT)


def rmsprop(*, b2: float = 0.999, eps: float = 1e-8) -> optax.GradientTransformation:
    """The gradient over the root of its mean square."""
    return optax.scale_by_rms(decay=b2, eps=eps)


def sgd(*, momentum: float = 0.0) -> optax.GradientTransformation:
    """The gradient, accumulated."""
    return optax.trace(decay=momentum)


OPTIMIZERS: Mapping[str, Callable[..., optax.GradientTransformation]] = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}


def constant(progress: jax.Array, step: jax.Array) -> jax.Array:
    """1 throughout."""
    del progress, step
    return jnp.float32(1.0)


def linear(progress: jax.Array, step: jax.Array, *, final_scale: float = 0.0) -> jax.Array:
    """From 1 at the first step to ``final_scale`` at the last."""
    del step
    return 1.0 - (1.0 - final_scale) * progress


def cosine(progress: jax.Array, step: jax.Array, *, final_scale: float = 0.0) -> jax.Array:
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
    decay_rate: float = 0.95,
    decay_steps: float = 1000.0,
    final_scale: float = 0.0,
) -> jax.Array:
    """``decay_rate`` to the power step / ``decay_steps``, not below ``final_scale``."""
    del progress
    return jnp.maximum(decay_rate ** (step.astype(jnp.float32) / decay_steps), final_scale)


def staircase(
    progress: jax.Array,
    step: jax.Array,
    *,
    decay_rate: float = 0.95,
    decay_steps: float = 1000.0,
    final_scale: float = 0.0,
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


class Part(NamedTuple):
    """An optimizer or a schedule as configured.

    Attributes:
      function: from the table, or a user's own.
      options: {argument: value as configured}.
      prefix: what comes before an argument in the name of its field below optimizer.<role>.
    """

    function: Callable[..., Any]
    options: Mapping[str, Any]
    prefix: str

    def fields(self) -> list[str]:
        """The fields below optimizer.<role> that it reads."""
        return [self.prefix + name for name in self.options]

    def numbers(self) -> dict[str, float]:
        """{field: value} of the options that are floats."""
        return {self.prefix + name: value for name, value in self.options.items() if isinstance(value, float)}

    def at(self, number: Callable[[str], Any]) -> dict[str, Any]:
        """The options, the floats among them as ``number`` gives them by their fields."""
        fields = {name: self.prefix + name for name in self.options}
        return {name: number(fields[name]) if isinstance(v, float) else v for name, v in self.options.items()}


def scaling_of(options: Mapping[str, Any], path: str = "optimizer") -> Part:
    """The optimizer that the fields ``options`` of ``path`` name; raises ConfigError as ``schedule_of``."""
    return _part(options, path, "name", OPTIMIZERS, "options")


def schedule_of(options: Mapping[str, Any], path: str = "optimizer") -> Part:
    """The schedule that the fields ``options`` of ``path`` name.

    Raises:
      ConfigError: a user's own cannot be imported, is no function, or has no such option or number.
    """
    return _part(options, path, "schedule", SCHEDULES, "schedule_options")


def _part(options: Mapping[str, Any], path: str, field: str, table: Mapping[str, Callable[..., Any]], own: str) -> Part:
    name, given = options[field], options.get(own, {})
    if name in table:
        if given:
            raise ConfigError(
                f"{path}.{own}={given!r} is for package.module:attribute; "
                f"{name!r} has its options in {path}: {', '.join(defaults_of(table[name])) or 'none'}"
            )
        return Part(table[name], {option: options[option] for option in defaults_of(table[name])}, "")
    function = resolve_reference(f"{path}.{field}", name)
    if not callable(function):
        raise ConfigError(f"{path}.{field}={name!r} gives {type(function).__name__}; allowed: a function")
    defaults = defaults_of(function)
    for option, value in given.items():
        if option not in defaults:
            raise ConfigError(
                f"{path}.{own}={given!r}: {name!r} has no option {option!r}{nearest(option, defaults)}; "
                f"its options: {', '.join(defaults) or 'none'}"
            )
        if isinstance(defaults[option], float) and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigError(f"{path}.{own}.{option}={value!r} is not possible; allowed: a number")
    made = {**defaults, **given}
    made = {option: float(v) if isinstance(defaults[option], float) else v for option, v in made.items()}
    return Part(function, made, f"{own}.")


def defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The options of a function, those of its arguments that have defaults."""
    found = inspect.signature(function).parameters.items()
    return {name: parameter.default for name, parameter in found if parameter.default is not parameter.empty}


def _transformation(part: Part, number: Callable[[str], Any], field: str) -> optax.GradientTransformation:
    """What an optimizer's function gives; a user's own is looked at."""
    if part.function in OPTIMIZERS.values():
        return part.function(**part.at(number))
    try:
        made = part.function(**part.at(number))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{field}: {describe(error)}") from error
    if not (callable(getattr(made, "init", None)) and callable(getattr(made, "update", None))):
        raise ConfigError(f"{field} gives {type(made).__name__}; allowed: an optax.GradientTransformation")
    return made


def _factor(part: Part, progress: jax.Array, step: jax.Array, number: Callable[[str], Any], field: str) -> jax.Array:
    """What a schedule's function gives; a user's own is looked at."""
    factor = part.function(progress, step, **part.at(number))
    if jnp.shape(factor) != ():
        raise ConfigError(f"{field} gives a factor of shape {jnp.shape(factor)}; allowed: one number")
    return factor


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

    def chain(number: Callable[[str], Any]) -> optax.GradientTransformation:
        clip = [optax.clip_by_global_norm(number("clip"))] if options["clip"] > 0 else []
        decay = [optax.add_decayed_weights(number("weight_decay"))] if options["weight_decay"] > 0 else []
        scale = _transformation(scaling, number, f"{path}.name={options['name']!r}")
        return optax.chain(*clip, scale, *decay)

    def init(params: Any) -> Any:
        return chain({**options, **scaling.numbers()}.__getitem__).init(params)

    def update(
        grads: Any, state: Any, params: Any = None, *, hyper: Hyper, step: jax.Array, total_steps: jax.Array, **_: Any
    ) -> tuple[Any, Any]:
        def number(field: str) -> jax.Array:
            return hyper[f"{path}.{field}"]

        progress = step.astype(jnp.float32) / total_steps
        factor = _factor(schedule, progress, step, number, f"{path}.schedule={options['schedule']!r}")
        rate = number("learning_rate") * factor
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


def numbers(options: Mapping[str, Any]) -> dict[str, float]:
    """{field: value} of one optimizer's numbers that are leaves of ``hyper`` under these options."""
    optional = [field for field in ("clip", "weight_decay", "clip_weights") if options[field] > 0]
    found = {"learning_rate": options["learning_rate"], **scaling_of(options).numbers()}
    return found | schedule_of(options).numbers() | {field: options[field] for field in optional}
