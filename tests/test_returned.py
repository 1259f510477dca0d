"""What a user's functions return is looked at when they are traced, so that nothing trains in silence."""

import re

import jax
import jax.numpy as jnp
import pytest

import gan_jax
from gan_jax.game import Context, Term
from gan_jax.losses import AdversarialLoss
from gan_jax.penalties import Penalty
from gan_jax.registry import make_loss, make_rule
from gan_jax.rules import Round
from gan_jax.terms import total

LOGITS = jax.ShapeDtypeStruct((4,), jnp.float32)


@pytest.mark.parametrize(
    ("function", "returned"),
    [
        (lambda real, fake: jnp.mean(fake - real), "float32 of shape ()"),
        (lambda real, fake: fake[:, None] - real[None], "float32 of shape (4, 4)"),
        (lambda real, fake: fake[:, None], "float32 of shape (4, 1)"),
        (lambda real, fake: fake > real, "bool of shape (4,)"),
        (lambda real, fake: fake.astype(jnp.int32), "int32 of shape (4,)"),
        (lambda real, fake: (fake, real), "a tuple"),
        (lambda real, fake: 0.0, "a float"),
        (lambda real, fake: None, "None"),
    ],
)
def test_what_a_loss_or_penalty_of_a_user_returns(function, returned):
    good = lambda real, fake: fake.astype(jnp.bfloat16)
    batchwise = AdversarialLoss(lambda real, fake: jnp.mean(real) * fake, good, batchwise=True)
    for made in (make_loss((good, good), {}, ""), make_loss(batchwise, {}, "")):
        for who in (made.discriminator, made.generator):
            assert jax.eval_shape(who, LOGITS, LOGITS).shape == (4,)
    for pair, who in (((function, good), "discriminator"), ((good, function), "generator")):
        for component in (pair, AdversarialLoss(*pair), lambda pair=pair: pair):
            made = make_loss(component, {}, "loss.name='a:b'")
            with pytest.raises(gan_jax.ConfigError) as error:
                jax.eval_shape(getattr(made, who), LOGITS, LOGITS)
            assert str(error.value).startswith(
                f"loss.name='a:b': its {who} loss returns {returned} for logits of shape"
            )
    if returned != "float32 of shape ()":  # a penalty may be a mean
        with pytest.raises(
            gan_jax.ConfigError, match=re.escape(f"penalties.own returns {returned}; allowed: one value")
        ):
            penalized(lambda real_logits, fake_logits: function(real_logits, fake_logits))


def penalized(function):
    """The shape of the value of a user's penalty in a game."""
    context = Context(None, None, None, None, jnp.arange(4), None, {}, {})
    term = Term("own", Penalty(function, "discriminator"), lambda hyper: jnp.float32(1), lambda hyper: {})
    given = lambda logits: {"real_logits": lambda: logits, "fake_logits": lambda: logits}
    return jax.eval_shape(lambda logits: total([term], given(logits), context)[0], LOGITS)


def test_penalties_of_a_user_may_be_means():
    assert penalized(lambda real_logits: jnp.mean(real_logits)).shape == ()
    assert penalized(lambda real_logits: real_logits).shape == ()


@pytest.mark.parametrize(
    ("direction", "says"),
    [
        (lambda round: None, "gives no direction to 'generator'"),
        (lambda round: {}, "gives no direction to 'generator'"),
        (lambda round: {"generator": {"b": 1.0}}, "a direction unlike its gradient: a is not there; allowed: float32"),
        (
            lambda round: {"generator": {"a": round.start["generator"]["a"].mean()}},
            "a is float32 of shape (); allowed:",
        ),
        (lambda round: {"generator": {"a": jnp.zeros(3, jnp.int32)}}, "a is int32 of shape (3,); allowed: float32"),
        (lambda round: round.start, ""),
    ],
)
def test_what_an_update_rule_of_a_user_returns(direction, says):
    round = Round(("generator",), {}, {"generator": {"a": jnp.zeros(3)}}, None, None, None, None, {}, {})
    made = make_rule(direction, {}, "rule.name='a:b'").direction
    if not says:
        assert made(round) is round.start
        return
    with pytest.raises(gan_jax.ConfigError, match=re.escape(says)) as error:
        made(round)
    assert str(error.value).startswith("rule.name='a:b' gives ")
