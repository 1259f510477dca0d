"""The bilinear game V(x, y) = x y, on which every rule is a linear map that can be written down."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.game import Game, Player, simultaneous
from gan_jax.rules import RULES
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step
from gan_jax.verification.number_game import Number

H = 0.1
ONE = np.eye(2)
J = np.array([[0.0, 1.0], [-1.0, 0.0]])  # the field of (x y, -x y) is J (x, y)
OPTIONS = {"consensus": {"weight": 0.5}, "symplectic": {"weight": 0.5}, "unrolled": {"steps": 3, "player": "x"}}

# w after a simultaneous step is this matrix times w before it; the optimistic rule also needs the step before.
MAPS = {
    "gradient": ONE - H * J,
    "extragradient": ONE - H * J @ (ONE - H * J),
    "consensus": ONE - H * (J + 0.5 * J.T @ J),
    "symplectic": ONE - H * (J + 0.5 * J.T @ J),  # J is antisymmetric here
    "unrolled": ONE - H * np.array([[2 * 3 * H, 1.0], [-1.0, 0.0]]),  # x foresees y + 3 h x, so its slope is y + 6 h x
    "heun": ONE - H * J + (H * J) @ (H * J) / 2,
    "rk4": sum(np.linalg.matrix_power(-H * J, k) / f for k, f in enumerate((1, 1, 2, 6, 24))),
}


def bilinear(rule, schedule, start=(1.0, 1.0)):
    def loss(sign):
        def of(move):
            x, y = (move(name, jnp.zeros((1,)))[0] for name in ("x_net", "y_net"))
            return sign * x * y, {}

        return of

    spec = (jax.ShapeDtypeStruct((), jnp.float32),)
    bound = RULES[rule]._replace(direction=functools.partial(RULES[rule].direction, **OPTIONS.get(rule, {})))
    optimizer = optax.with_extra_args_support(optax.sgd(H))
    if bound.wrap is not None:
        optimizer = bound.wrap(optimizer, lambda hyper, option: 1.0)
    return Game(
        networks={"x_net": Number(start[0]), "y_net": Number(start[1])},
        inputs={"x_net": spec, "y_net": spec},
        players={
            "x": Player(("x_net",), loss(1.0), optimizer, reads_data=False),
            "y": Player(("y_net",), loss(-1.0), optimizer, reads_data=False),
        },
        schedule=schedule,
        rule=bound,
    )


def trajectory(game, steps):
    step = make_step(game, local_batch=1)

    def body(state, _):
        state, _ = step(state, {})
        return state, jnp.stack([state.params["x_net"]["value"], state.params["y_net"]["value"]])

    return np.asarray(jax.lax.scan(body, init_state(game, jax.random.key(0), {"steps": 9.0}), None, length=steps)[1])


@functools.cache
def course(rule, schedule=simultaneous("x", "y")):
    """All the steps that any test looks at, by one program."""
    return trajectory(bilinear(rule, schedule), 3000)


ALTERNATING = (("x",), ("y",))


def test_every_rule_is_played():
    assert {*MAPS, "optimistic"} == set(RULES)


@pytest.mark.parametrize("rule", sorted(MAPS))
def test_the_map_of_each_rule(rule):
    got = course(rule)
    w = np.ones(2)
    for i in range(60):
        w = MAPS[rule] @ w
        np.testing.assert_allclose(got[i], w, atol=3e-5)


@pytest.mark.parametrize("rule", sorted(MAPS))
def test_alternating_moves_take_their_component_of_the_same_field(rule):
    got = course(rule, ALTERNATING)
    w = np.ones(2)
    for i in range(40):
        w = np.array([(MAPS[rule] @ w)[0], w[1]])
        w = np.array([w[0], (MAPS[rule] @ w)[1]])
        np.testing.assert_allclose(got[i], w, atol=3e-5)


def test_optimistic_is_optax():
    optimizer = optax.optimistic_gradient_descent(H)

    def step(carry, _):
        w, state = carry
        updates, state = optimizer.update(jnp.asarray(J, jnp.float32) @ w, state)
        w = optax.apply_updates(w, updates)
        return (w, state), w

    start = np.ones(2, np.float32)
    _, want = jax.jit(lambda w: jax.lax.scan(step, (w, optimizer.init(w)), None, length=100))(start)
    np.testing.assert_allclose(course("optimistic")[:100], want, atol=2e-5)


def test_optimistic_takes_its_strength():
    game = bilinear("gradient", simultaneous("x", "y"))
    wrap = RULES["optimistic"].wrap
    none = wrap(game.players["x"].optimizer, lambda hyper, option: 0.0)
    same = dataclasses.replace(
        game, players={n: dataclasses.replace(p, optimizer=none) for n, p in game.players.items()}
    )
    np.testing.assert_allclose(trajectory(same, 20), course("gradient")[:20], atol=1e-6)


def radius(rule, steps, *schedule):
    return np.hypot(*course(rule, *schedule)[:steps].T)


def test_gradient_steps_spiral_out_by_the_published_factor():
    """Each simultaneous step of h multiplies the radius by sqrt(1 + h^2); alternating ones stay on a closed curve."""
    np.testing.assert_allclose(radius("gradient", 100), np.sqrt(2) * np.sqrt(1 + H**2) ** np.arange(1, 101), rtol=1e-4)
    along = radius("gradient", 1000, ALTERNATING)
    assert 1.2 < along.min() < along.max() < 1.6


def test_rk4_follows_the_analytic_circle():
    """x(t) = x0 cos t - y0 sin t, y(t) = x0 sin t + y0 cos t, to order 4; Heun to order 2 only."""
    t = H * np.arange(1, 201)
    exact = np.stack([np.cos(t) - np.sin(t), np.sin(t) + np.cos(t)], axis=1)
    errors = {rule: np.abs(course(rule)[:200] - exact).max() for rule in ("rk4", "heun")}
    assert errors["rk4"] < 5e-5
    assert 1e-2 < errors["heun"] < 1e-1


@pytest.mark.parametrize("rule", ["extragradient", "optimistic", "consensus", "symplectic", "unrolled"])
def test_rules_that_converge_where_gradients_circle(rule):
    r = radius(rule, 3000)
    assert r[-1] < 1e-3
    assert r[2000] < r[1000] < r[0]
