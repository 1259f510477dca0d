"""The battery of losses: what is shipped passes, and every planted error is named."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import planted

from gan_jax import losses
from gan_jax.errors import ConfigError
from gan_jax.verification import losses as battery
from gan_jax.verification.checks import failures, table
from gan_jax.verification.losses import verify_loss
from gan_jax.verification.optimum import EQUAL, PAIRS, best_discriminator, play, points
from gan_jax.verification.run import verify

ALWAYS = ["shape and dtype", "finite", "float32 as float64", "gradient", "slope at mistakes", "per example"]
ALWAYS += ["ranking", "generator raises", "equilibrium", "generator_reads_real"]


def failing(loss, factory=None, **only):
    return [check.property for check in failures(verify_loss(loss, factory, **only))]


@functools.cache
def played(discriminator, generator):
    return play(planted.unclaimed(discriminator, generator))


@functools.cache
def optimum(game, pair, domain):
    return best_discriminator(game, pair, domain)


@pytest.fixture(autouse=True)
def optima(monkeypatch):
    """The best discriminator of functions that many losses here share is searched for once."""
    monkeypatch.setattr(battery, "play", lambda loss: played(*loss[:2]))
    monkeypatch.setattr(battery, "best_discriminator", optimum)


QUICK = {"minimax", "relativistic_average"}  # one of examples, one of the minibatch; all take a minute


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in sorted(losses.LOSSES)]
)
def test_every_shipped_loss_is_verified(name):
    titles = []
    for title, checks in verify(name):
        titles.append(title)
        assert not failures(checks), table(title, checks)
        judged = {check.property for check in checks if check.passed}
        assert judged >= {*ALWAYS, "saturating", "zero-sum", "shift invariance"}, table(title, checks)
        assert ("shards" in judged) == losses.LOSSES[name]().batchwise
        if name not in ("wasserstein", "relativistic_average"):
            assert judged >= {"optimum", "value"}
    assert len(titles) == len(set(titles)) == len(losses.VARIANTS[name])


@pytest.mark.parametrize("error", sorted(planted.UNIVERSAL))
def test_errors_are_found_where_nothing_is_claimed(error):
    loss, name = planted.UNIVERSAL[error]
    assert failing(loss, only=[name]) == [name]


@pytest.mark.parametrize("error", sorted(planted.CLAIMED))
def test_false_claims_are_found(error):
    loss, name = planted.CLAIMED[error]
    whole = (lambda axis_name: loss) if name == "shards" else None
    assert failing(loss, whole, only=[name]) == [name]


def test_a_loss_without_claims_is_measured_and_passes():
    checks = verify_loss(planted.unclaimed())
    assert not failures(checks)
    told = {check.property: check.evidence for check in checks if check.passed is None}
    assert set(told) == {
        "optimum", "value", "criterion", "symmetric criterion", "slope", "saturating", "zero-sum", "shift invariance",
    }  # fmt: skip
    assert told["saturating"].startswith("does not saturate")
    assert told["zero-sum"].startswith("measured False")
    assert "found at p/q=(8, 1.67, 0.5, 0.125): (2.08, 0.511, -0.693, -2.08)" in told["optimum"]  # log(p/q)


def test_a_pair_that_reads_no_real_logits_need_not_say_so():
    only = ["generator_reads_real"]
    checks = {check.property: check for check in verify_loss(planted.unclaimed(reads=True), only=only)}
    assert checks["generator_reads_real"].passed is None
    assert "declare False" in checks["generator_reads_real"].evidence


def test_a_broken_loss_gives_lines_and_no_traceback():
    check = verify_loss(planted.unclaimed(planted.raising))[0]
    assert check.evidence.startswith("discriminator, float32 [7]: RuntimeError: not today (")
    assert "planted.py, line" in check.evidence
    text = table("mine", verify_loss(planted.unclaimed(lambda r, f: jnp.zeros(()))))
    assert text.splitlines()[-1] == "mine: FAILS: shape and dtype"
    assert "gives float32 [] for float32 [7]; allowed: [7], one per example" in text


def test_a_bug_on_one_side_is_not_seen_as_another():
    """The message leads to the fault: a generator with the wrong sign has a right discriminator."""
    assert failing(planted.unclaimed(generator=lambda r, f: -planted.rejected(r, f))) == ["generator raises"]


def test_batchwise_without_a_factory_is_told():
    assert verify_loss(losses.get("relativistic_average"), only=["shards"])[1].passed is None


def test_the_points_are_what_they_should_be():
    for pair in (*PAIRS, EQUAL):
        assert sum(pair.real) == sum(pair.fake) == points(pair.real).size == 16
        np.testing.assert_array_equal(np.bincount(points(pair.fake)), pair.fake)
    for pair in PAIRS:
        ratios = pair.p / pair.q
        assert len(set(ratios)) == 4
        assert not np.isclose(ratios, 1).any()


def test_the_search_finds_corners_and_smooth_optima():
    """Against the closed forms of cross-entropy and hinge, and against brute force on a grid."""
    with jax.enable_x64(True):
        for name, closed, tolerance in (("minimax", np.log, 1e-6), ("hinge", lambda u: np.sign(u - 1), 1e-8)):
            game = play(losses.get(name))
            for pair in PAIRS:
                best = best_discriminator(game, pair, (-1e4, 1e4))
                np.testing.assert_allclose(best.logits, closed(pair.p / pair.q), atol=tolerance)
                rng = np.random.default_rng(0)
                others = best.logits + rng.normal(size=(50, 4)) * rng.choice([1e-3, 0.1, 3.0], size=(50, 1))
                costs = [game.discriminator(points(pair.real), points(pair.fake), t)[0] for t in others]
                assert min(costs) >= best.cost - 1e-12


def test_names_and_options_of_verify():
    assert [title for title, _ in verify("least_squares", {"c": 0.5})] == ["least_squares (c=0.5)"]
    for arguments, says in (
        (("hing",), r"'hing' is unknown \(did you mean 'hinge'\?\)"),
        (("hinge", {"margin": 1.0}), "'margin' is no option of hinge; allowed: none"),
        (("f_gan", {"divergance": "kl"}), r"'divergance' is no option of f_gan \(did you mean 'divergence'\?\)"),
        (("f_gan", {"divergence": "js"}), "divergence='js' is unknown; allowed: kl"),
        (("r1", {"gamma": 1.0}), "'gamma' is no option of r1; allowed: none"),
        ((None, {"c": 0.0}), "give its name"),
    ):
        with pytest.raises(ConfigError, match=says):
            list(verify(*arguments))


def test_a_false_setting_of_a_shipped_loss_is_told():
    """a = c: the generator wants its samples where the discriminator puts them."""
    ((_, checks),) = verify("least_squares", {"a": 0.0, "b": 1.0, "c": 0.0})
    assert {"generator raises", "saturating"} <= {check.property for check in failures(checks)}
