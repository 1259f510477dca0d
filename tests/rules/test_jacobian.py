"""Rules that use the Jacobian, against the Jacobian itself, on games of three players that are not linear."""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.game import Game, Player, simultaneous
from gan_jax.rules import RULES
from gan_jax.rules.second_order import squared_norm_gradient
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step
from gan_jax.verification.number_game import Number

NAMES = ("a", "b", "c")
START = np.array([0.4, -0.7, 0.9])
STARTS = (START, np.array([-1.3, 0.2, -0.8]), np.array([2.0, 1.5, -1.0]))
RATE = 0.05
FAST = {"xla_backend_optimization_level": 1}


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
        def of(move):
            w = jnp.stack([move.params(n)["value"] for n in NAMES])
            return cost(player, w), {}

        return of

    spec = (jax.ShapeDtypeStruct((), jnp.float32),)
    bound = RULES[rule]._replace(direction=functools.partial(RULES[rule].direction, **options), wrap=None)
    return Game(
        networks={n: Number(float(s)) for n, s in zip(NAMES, START, strict=True)},
        inputs=dict.fromkeys(NAMES, spec),
        players={n: Player((n,), loss(n), optax.sgd(RATE), reads_data=False) for n in NAMES},
        schedule=simultaneous(*NAMES),
        rule=bound,
    )


@functools.cache
def played(rule, **options):
    """A compiled step, whose options it has, and the state before the first."""
    made = game(rule, **options)
    return jax.jit(make_step(made, local_batch=1), compiler_options=FAST), init_state(
        made, jax.random.key(0), {"steps": 9.0}
    )


def direction(rule, start=START, **options):
    step, state = played(rule, **options)
    after, _ = step(state.replace(params={n: {"value": np.float32(w)} for n, w in zip(NAMES, start)}), {})
    return np.array([(start[i] - float(after.params[n]["value"])) / RATE for i, n in enumerate(NAMES)])


@functools.cache
def of_oracle(function):
    return jax.jit(function, compiler_options=FAST)


def oracle(start=START):
    """The field and its Jacobian."""
    w = np.float32(start)
    return tuple(np.asarray(of_oracle(f)(w), np.float64) for f in (field, jax.jacobian(field)))


def test_consensus():
    v, jacobian = oracle()
    np.testing.assert_allclose(direction("consensus", weight=0.7), v + 0.7 * jacobian.T @ v, atol=2e-5)


def test_symplectic():
    signs = set()
    for start in STARTS:
        v, jacobian = oracle(start)
        adjustment, slope = 0.5 * (jacobian - jacobian.T).T @ v, jacobian.T @ v
        sign = np.sign(np.dot(v, slope) * np.dot(adjustment, slope) / 3 + 0.1)
        signs.add(sign)
        for align in (True, False):
            want = v + 0.6 * (sign if align else 1.0) * adjustment
            np.testing.assert_allclose(direction("symplectic", start, weight=0.6, align=align), want, atol=1e-4)
    assert signs == {1.0, -1.0}


def runge_kutta(rule):
    """The direction of the method on the field itself, in NumPy."""
    at = lambda w: np.asarray(of_oracle(field)(np.float32(w)), np.float64)
    first = at(START)
    if rule == "heun":
        return (first + at(START - RATE * first)) / 2
    second = at(START - RATE * first / 2)
    third = at(START - RATE * second / 2)
    return (first + 2 * second + 2 * third + at(START - RATE * third)) / 6


@pytest.mark.parametrize("rule", ["heun", "rk4"])
def test_runge_kutta_and_the_ode_regularizer_which_is_one_players(rule):
    """Player b also descends the squared norms of the gradients of a and c, at the start of the step."""
    v, jacobian = oracle()
    extra = 2 * (jacobian.T @ (v * [1, 0, 1]))[1]
    want = runge_kutta(rule) + [0.0, 0.3 * extra, 0.0]
    np.testing.assert_allclose(direction(rule, regularization=0.3, player="b"), want, atol=3e-5)


def test_unrolled_is_differentiated_through():
    steps, (v, _) = 4, oracle()

    def foreseen(own):
        w = jnp.asarray(START, jnp.float32).at[0].set(own)
        for _ in range(steps):
            w = w - RATE * field(w) * jnp.array([0.0, 1.0, 1.0])
        return cost("a", w)

    slope = jax.jit(jax.grad(foreseen), compiler_options=FAST)(np.float32(START[0]))
    expected = [float(slope), v[1], v[2]]
    np.testing.assert_allclose(direction("unrolled", steps=steps, player="a"), expected, atol=2e-5)


def test_squared_norm_gradient_leaves_the_players_own_gradient_out():
    def loss(name, at):
        return cost(name, jnp.stack([at[n] for n in NAMES]))

    v, jacobian = oracle()

    @functools.partial(jax.jit, compiler_options=FAST)
    def gradients(points):
        start = dict(zip(NAMES, map(jnp.float32, v), strict=True))
        round = SimpleNamespace(points=points, start=start, loss=loss, average=lambda tree: tree)
        return [squared_norm_gradient(round, name) for name in NAMES]

    found = gradients({n: np.float32(s) for n, s in zip(NAMES, START, strict=True)})
    want = [2 * (jacobian.T @ (v * (np.arange(3) != i)))[i] for i in range(3)]
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)
