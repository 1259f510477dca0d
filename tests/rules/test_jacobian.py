"""Rules that use the Jacobian, against the Jacobian itself, on games of three players that are not linear."""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.game import Aux, Game, Player, simultaneous
from gan_jax.rules import RULES
from gan_jax.rules.second_order import squared_norm_gradient
from gan_jax.training.step import init_state, make_step
from gan_jax.verification.number_game import Number

NAMES = ("a", "b", "c")
START = np.array([0.4, -0.7, 0.9])
RATE = 0.05


def cost(player, w):
    a, b, c = w
    return {
        "a": a * b * c + jnp.sin(a) * b - 0.3 * c * a**2,
        "b": jnp.cos(b * c) - 0.5 * a * b**2 + b,
        "c": a * b - jnp.tanh(c * a) * b + 0.1 * c**3,
    }[player]


def field(w):
    return jnp.stack([jax.grad(lambda w, i=i, n=n: cost(n, w))(w)[i] for i, n in enumerate(NAMES)])


def game(rule, **options):
    def loss(player):
        def of(networks, params, stats, batch, context):
            w = jnp.stack([params[n]["value"] for n in NAMES])
            return cost(player, w), Aux({}, (), {})

        return of

    spec = (jax.ShapeDtypeStruct((), jnp.float32),)
    bound = RULES[rule]._replace(direction=functools.partial(RULES[rule].direction, **options), wrap=None)
    return Game(
        networks={n: Number(float(s)) for n, s in zip(NAMES, START, strict=True)},
        inputs=dict.fromkeys(NAMES, spec),
        players={n: Player((n,), loss(n), optax.sgd(RATE), reads_data=False) for n in NAMES},
        schedule=simultaneous(*NAMES),
        sample=lambda *args: jnp.zeros((1, 1)),
        rule=bound,
    )


def direction(rule, **options):
    made = game(rule, **options)
    state = init_state(made, jax.random.key(0), {"steps": 9.0})
    after, _ = jax.jit(make_step(made, local_batch=1))(state, {})
    return np.array([(START[i] - float(after.params[n]["value"])) / RATE for i, n in enumerate(NAMES)])


def oracle():
    w = jnp.asarray(START, jnp.float32)
    return np.asarray(field(w), np.float64), np.asarray(jax.jacobian(field)(w), np.float64)


def test_consensus():
    v, jacobian = oracle()
    np.testing.assert_allclose(direction("consensus", weight=0.7), v + 0.7 * jacobian.T @ v, atol=2e-5)


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("start", [START, np.array([-1.3, 0.2, -0.8]), np.array([2.0, 1.5, -1.0])])
def test_symplectic(align, start, monkeypatch):
    monkeypatch.setattr("test_jacobian.START", start)
    v, jacobian = oracle()
    adjustment = 0.5 * (jacobian - jacobian.T).T @ v
    slope = jacobian.T @ v
    sign = np.sign(np.dot(v, slope) * np.dot(adjustment, slope) / 3 + 0.1) if align else 1.0
    np.testing.assert_allclose(direction("symplectic", weight=0.6, align=align), v + 0.6 * sign * adjustment, atol=1e-4)


def test_both_signs_of_the_adjustment_occur():
    signs = set()
    for start in (START, np.array([-1.3, 0.2, -0.8]), np.array([2.0, 1.5, -1.0])):
        w = jnp.asarray(start, jnp.float32)
        v, jacobian = np.asarray(field(w)), np.asarray(jax.jacobian(field)(w))
        signs.add(np.sign(v @ jacobian.T @ v * (0.5 * (jacobian - jacobian.T).T @ v) @ jacobian.T @ v / 3 + 0.1))
    assert signs == {1.0, -1.0}


@pytest.mark.parametrize("rule", ["heun", "rk4"])
def test_the_ode_regularizer_is_one_players(rule):
    """Player b also descends the squared norms of the gradients of a and c, at the start of the step."""
    plain, regularized = direction(rule), direction(rule, regularization=0.3, player="b")
    w = jnp.asarray(START, jnp.float32)
    extra = jax.grad(lambda w: field(w)[0] ** 2 + field(w)[2] ** 2)(w)[1]
    np.testing.assert_allclose(regularized - plain, [0.0, 0.3 * float(extra), 0.0], atol=3e-5)


@pytest.mark.parametrize("steps", [1, 4])
def test_unrolled_is_differentiated_through(steps):
    v, _ = oracle()

    def foreseen(own):
        w = jnp.asarray(START, jnp.float32).at[0].set(own)
        for _ in range(steps):
            w = w - RATE * field(w) * jnp.array([0.0, 1.0, 1.0])
        return cost("a", w)

    expected = [float(jax.grad(foreseen)(jnp.float32(START[0]))), v[1], v[2]]
    np.testing.assert_allclose(direction("unrolled", steps=steps, player="a"), expected, atol=2e-5)


def test_squared_norm_gradient_leaves_the_players_own_gradient_out():
    points = {n: jnp.float32(s) for n, s in zip(NAMES, START, strict=True)}

    def loss(name, at):
        return cost(name, jnp.stack([at[n] for n in NAMES]))

    v, jacobian = oracle()
    round = SimpleNamespace(
        points=points, start=dict(zip(NAMES, map(jnp.float32, v), strict=True)), loss=loss, average=lambda tree: tree
    )
    for i, name in enumerate(NAMES):
        others = v * (np.arange(3) != i)
        np.testing.assert_allclose(
            squared_norm_gradient(round, name), 2 * (jacobian.T @ others)[i], rtol=1e-4, atol=1e-5
        )
