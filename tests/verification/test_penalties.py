"""The battery for penalties: every shipped one passes, and planted errors are caught by the check that should."""

import jax
import jax.numpy as jnp
import pytest

from gan_jax.penalties import PENALTIES, Penalty, gradient, lecam
from gan_jax.verification import penalties as battery
from gan_jax.verification.checks import failures, table

QUICK = {"r1", "lecam", "historical_averaging", "feature_matching"}  # of each kind one; all take minutes


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in PENALTIES]
)
def test_shipped_penalties_pass(name):
    checks = battery.verify_penalty(PENALTIES[name])
    assert not failures(checks), table(name, checks)
    assert len(checks) == 1 + len(battery.PROPERTIES)
    told = {check.property for check in checks if check.passed is None}
    assert ("sign" in told) == (name == "zcr_generator")
    assert ("closed form on a linear critic" in told) == (PENALTIES[name].of_norm is None)


def slopes(critic, x):
    return jax.grad(lambda x: jnp.sum(critic(x)))(x)


def over_last_axis(critic, real):
    norm = jnp.sqrt(jnp.sum(jnp.square(slopes(critic, real)), axis=-1) + 1e-12)
    return jnp.mean(jnp.square(norm - 1.0), axis=(1, 2))


def over_the_batch_too(critic, real):
    norm = jnp.sqrt(jnp.sum(jnp.square(slopes(critic, real))) + 1e-12)
    return jnp.broadcast_to(jnp.square(norm - 1.0), real.shape[:1])


def without_half(critic, real):
    return 2 * gradient.r1(critic, real)


def flipped(critic, real):
    return -gradient.r1(critic, real)


def scalar_mean(critic, real):
    return jnp.mean(gradient.r1(critic, real))


def spread_mean(critic, real):
    return jnp.broadcast_to(scalar_mean(critic, real), real.shape[:1])


def unguarded(critic, real):
    return jnp.square(jnp.sqrt(jnp.sum(jnp.square(slopes(critic, real)), axis=(1, 2, 3))) - 1.0)


def constant(critic, real):
    return jax.lax.stop_gradient(gradient.r1(critic, real))


def one_key(critic, real, fake, keys):
    return gradient.wgan_gp(critic, real, fake, jnp.broadcast_to(keys[0], keys.shape))


def local_spread(critic, real, keys, axis_name=None):
    return gradient.dragan(critic, real, keys, None)


def column(critic, real):
    return gradient.r1(critic, real).reshape(-1, 1)


def raising(critic, real):
    raise RuntimeError("no such thing\nsecond line")


def half_result(critic, real):
    return gradient.r1(critic, real).astype(jnp.bfloat16)


def narrow(critic, real):
    return gradient.r1(critic, real).astype(jnp.float32)


def concrete_option(critic, real, *, power: float = 2.0):
    return gradient.r1(critic, real) * (1.0 if power > 1.0 else 2.0)


def unknown_argument(critic, images):
    return gradient.r1(critic, images)


def of_parameters(params):
    return jnp.sum(jnp.square(params["hidden"]["bias"])).reshape(1)


def one(norm):
    return jnp.square(norm - 1.0)


def check_only(properties, monkeypatch):
    wanted = properties | {"shape and dtype"}
    monkeypatch.setattr(battery, "PROPERTIES", {k: v for k, v in battery.PROPERTIES.items() if k in wanted})


LINEAR, QUADRATIC = "closed form on a linear critic", "closed form on a quadratic critic"


@pytest.mark.parametrize(
    ("function", "of_norm", "caught"),
    [
        (over_last_axis, one, {LINEAR, QUADRATIC, "derivative on a linear critic"}),
        (over_the_batch_too, one, {LINEAR, QUADRATIC, "examples apart", "two devices"}),
        (without_half, gradient.half_square, {LINEAR, QUADRATIC, "derivative on a linear critic"}),
        (flipped, gradient.half_square, {LINEAR, "sign"}),
        (scalar_mean, gradient.half_square, {"shape and dtype"}),
        (spread_mean, gradient.half_square, {QUADRATIC, "examples apart"}),
        (unguarded, one, {"finite where the critic is flat"}),
        (constant, gradient.half_square, {"derivative on a linear critic", "derivative by finite differences"}),
        (one_key, gradient.distance_to_target, {"two devices"}),
        (local_spread, gradient.distance_to_one, {"two devices"}),
        (column, gradient.half_square, {"shape and dtype"}),
        (raising, None, {"shape and dtype"}),
        (half_result, None, {"shape and dtype"}),
        (narrow, None, {"float64"}),
        (concrete_option, None, {"traced options"}),
        (unknown_argument, None, {"arguments"}),
        (of_parameters, None, {"shape and dtype"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_error_is_caught_by_name(function, of_norm, caught, monkeypatch):
    check_only(caught, monkeypatch)
    penalty = Penalty(function, "discriminator", of_norm=of_norm)
    checks = battery.verify_penalty(penalty)
    assert {check.property for check in failures(checks)} == caught, table("planted", checks)
    assert all("\n" not in check.evidence for check in checks)


def test_an_error_of_the_user_is_told_in_a_line():
    checks = battery.verify_penalty(Penalty(raising, "discriminator"))
    assert checks[-1].evidence.startswith("RuntimeError: no such thing second line (")
    assert f"test_penalties.py, line {raising.__code__.co_firstlineno + 1})" in checks[-1].evidence
    checks = battery.verify_penalty(Penalty(raising, "critic"))
    assert checks == [("arguments", False, "player 'critic' is not 'discriminator' or 'generator'")]
    checks = battery.verify_penalty(Penalty(lecam.lecam, "discriminator"))
    assert checks == [("arguments", False, "it reads 'memory' but has no start")]


def test_memory_that_differs_between_devices_or_changes_shape_is_caught(monkeypatch):
    monkeypatch.setattr(battery, "PROPERTIES", {"memory": battery.PROPERTIES["memory"]})

    def local(real_logits, fake_logits, memory):
        return lecam.follow(real_logits, fake_logits, memory, None)

    def growing(real_logits, memory):
        return {**memory, "real": real_logits}

    for follow in (local, growing):
        wrong = PENALTIES["lecam"]._replace(follow=follow)
        assert [check.property for check in failures(battery.verify_penalty(wrong))] == ["memory"]


def test_a_scalar_of_the_minibatch_is_allowed_where_it_names_the_axis(monkeypatch):
    def spread(critic, real, axis_name=None):
        mean = jnp.mean(gradient.r1(critic, real))
        return mean if axis_name is None else jax.lax.pmean(mean, axis_name)

    check_only({"examples apart", "two devices"}, monkeypatch)
    checks = battery.verify_penalty(Penalty(spread, "discriminator"))
    assert len(checks) == 4
    assert not failures(checks)
