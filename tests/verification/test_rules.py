"""The battery for update rules passes for every rule and names the property that a planted error breaks."""

import jax
import jax.numpy as jnp
import pytest

from gan_jax.rules import RULES, Rule
from gan_jax.rules.round import add, movers_part, scaled
from gan_jax.verification import rules as battery
from gan_jax.verification.checks import failures
from gan_jax.verification.rules import PROPERTIES, verify_rule

QUICK = {"consensus", "optimistic"}  # a direction and an optimizer of its own; the others take minutes together


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in sorted(RULES)]
)
def test_every_rule_is_verified(name):
    checks = verify_rule(RULES[name])
    assert [check.property for check in checks] == list(PROPERTIES)
    assert not failures(checks), failures(checks)


def failing(monkeypatch, property, *rule_and_options):
    """The names of those checks that fail, of this one alone."""
    monkeypatch.setattr(battery, "PROPERTIES", {property: PROPERTIES[property]})
    return [check.property for check in failures(verify_rule(*rule_and_options))]


def test_options_are_used(monkeypatch):
    assert not failing(monkeypatch, "factor on linear fields", RULES["consensus"], {"weight": 0.25})


def flipped(round):
    return scaled(movers_part(round, round.start), -1.0)


def twice_ahead(round):
    ahead = {n: add(p, scaled(round.start[n], -0.1)) for n, p in round.points.items()}
    return movers_part(round, round.gradients(ahead))


def half_transpose(round, *, weight=1.0):
    """The published slip: one half in front of a product with the Jacobian."""
    return {n: add(round.start[n], RULES["consensus"].direction(round, weight=weight)[n], 0.5) for n in round.movers}


def local_mean(round):
    own = {n: jax.grad(lambda p, n=n: round.loss(n, {**round.points, n: p}))(round.points[n]) for n in round.movers}
    return own


def not_finite(round):
    return jax.tree.map(lambda x: jnp.log(-jnp.abs(x)), movers_part(round, round.start))


def restless(round):
    return jax.tree.map(lambda x: x + jnp.asarray(0.01, x.dtype), movers_part(round, round.start))


def first_first(round):
    return {n: scaled(round.start[n], 1.0 + i) for i, n in enumerate(round.movers)}


def forgetful(round):
    return {name: round.start[name] for name in round.movers[:1]}


PLANTED = {
    "sign flipped": (Rule(flipped), "descends where there is no game"),
    "looks ahead by a step of its own": (
        Rule(twice_ahead, factor=RULES["extragradient"].factor),
        "factor on linear fields",
    ),
    "factor 2": (Rule(half_transpose, factor=RULES["consensus"].factor), "factor on linear fields"),
    "mean of one device": (Rule(local_mean), "equal on two devices"),
    "not finite": (Rule(not_finite), "finite, and everybody moves"),
    "moves at a fixed point": (Rule(restless), "fixed points stay"),
    "depends on the order": (Rule(first_first), "order of movers does not matter"),
    "forgets a player": (Rule(forgetful), "finite, and everybody moves"),
}


@pytest.mark.parametrize("error", sorted(PLANTED))
def test_planted_errors_are_caught(error, monkeypatch):
    rule, property = PLANTED[error]
    assert failing(monkeypatch, property, rule) == [property]
