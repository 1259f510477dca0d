"""Optimizers against optax's own with fixed numbers, schedules against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.errors import ConfigError
from gan_jax.optimizers import SCHEDULES, numbers, optimizer

BASE = {
    "name": "adam", "learning_rate": 0.01, "b1": 0.5, "b2": 0.9, "eps": 1e-8, "momentum": 0.6, "weight_decay": 0.0,
    "clip": 0.0, "clip_weights": 0.0, "schedule": "constant", "final_scale": 0.1, "decay_rate": 0.5, "decay_steps": 4.0,
}  # fmt: skip
ORACLES = {
    "adam": ({"name": "adam"}, optax.adam(0.01, b1=0.5, b2=0.9)),
    "rmsprop": ({"name": "rmsprop"}, optax.rmsprop(0.01, decay=0.9, eps=1e-8)),
    "sgd": ({"name": "sgd"}, optax.sgd(0.01, momentum=0.6)),
    "adamw": ({"weight_decay": 0.3}, optax.adamw(0.01, b1=0.5, b2=0.9, weight_decay=0.3)),
    "clipped": ({"clip": 0.5}, optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.01, b1=0.5, b2=0.9))),
}


def run(transformation, steps=10, **extra):
    params = {"w": jnp.array([1.0, -2.0, 3.0]), "b": jnp.array([0.5])}
    state = transformation.init(params)
    with jax.numpy_dtype_promotion("standard"):
        for i in range(steps):
            grads = jax.tree.map(lambda p, i=i: jnp.sin(p + i), params)
            more = {"step": jnp.int32(i), **extra} if extra else {}
            updates, state = transformation.update(grads, state, params, **more)
            params = optax.apply_updates(params, updates)
    return params


@pytest.mark.parametrize("case", sorted(ORACLES))
def test_equals_optax_with_fixed_numbers(case):
    changes, oracle = ORACLES[case]
    options = {**BASE, **changes}
    hyper = {field: jnp.float32(value) for field, value in numbers(options, "here").items()}
    mine = run(optimizer(options, "here"), hyper=hyper, total_steps=jnp.float32(10))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6), mine, run(oracle))


FORMULAS = {
    "constant": lambda t: 1.0,
    "linear": lambda t: 1 - 0.9 * t / 10,
    "cosine": lambda t: 0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * t / 10)),
    "exponential": lambda t: max(0.5 ** (t / 4), 0.1),
    "staircase": lambda t: max(0.5 ** (t // 4), 0.1),
}


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_schedule_multiplies_the_learning_rate(name):
    """With plain SGD and a gradient of 1 each update is the learning rate itself."""
    options = {**BASE, "name": "sgd", "momentum": 0.0, "schedule": name}
    hyper = {field: jnp.float32(value) for field, value in numbers(options, "p").items()}
    transformation = optimizer(options, "p")
    state = transformation.init({"w": jnp.zeros(())})
    for t in range(20):
        update, _ = transformation.update(
            {"w": jnp.ones(())},
            state,
            {"w": jnp.zeros(())},
            hyper=hyper,
            step=jnp.int32(t),
            total_steps=jnp.float32(10),
        )
        if t <= 10:
            np.testing.assert_allclose(update["w"], -0.01 * FORMULAS[name](t), rtol=1e-5)


def test_only_numbers_in_use_are_leaves():
    assert tuple(numbers(BASE, "p")) == ("p.learning_rate", "p.b1", "p.b2", "p.eps")
    assert set(numbers({**BASE, "clip": 1.0, "weight_decay": 0.1, "schedule": "linear"}, "p")) >= {
        "p.clip",
        "p.weight_decay",
        "p.final_scale",
    }


def scaled(*, factor: float = 2.0, repeats: int = 1):
    return optax.scale(factor**repeats)


def falling(progress, step, *, to: float = 0.5):
    del step
    return 1.0 - (1.0 - to) * progress


def test_ones_own_optimizer_and_schedule_have_numbers():
    own = {"name": "test_optimizers:scaled", "options": {"factor": 3, "repeats": 2}}
    own |= {"schedule": "test_optimizers:falling", "schedule_options": {"to": 0.0}}
    options = {**BASE, **own}
    found = numbers(options, "p")
    assert found == {"p.learning_rate": 0.01, "p.options.factor": 3.0, "p.schedule_options.to": 0.0}
    hyper = {field: jnp.float32(value) for field, value in found.items()}
    transformation = optimizer(options, "p")
    update, _ = transformation.update(
        {"w": jnp.ones(())}, transformation.init({"w": jnp.zeros(())}), None,
        hyper=hyper | {"p.options.factor": jnp.float32(5.0)}, step=jnp.int32(5), total_steps=jnp.float32(10),
    )  # fmt: skip
    np.testing.assert_allclose(update["w"], -0.01 * 0.5 * 25, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"options": {"b1": 0.1}}, "optimizer.options=.* is for package.module:attribute; 'adam' has its options in"),
        ({"name": "no.such:thing"}, "there is no module 'no'"),
        ({"name": "test_optimizers:scaled", "options": {"facto": 1.0}}, r"no option 'facto' \(did you mean 'factor'"),
        ({"name": "test_optimizers:scaled", "options": {"factor": "x"}}, "options.factor='x' is not possible"),
        ({"schedule": "test_optimizers:BASE"}, "gives dict; allowed: a function"),
    ],
)
def test_ones_own_that_cannot_be_used_is_told(changes, said):
    with pytest.raises(ConfigError, match=said):
        numbers({**BASE, **changes}, "optimizer")
