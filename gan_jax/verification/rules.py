"""The battery for update rules: one for the registered and for a user's own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from gan_jax.options import defaults_of, taken
from gan_jax.rules import Rule
from gan_jax.verification.checks import Check, Finding, guarded
from gan_jax.verification.number_game import Costs, number_game, states

RATE = 0.05
X, Y, Z = "generator", "discriminator", "third"  # names that the options of rules have as defaults
EIGENVALUES = ((1.0, 0.0), (0.0, 1.0), (0.5, 2.0))  # a, b: a pulls to the origin, b rotates about it
EXAMPLES = jnp.linspace(-1.0, 2.0, 8, dtype=jnp.float32)


def verify_rule(rule: Rule, options: Mapping[str, Any] | None = None) -> list[Check]:
    """Check an update rule, with options, on games of two and three players, each with one number."""
    bound = rule._replace(direction=partial(rule.direction, **(options or {})))
    return [guarded(name, partial(check, bound)) for name, check in PROPERTIES.items()]


def linear(a: float, b: float) -> Costs:
    """Two players x, y whose field is w -> (a - ib) w for w = x + iy: bilinear for a = 0."""
    return {
        X: lambda w, _: 0.5 * a * w[X] ** 2 + b * w[X] * w[Y],
        Y: lambda w, _: 0.5 * a * w[Y] ** 2 - b * w[X] * w[Y],
    }


# Three players, nothing linear, costs that are means over examples.
CURVED: Costs = {
    X: lambda w, x: jnp.mean(jnp.sin(w[X] * x) * w[Y] + w[X] * w[Y] * w[Z] * x),
    Y: lambda w, x: jnp.mean(jnp.cos(w[Y] * w[Z] + x) - 0.5 * w[X] * w[Y] ** 2 * x),
    Z: lambda w, x: jnp.mean(w[X] * w[Y] * x - jnp.tanh(w[Z] * w[X] + x) * w[Y]),
}
START = {X: 0.4, Y: -0.7, Z: 0.9}


def _finite(rule: Rule) -> Finding:
    course = states(number_game(CURVED, START, rule, RATE), EXAMPLES, 20)
    last = course[-1]
    moved = all(last[name] != START[name] for name in START)
    shown = ", ".join(f"{name} {START[name]:g} -> {value:.4g}" for name, value in last.items())
    return bool(np.isfinite(list(last.values())).all()) and moved, f"3 players, 20 steps: {shown}"


def _fixed_points(rule: Rule) -> Finding:
    worst = 0.0
    for a, b in EIGENVALUES:
        end = states(number_game(linear(a, b), {X: 0.0, Y: 0.0}, rule, RATE), EXAMPLES, 3)[-1]
        worst = max(worst, *map(abs, end.values()))
    return worst == 0.0, f"largest step from where all gradients vanish: {worst:.3g}"


def _descends(rule: Rule) -> Finding:
    """Alone on a parabola there is no game: a rule must then descend."""
    costs: Costs = {X: lambda w, x: 0.5 * jnp.mean(jnp.square(w[X] - x))}
    course = [s[X] for s in states(number_game(costs, {X: 3.0}, rule, RATE), EXAMPLES, 100)]
    goal = float(jnp.mean(EXAMPLES))
    distances = np.abs(np.asarray(course) - goal)
    passed = bool(distances[-1] < 0.1 * distances[0]) and bool((np.diff(distances) < 1e-6).all())
    return passed, f"one player on a parabola: distance {distances[0]:.3g} -> {distances[-1]:.3g} in 100 steps"


def _order(rule: Rule) -> Finding:
    one = states(number_game(CURVED, START, rule, RATE), EXAMPLES, 3)[-1]
    other = states(number_game(CURVED, dict(reversed(START.items())), rule, RATE), EXAMPLES, 3)[-1]
    worst = max(abs(one[name] - other[name]) for name in START)
    return worst < 1e-6, f"movers in reverse order: largest difference {worst:.3g}"


def _devices(rule: Rule) -> Finding:
    whole = states(number_game(CURVED, START, rule, RATE), EXAMPLES, 5)[-1]
    split = states(number_game(CURVED, START, rule, RATE), EXAMPLES, 5, shards=2)[-1]
    worst = max(abs(whole[name] - split[name]) for name in START)
    return worst < 2e-6, f"minibatch on two devices, 5 steps: largest difference {worst:.3g}"


def _factor(rule: Rule) -> Finding:
    """One step on a linear field multiplies w = x + iy by a number that the rule claims."""
    if rule.factor is None:
        return None, "no factor on linear fields is claimed"
    options = taken(rule.factor, defaults_of(rule.direction))
    worst, shown = 0.0, []
    for a, b in EIGENVALUES:
        end = states(number_game(linear(a, b), {X: 1.0, Y: 0.5}, rule, RATE), EXAMPLES, 1)[-1]
        got = complex(end[X], end[Y]) / complex(1.0, 0.5)
        claimed = complex(rule.factor(complex(a, -b), RATE, **options))
        worst = max(worst, abs(got - claimed))
        shown.append(f"{got:.5f} (claimed {claimed:.5f})")
    return worst < 1e-5, "; ".join(shown)


def _bilinear(rule: Rule) -> Finding:
    course = states(number_game(linear(0.0, 1.0), {X: 1.0, Y: 1.0}, rule, 0.1), EXAMPLES, 300)
    radius = [float(np.hypot(s[X], s[Y])) for s in course]
    ratio = (radius[300] / radius[100]) ** (1 / 200)
    word = "converges" if ratio < 0.9999 else "diverges" if ratio > 1.0001 else "circles"
    return None, f"V = xy, h = 0.1, simultaneous: {word}, radius x {ratio:.5f} a step"


PROPERTIES: Mapping[str, Callable[[Rule], Finding]] = {
    "finite, and everybody moves": _finite,
    "fixed points stay": _fixed_points,
    "descends where there is no game": _descends,
    "order of movers does not matter": _order,
    "equal on two devices": _devices,
    "factor on linear fields": _factor,
    "bilinear game": _bilinear,
}
