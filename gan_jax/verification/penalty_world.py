"""A small world in which penalties are checked: examples, a critic, a generator, and how a penalty is called.

Both networks are smooth. The axes of the images [B, H, W, C] have different lengths, so that a sum over the wrong ones
shows.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.options import taken
from gan_jax.penalties import Penalty
from gan_jax.verification.checks import compiled

BATCH, SHAPE, LATENT, WIDTH = 4, (5, 4, 2), 3, 6
SIZE = SHAPE[0] * SHAPE[1] * SHAPE[2]
ONE_EACH = ("real", "fake", "real_logits", "fake_logits", "latent", "keys")  # arguments with a value for each example


class World(NamedTuple):
    """What a game would hold: examples, keys, and the parameters of two networks."""

    real: jax.Array
    latent: jax.Array
    keys: jax.Array
    discriminator: Any
    generator: Any


@functools.cache
def draw(seed: int, dtype: Any = jnp.float32) -> World:
    """A world of random numbers, float32 at first and then cast, so that it is the same in every precision."""
    world = compiled(_random_numbers)(jax.random.key(seed))
    return jax.tree.map(lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, world)


def _random_numbers(key: jax.Array) -> World:
    def network(key: jax.Array, inputs: int, outputs: int) -> Any:
        a, b, c = jax.random.split(key, 3)
        kernel = jax.random.normal(a, (inputs, WIDTH), jnp.float32) / inputs**0.5
        hidden = {"kernel": kernel, "bias": jax.random.normal(b, (WIDTH,), jnp.float32)}
        return {"hidden": hidden, "output": {"kernel": jax.random.normal(c, (WIDTH, outputs), jnp.float32)}}

    keys = jax.random.split(key, 5)
    return World(
        jax.random.normal(keys[0], (BATCH, *SHAPE), jnp.float32),
        jax.random.normal(keys[1], (BATCH, LATENT), jnp.float32),
        jax.random.split(keys[4], BATCH),
        network(keys[2], SIZE, 1),
        network(keys[3], LATENT, SIZE),
    )


def own(penalty: Penalty, world: World) -> Any:
    """The parameters of the penalty's player."""
    return getattr(world, penalty.player)


def supply(penalty: Penalty, world: World, memory: Any, axis_name: str | None = None) -> dict[str, Any]:
    """Everything in ``SUPPLIED``, for this world."""

    def hidden(params: Any, x: jax.Array) -> jax.Array:
        x = x.reshape(x.shape[0], -1)
        return jnp.tanh(x @ params["hidden"]["kernel"] + params["hidden"]["bias"].reshape(1, -1))

    def critic(x: jax.Array) -> jax.Array:
        return (hidden(world.discriminator, x) @ world.discriminator["output"]["kernel"])[:, 0]

    def generate(z: jax.Array) -> jax.Array:
        images = jnp.tanh(hidden(world.generator, z) @ world.generator["output"]["kernel"])
        return images.reshape(z.shape[0], *SHAPE)

    fake = generate(world.latent)
    return {
        "critic": critic,
        "real": world.real,
        "fake": fake,
        "real_logits": critic(world.real),
        "fake_logits": critic(fake),
        "features": lambda x: hidden(world.discriminator, x),
        "generate": generate,
        "latent": world.latent,
        "keys": world.keys,
        "params": own(penalty, world),
        "memory": memory,
        "axis_name": axis_name,
    }


def call(function: Callable[..., Any], supplied: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> Any:
    """`function` of those of the supplied arguments that it names, and of options."""
    return function(**taken(function, supplied), **(options or {}))


def memory_of(penalty: Penalty, world: World) -> Any:
    """The memory after one move with other parameters, so that a penalty of the past is not at its first, zero move."""
    if penalty.start is None:
        return ()
    earlier = world._replace(**{penalty.player: jax.tree.map(lambda a: 1.25 * a, own(penalty, world))})
    memory = penalty.start(own(penalty, earlier))
    return memory if penalty.follow is None else call(penalty.follow, supply(penalty, earlier, memory))


def value(penalty: Penalty, world: World, memory: Any, axis_name: str | None = None) -> jax.Array:
    """What the penalty returns."""
    return call(penalty.function, supply(penalty, world, memory, axis_name))


def slope(penalty: Penalty, world: World, memory: Any, axis_name: str | None = None) -> tuple[jax.Array, Any]:
    """The penalty's mean and its gradient with respect to the player's own parameters."""

    def objective(params: Any) -> jax.Array:
        return jnp.mean(value(penalty, world._replace(**{penalty.player: params}), memory, axis_name))

    return jax.value_and_grad(objective)(own(penalty, world))


def at_points(penalty: Penalty, world: World, critic: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """The penalty for real and generated examples that are the same points x, so that what lies between is known."""
    logits = critic(x)
    points = {"critic": critic, "real": x, "fake": x, "real_logits": logits, "fake_logits": logits}
    return call(penalty.function, {**supply(penalty, world, memory_of(penalty, world)), **points})


def on_two_devices(function: Callable[[World, str], Any], world: World) -> Any:
    """`function` of each half of the examples and the name of the axis that they lie on, the two results stacked."""

    def split(a: jax.Array) -> jax.Array:
        return a.reshape(2, BATCH // 2, *a.shape[1:])

    halves = world._replace(real=split(world.real), latent=split(world.latent), keys=split(world.keys))
    axes: Any = World(0, 0, 0, None, None)  # type: ignore[arg-type]
    return compiled(jax.vmap(lambda w: function(w, "devices"), in_axes=(axes,), axis_name="devices"))(halves)


def gap(a: Any, b: Any) -> float:
    """Max |a - b| over max |b|, both over all leaves; infinite where a shape differs or a number is not finite."""
    difference, size = 0.0, 1e-30
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if x.shape != y.shape or not np.isfinite(x).all() or not np.isfinite(y).all():
            return float("inf")
        difference = max(difference, float(np.max(np.abs(x - y), initial=0.0)))
        size = max(size, float(np.max(np.abs(y), initial=0.0)))
    return difference / size
