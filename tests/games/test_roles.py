"""A game's own roles: their sections, their networks and optimizers, by file, by flag and stored."""

import sys

import pytest
from support.commands import write

import gan_jax
from gan_jax.build import build_hyper
from gan_jax.config import default_config, flatten, from_json, load_values, parse_config_flags, to_json, validate
from gan_jax.configured import Configured
from gan_jax.data import Feature
from gan_jax.errors import ConfigError
from gan_jax.idle import refuse_idle

GAME = "games_of_roles:build"
FEATURES = {"image": Feature((2,))}
TEXT = """
ROLES = {"recognition": "discriminator", "encoder": "generator"}
def build(setup):
    raise NotImplementedError
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("games_of_roles", None)
    write("games_of_roles.py", TEXT)
    yield
    sys.modules.pop("games_of_roles", None)


def test_a_role_has_the_sections_of_its_table():
    fields = flatten(default_config(GAME))
    assert fields["recognition.mlp.dropout"] == 0.0
    assert fields["encoder.dcgan.channels"] == 64
    own = ("recognition.", "encoder.", "optimizer.recognition.", "optimizer.encoder.")
    assert {f for f in fields if not f.startswith(own)} == set(flatten(default_config()))
    assert {f.removeprefix("optimizer.encoder.") for f in fields if f.startswith("optimizer.encoder.")} == {
        f.removeprefix("optimizer.generator.") for f in fields if f.startswith("optimizer.generator.")
    }


def test_a_role_is_set_by_file_and_flag_and_survives_storing():
    write("config.py", "import gan_jax\n\n\ndef get_config():\n    return gan_jax.default_config()\n")
    flags = ["--config.recognition.name=maxout", f"--config.game.name={GAME}", "--config.optimizer.encoder.b1", "0.25"]
    config, rest = parse_config_flags(["--config=config.py", *flags, "--workdir=run"])
    assert rest == ["--workdir=run"]
    assert (config.recognition.name, config.optimizer.encoder.b1) == ("maxout", 0.25)
    assert from_json(to_json(config)) == config == validate(config)
    assert config == load_values({"game.name": GAME, "recognition.name": "maxout", "optimizer.encoder.b1": 0.25})
    write("own.py", f"import gan_jax\n\n\ndef get_config():\n    return gan_jax.default_config(game={GAME!r})\n")
    assert gan_jax.load_config("own.py", {"recognition.name": "maxout", "optimizer.encoder.b1": 0.25}) == config
    assert build_hyper(config)["optimizer.encoder.b1"] == 0.25
    setup = Configured(config, FEATURES)
    assert type(setup.network("recognition")).__module__.endswith("maxout")
    assert setup.optimizer("encoder")
    assert setup.asked == {"recognition", "optimizer.encoder"}


def test_a_role_has_rounds_and_a_users_penalties():
    write(
        "own_penalty.py",
        """
import jax.numpy as jnp
from gan_jax.penalties import Penalty
square = Penalty(lambda params, *, scale=1.0: scale * jnp.float32(2.0), "recognition")
""",
    )
    values = {"game.name": GAME, "penalties.own.name": "own_penalty:square", "penalties.own.weight": 0.5}
    setup = Configured(load_values({**values, "schedule.discriminator_steps": 2}), FEATURES)
    assert [term.name for term in setup.terms("recognition")] == ["own"]
    assert setup.terms("generator") == ()
    assert setup.asked == {"penalties of the recognition", "penalties of the generator"}
    assert setup.schedule("discriminator", "generator", "recognition") == (
        ("discriminator",),
        ("discriminator",),
        ("generator",),
        ("recognition",),
    )
    with pytest.raises(ConfigError, match="player='recognition'; allowed: generator, discriminator"):
        Configured(load_values({**values, "game.name": "gan"}), FEATURES).terms("generator")


def test_where_a_flag_replaces_the_game_of_a_file_its_roles_go_with_it():
    write(
        "own.py",
        f"""
import gan_jax


def get_config():
    config = gan_jax.default_config(game={GAME!r})
    config.recognition.name = "maxout"
    config.loss.name = "hinge"
    return config
""",
    )
    config, _ = parse_config_flags(["--config=own.py", "--config.game.name=gan"])
    assert config == load_values({"loss.name": "hinge"})
    with pytest.raises(ConfigError, match=r"there is no field 'recognition\.name'"):
        parse_config_flags(["--config=own.py", "--config.game.name=gan", "--config.recognition.name=mlp"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"recognition.name": "mlp"}, "there is no field 'recognition.name'"),
        ({"game.name": GAME, "recognition.name": "mpl"}, r"recognition.name='mpl' is unknown \(did you mean 'mlp'"),
        ({"game.name": GAME, "encoder.dcgan.channels": 8}, "has no effect: encoder.name='mlp' reads encoder.mlp"),
    ],
)
def test_what_a_role_cannot_be_is_told(values, said):
    with pytest.raises(ConfigError, match=said):
        refuse_idle([flatten(load_values(values))])


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ('{"loss": "generator"}', "its role 'loss' is a field or section"),
        ('{"recognition": "networks"}', "allowed: {role: 'generator' or 'discriminator'}"),
        ('{"generator": "discriminator"}', "where these two are their own"),
        ('["recognition"]', "ROLES=.* is not possible"),
    ],
)
def test_roles_that_are_not_possible(roles, said):
    write("games_of_roles.py", f"ROLES = {roles}\ndef build(setup): ...\n")
    with pytest.raises(ConfigError, match=said):
        default_config(GAME)


def test_a_game_cannot_ask_for_a_role_that_it_does_not_state():
    with pytest.raises(ConfigError, match=r"role 'recognitio' \(did you mean 'recognition'"):
        Configured(default_config(GAME), FEATURES).network("recognitio")
