"""``gan-jax verify``: tables, exit statuses, a user's own losses."""

import sys
from functools import partial

import pytest
from support.commands import elsewhere, here, refused

from gan_jax.verification import run

MY_LOSSES = """
import jax
import jax.numpy as jnp

from gan_jax.penalties import PENALTIES


def discriminator(real, fake):
    return jax.nn.softplus(-real) + jax.nn.softplus(fake)


good = (discriminator, lambda real, fake: jax.nn.softplus(-fake))
bad = (discriminator, lambda real, fake: jax.nn.softplus(fake))


def scaled(scale=1.0):
    return discriminator, lambda real, fake: scale * jax.nn.softplus(-fake)


def broken():
    return undefined_name


def average(axis_name=None):
    from gan_jax.losses import AdversarialLoss
    from gan_jax.losses.relativistic import relativistic_average
    made = relativistic_average(axis_name)
    return AdversarialLoss(made.discriminator, made.generator, batchwise=True)


number = 3
penalty = PENALTIES["r1"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_losses.py").write_text(MY_LOSSES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_losses", None)


@pytest.fixture
def cheap(monkeypatch):
    """Of the battery, whose tests are in tests/verification, the checks that need no search."""
    monkeypatch.setattr(run, "verify_loss", partial(run.verify_loss, only=("per example", "shards")))


@pytest.mark.usefixtures("cheap")
def test_a_loss_by_name():
    ended = here("verify", "hinge")
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "hinge"
    assert lines[-1] == "hinge: verified"
    assert all(line.startswith(("  ok    ", "  -     ")) for line in lines[1:-1])


@pytest.mark.usefixtures("cheap")
def test_a_loss_with_options_and_all_its_variants():
    ended = here("verify", "minimax", '--options={"real_target": 0.8}')
    assert ended.status == 0
    assert ended.out.splitlines()[-1] == "minimax (real_target=0.8): verified"
    ended = here("verify", "least_squares")
    assert [line for line in ended.out.splitlines() if line.endswith("verified")] == [
        "least_squares (a=0.0, b=1.0, c=1.0): verified",
        "least_squares (a=-1.0, b=1.0, c=0.0): verified",
    ]


def test_without_a_name_everything_that_is_registered(monkeypatch):
    from gan_jax import losses, penalties, rules
    from gan_jax.verification import penalties as of_penalties
    from gan_jax.verification import rules as of_rules
    from gan_jax.verification.checks import Check

    monkeypatch.setattr(run, "verify_loss", lambda loss, factory: [Check("told", True, "")])
    monkeypatch.setattr(of_penalties, "verify_penalty", lambda penalty: [Check("told", True, "")])
    monkeypatch.setattr(of_rules, "verify_rule", lambda rule, options: [Check("told", True, "")])
    ended = here("verify")
    assert ended.status == 0
    variants = sum(len(variants) for variants in losses.VARIANTS.values())
    assert ended.out.count("verified") == variants + len(penalties.PENALTIES) + len(rules.RULES)


def test_a_bad_loss_of_ones_own():
    ended = elsewhere("verify", "my_losses:bad")  # of the current folder
    assert (ended.status, ended.err) == (1, "")
    assert ended.out.splitlines()[-1] == "my_losses:bad: FAILS: generator raises"


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize(
    ("name", "flags"), [("my_losses:good", ()), ("my_losses:scaled", ('--options={"scale": 2.0}',))]
)
def test_good_losses_of_ones_own(name, flags):
    ended = here("verify", name, *flags)
    assert ended.status == 0, ended.out
    assert ended.out.splitlines()[-1].endswith(": verified")


@pytest.mark.usefixtures("cheap")
def test_a_factory_with_an_axis_is_checked_on_shards():
    ended = here("verify", "my_losses:average")
    assert ended.status == 0, ended.out
    assert any(line.startswith("  ok    shards") for line in ended.out.splitlines())


@pytest.mark.parametrize("name", ["r1", "my_losses:penalty"])
def test_a_penalty_goes_to_the_battery_of_penalties(name, monkeypatch):
    from gan_jax.penalties import PENALTIES
    from gan_jax.verification import penalties
    from gan_jax.verification.checks import Check

    given = []
    monkeypatch.setattr(penalties, "verify_penalty", lambda penalty: given.append(penalty) or [Check("p", False, "")])
    assert here("verify", name).status == 1
    assert given == [PENALTIES["r1"]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["minmax"], "'minmax' is unknown (did you mean 'minimax'?); allowed: minimax, non_saturating"),
        (["r9"], "'r9' is unknown"),
        (["minimax", "hinge"], "'hinge' is not understood; `verify` takes one name"),
        (["minimax", "--options={"], "--options={ is not possible; allowed: a JSON object"),
        (["minimax", "--options=[1]"], "--options=[1] is not possible"),
        (["minimax", '--options={"target": 1}'], "'target' is no option of minimax (did you mean 'real_target'?)"),
        (["minimax", "--optoins={}"], "--optoins is not a flag of `verify` (did you mean 'options'?)"),
        (["minimax", "--workdir=x"], "--workdir is not a flag of `verify`; allowed: --options"),
        (["my_losses:godo"], "my_losses has no attribute 'godo' (did you mean 'good'?)"),
        (["nowhere:loss"], "there is no module 'nowhere' on the Python path"),
        (["my_losses:number"], "gives int"),
        (["my_losses:broken"], "NameError"),
        (["my_losses:good", '--options={"c": 1}'], "takes no options"),
        (["my_losses:scaled", '--options={"sclae": 1}'], "unexpected keyword argument 'sclae'"),
    ],
)
def test_what_cannot_be_verified_is_refused(arguments, says):
    assert says in refused("verify", *arguments)


def test_help_names_the_command():
    assert "gan-jax verify" in here("verify", "--help").out
