"""Bad fields, names and components of a user: one line, the right exit status, and nothing written."""

import sys

import pytest
from support.commands import refuse_training, write

import gan_jax

pytestmark = pytest.mark.usefixtures("empty_folder")


# Fields.


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("stpes=3", ["there is no field 'stpes'", "did you mean 'steps'?", "batch_size"]),
        ("optimizer.generator.learning_rte=1", ["no field", "did you mean 'optimizer.generator.learning_rate'?"]),
        ("learning_rate=1", ["no field 'learning_rate'", "did you mean 'optimizer."]),
        ("generator=mlp", ["generator is a group of fields", "generator.name"]),
        ("loss.options.a=1", ["did you mean 'loss.options'?"]),
        ("steps=1.5", ["steps=1.5 is not possible; allowed: a whole number of at least 1"]),
        ("steps=many", ["steps=many is not possible; allowed: a whole number of at least 1"]),
        ("steps=None", ["steps=None is not possible; allowed: a whole number of at least 1"]),
        ("steps=", ["steps= is not possible"]),
        ("steps=0", ["steps=0 is not possible; allowed: a whole number of at least 1"]),
        ("steps=-3", ["steps=-3 is not possible"]),
        (f"steps={10**400}", ["below 2^31"]),
        ("batch_size=0", ["batch_size=0 is not possible; allowed: a whole number of at least 1"]),
        ("seed=-1", ["seed=-1 is not possible; allowed: a whole number in [0, 2^32)"]),
        ("latent_dim=None", ["latent_dim=None is not possible"]),
        ("precision=float8", ["precision='float8' is not possible", "allowed: one of float32, bfloat16"]),
        ("latent=nromal", ["did you mean 'normal'?", "uniform"]),
        ("profile=perhaps", ["profile=perhaps is not possible; allowed: True or False"]),
        ("optimizer.generator.learning_rate=-1", ["optimizer.generator.learning_rate=-1.0 is not possible"]),
        ("optimizer.generator.learning_rate=nan", ["optimizer.generator.learning_rate=nan is not possible"]),
        ("optimizer.generator.learning_rate=inf", ["allowed: a finite number of at least 0"]),
        ("optimizer.generator.learning_rate=None", ["optimizer.generator.learning_rate=None is not possible"]),
        ("optimizer.generator.learning_rate=fast", ["optimizer.generator.learning_rate=fast is not possible"]),
        ("optimizer.generator.b1=1", ["b1=1.0 is not possible; allowed: a number in [0, 1)"]),
        ("optimizer.generator.name=adamm", ["did you mean 'adam'?", "allowed: one of adam, rmsprop, sgd"]),
        ("optimizer.generator.schedule=linaer", ["did you mean 'linear'?"]),
        ("ema.decay=1", ["ema.decay=1.0 is not possible"]),
        ("checkpoint_keep=1", ["checkpoint_keep=1 is not possible; allowed: a whole number of at least 2"]),
        ("parallel=pjit", ["allowed: one of pmap, shard_map"]),
        ("rule.name=extragradiant", ["rule.name='extragradiant' is unknown", "did you mean 'extragradient'"]),
        ("evaluation.metrics=('fid',)", ["evaluation.metrics=('fid',) is not possible; allowed: frechet_E, kid_E, "]),
        ("evaluation.every=10", ["evaluation.every=10 with evaluation.metrics=()"]),
        ("evaluation.num=1", ["evaluation.num=1 is not possible; allowed: a whole number of at least 2"]),
        ("health.samples=1", ["health.samples=1 is not possible; allowed: 0, or a whole number of at least 2"]),
        ("generator.mlp.widths=(1.5,2)", ["generator.mlp.widths=(1.5, 2) holds 1.5; allowed: a tuple of int"]),
        ("generator.mlp.widths=(16,", ["generator.mlp.widths=(16, is not possible; allowed: a tuple of int"]),
        ("generator.mlp.widths=('a',)", ["holds 'a'; allowed: a tuple of int"]),
        ("generator.mlp.widths=(True,)", ["holds True; allowed: a tuple of int"]),
        ("generator.mlp.widths=None", ["generator.mlp.widths=(None,) holds None; allowed: a tuple of int"]),
        ("generator.mlp.widths=(0,)", ["generator.mlp", "widths", "(0,)"]),
        ("generator.mlp.batch_norm=2", ["generator.mlp.batch_norm=2 is not possible; allowed: True or False"]),
        ("discriminator.mlp.activation=rleu", ["discriminator.mlp", "activation", "'rleu'", "leaky_relu"]),
        ("discriminator.mlp.dropout=1.5", ["discriminator.mlp", "dropout", "1.5"]),
        ("schedule.discriminator_steps=0", ["schedule.discriminator_steps=0 is not possible"]),
        ("init_from=nowhere", ["init_from='nowhere'", "nowhere"]),
    ],
)
def test_fields(flag, says):
    line = refuse_training(flag)
    for part in says:
        assert part in line
    assert len(line) < 700


def test_fields_that_exclude_one_another():
    line = refuse_training("schedule.simultaneous=True", "schedule.discriminator_steps=2")
    assert "schedule.discriminator_steps=2 with schedule.simultaneous=True; allowed: 1" in line


def test_a_section_by_its_first_name_is_told_the_present_one():
    line = refuse_training("update.unrolled.steps=3")
    assert line.endswith("--config.update.unrolled.steps=3: update is now rule; write rule.unrolled.steps")
    text = "import gan_jax\n\n\ndef get_config():\n    config = gan_jax.default_config()\n    {}\n    return config\n"
    for number, setting in enumerate(
        ('config["update"].name = "a"', 'config.update_from_flattened_dict({"update.x": 1})')
    ):
        write(f"old{number}.py", text.format(setting))
        assert "update is now rule" in refuse_training(config=f"old{number}.py")


def test_one_file_leaves_nothing_to_the_next():
    write("first.py", "import gan_jax\n\n\ndef get_config():\n    return gan_jax.default_config()\n")
    gan_jax.load_config("first.py")
    write("second.py", "x = 1\n")
    assert "second.py defines no function get_config" in refuse_training(config="second.py")


def test_too_large_for_memory():
    line = refuse_training("latent_dim=99999999999999", status=1)
    assert "not enough memory" in line
    assert "smaller batch_size or network" in line


# Names.


@pytest.mark.parametrize(
    ("flag", "close"),
    [
        ("loss.name=minmax", "minimax"),
        ("generator.name=mpl", "mlp"),
        ("discriminator.name=maxuot", "maxout"),
        ("game.name=gna", "gan"),
    ],
)
def test_unknown_names(flag, close):
    field, name = flag.split("=")
    line = refuse_training(flag)
    assert f"{field}={name!r} is unknown (did you mean {close!r}?)" in line
    assert "package.module:attribute" in line


def test_options_for_a_registered_component():
    line = refuse_training("loss.options={'a': 1}")
    assert "loss.options={'a': 1} is for package.module:attribute" in line
    assert "loss.non_saturating.OPTION" in line
    assert "a dict" in refuse_training("loss.options=3")


OWN = """
from dataclasses import replace

import flax.linen as nn
import jax.numpy as jnp

from gan_jax.games import gan

number = 3


class TwoLogits(nn.Module):
    shape: tuple
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return nn.Dense(2)(x.reshape(x.shape[0], -1))


class ThreeCoordinates(TwoLogits):
    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return nn.Dense(3)(x)


class Fails(TwoLogits):
    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return jnp.zeros(3) + jnp.zeros(4)


class NoDtype(nn.Module):
    shape: tuple


def loss():
    return (lambda real, fake: undefined_name), (lambda real, fake: fake)


def with_options(margin=1.0):
    return (lambda real, fake: margin - real + fake), (lambda real, fake: -fake)


def game(setup):
    return setup.nothing


def not_a_game(setup):
    return 3


def three():
    return 3


class WholeNumbers(TwoLogits):
    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return nn.Dense(2)(x.reshape(x.shape[0], -1)).astype(jnp.int32)


mean_loss = (lambda real, fake: jnp.mean(fake - real)), (lambda real, fake: -fake)


def changed(game, start=(), memory=(), metrics=None):
    player = replace(game.players["generator"], memory=start)

    def loss(move):
        value, own = player.loss(move)
        move.keep(memory)
        return value, metrics or own

    return replace(game, players={**game.players, "generator": replace(player, loss=loss)})


def game_with_vectors(setup):
    return changed(gan.build(setup), metrics={"loss": jnp.zeros(3)})


def game_that_grows(setup):
    return changed(gan.build(setup), jnp.float32(0), memory=jnp.zeros(3))
"""


def line_of(text):
    """Number of the line of ``OWN`` that holds a text."""
    return next(i for i, line in enumerate(OWN.split("\n"), 1) if text in line)


@pytest.fixture
def own(empty_folder):
    """A user's module, new in every test."""
    write("own_parts.py", OWN)
    write("raises_on_import.py", "x = 1\nraise RuntimeError('not today')\n")
    yield
    for name in ("own_parts", "raises_on_import"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("loss.name=nowhere.losses:hinge", ["there is no module 'nowhere' on the Python path"]),
        ("loss.name=own_parts:losss", ["own_parts has no attribute 'losss'", "did you mean 'loss'?"]),
        ("loss.name=raises_on_import:x", ["RuntimeError: not today", "raises_on_import.py, line 2"]),
        ("loss.name=own_parts:number", ["gives int", "a pair (discriminator, generator)"]),
        ("loss.name=own_parts:three", ["gives int", "a pair (discriminator, generator)"]),
        ("loss.name=own_parts:loss", ["NameError", f"own_parts.py, line {line_of('undefined_name')}"]),
        ("loss.name=own_parts:", ["loss.name='own_parts:' is unknown"]),
        ("loss.name=:loss", ["loss.name=':loss' is unknown"]),
        ("generator.name=own_parts:number", ["generator.name='own_parts:number'", "'int' object is not callable"]),
        ("generator.name=own_parts:three", ["generator.name='own_parts:three'", "unexpected keyword argument"]),
        ("generator.name=own_parts:NoDtype", ["unexpected keyword argument 'dtype'"]),
        (
            "generator.name=own_parts:ThreeCoordinates",
            ["2 samples of output 'image' are float32 of shape (2, 3); allowed: float of shape"],
        ),
        (
            "generator.name=own_parts:WholeNumbers",
            ["2 samples of output 'image' are int32 of shape (2, 2); allowed: float of shape (2, 2)"],
        ),
        (
            "discriminator.name=own_parts:WholeNumbers",
            ["returns int32 of shape (32, 2) for 32 examples; allowed: one logit"],
        ),
        (
            "loss.name=own_parts:mean_loss",
            ["its discriminator loss returns float32 of shape () for logits of shape (32,)"],
        ),
        (
            "game.name=own_parts:game_with_vectors",
            ["the metric generator/loss is float32 of shape (3,); allowed: a float scalar"],
        ),
        ("game.name=own_parts:game_that_grows", ["after a step of the game memory/generator is float32 of shape (3,)"]),
        (
            "generator.name=own_parts:Fails",
            ["generator.name='own_parts:Fails'", f"own_parts.py, line {line_of('jnp.zeros(4)')}"],
        ),
        (
            "discriminator.name=own_parts:TwoLogits",
            ["discriminator.name='own_parts:TwoLogits' returns float32 of shape (32, 2) for 32"],
        ),
        ("game.name=own_parts:game", ["AttributeError", "'nothing'", f"own_parts.py, line {line_of('setup.nothing')}"]),
        ("game.name=own_parts:not_a_game", ["gives int; allowed: a function build(setup) -> Game"]),
        ("game.name=gan_jax.losses:minimax", ["game.name='gan_jax.losses:minimax'"]),
    ],
)
def test_components_of_a_user(own, flag, says):
    line = refuse_training(flag)
    for part in says:
        assert part in line


def test_options_that_a_component_does_not_take(own):
    line = refuse_training("loss.name=own_parts:with_options", "loss.options={'marign': 2.0}")
    assert "own_parts:with_options" in line
    assert "'marign'" in line
