"""What has no meaning together is refused when the configuration is read, with the reason."""

import pytest
from golden.rows import ROWS

from gan_jax.config import flatten, load_config, load_values, parse_config_flags
from gan_jax.errors import ConfigError
from gan_jax.idle import refuse_idle
from gan_jax.sweeps.runs import expand
from gan_jax.sweeps.space import grid
from gan_jax.sweeps.sweep import Sweep

SGD = {"optimizer.discriminator.name": "sgd", "optimizer.generator.name": "sgd"}
REFUSED = {
    "an adaptive optimizer under Runge-Kutta": (
        {"rule.name": "rk4"},
        r"optimizer.discriminator.name='adam' with rule.name='rk4'.*would rescale; allowed: sgd",
    ),
    "momentum under Heun": (
        {"rule.name": "heun", **SGD, "optimizer.generator.momentum": 0.5},
        r"optimizer.generator.momentum=0.5 with rule.name='heun'.*allowed: 0",
    ),
    "weight decay under Runge-Kutta": (
        {"rule.name": "rk4", **SGD, "optimizer.generator.weight_decay": 0.1},
        r"optimizer.generator.weight_decay=0.1.*allowed: 0",
    ),
    "a gradient penalty with batch norm": (
        {"penalties.wgan_gp.weight": 10.0, "discriminator.name": "dcgan"},
        r"penalties.wgan_gp.weight=10.0 with discriminator.dcgan.batch_norm=True.*mixes examples.*batch_norm=False",
    ),
    "a gradient penalty with minibatch discrimination": (
        {"penalties.r1.weight": 1.0, "discriminator.mlp.minibatch_features": 4},
        r"discriminator.mlp.minibatch_features=4.*mixes examples; allowed: discriminator.mlp.minibatch_features=0",
    ),
    "feature matching without a hidden layer": (
        {"penalties.feature_matching.weight": 1.0, "discriminator.mlp.widths": ()},
        "there is no hidden layer to match",
    ),
    "a virtual batch norm of another latent distribution": (
        {"latent": "uniform", "generator.mlp.batch_norm": True, "generator.mlp.reference": 8},
        r"generator.mlp.reference=8 with latent='uniform'.*allowed: latent=normal",
    ),
    "a virtual batch norm without batch norm": (
        {"generator.mlp.reference": 8},
        r"generator.mlp.reference=8 with generator.mlp.batch_norm=False.*allowed: generator.mlp.batch_norm=True",
    ),
    "packs that do not fit": ({"game.gan.packing": 3, "batch_size": 100}, "allowed: a divisor of it"),
    "packs of nothing": ({"game.gan.packing": 0}, "game.gan.packing=0"),
    "an end of no noise": ({"instance_noise.end": 0.5}, "without noise"),
    "no inner steps": ({"rule.name": "unrolled", "rule.unrolled.steps": 0}, "at least 1"),
    "a negative weight of a rule": (
        {"rule.name": "consensus", "rule.consensus.weight": -1.0},
        r"rule.consensus.weight=-1.0 is not possible; allowed: a finite number of at least 0",
    ),
    "a target that is no probability": (
        {"loss.non_saturating.real_target": 1.5},
        r"loss.non_saturating.real_target=1.5 is not possible; allowed: a number in \[0, 1\]",
    ),
    "an unknown divergence": ({"loss.f_gan.divergence": "reverse"}, r"did you mean 'reverse_kl'\?.*allowed: one of kl"),
    "an average that grows": ({"penalties.lecam.decay": 1.1}, r"penalties.lecam.decay=1.1 is not possible"),
    "a shift backwards": ({"penalties.bcr.shift": -1}, r"penalties.bcr.shift=-1 is not possible.*at least 0"),
    "a negative weight of a penalty": ({"penalties.r1.weight": -1.0}, r"penalties.r1.weight=-1.0 is not possible"),
    "options of a registered rule": (
        {"rule.options": {"weight": 1.0}},
        r"rule.options=.* is for package.module:attribute; rule 'gradient' takes its options as",
    ),
    "an unknown rule": ({"rule.name": "extragradiant"}, r"did you mean 'extragradient'\?"),
    "a weight without a penalty": ({"penalties.own.weight": 1.0}, "without penalties.own.name"),
    "a registered penalty as one's own": (
        {"penalties.own.name": "r1", "penalties.own.weight": 1.0},
        r"turned on by penalties.r1.weight",
    ),
    "a penalty from nowhere": ({"penalties.own.name": "no_such_module:r1"}, "there is no module 'no_such_module'"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_refused(what):
    values, message = REFUSED[what]
    with pytest.raises(ConfigError, match=message) as raised:
        load_values(values)
    assert "\n" not in str(raised.value)


def test_a_users_own_rule_and_penalty_are_refused_for_the_same_reasons(tmp_path, monkeypatch):
    (tmp_path / "own_parts.py").write_text(
        "from gan_jax.penalties import Penalty\nfrom gan_jax.penalties.gradient import r1\n"
        "from gan_jax.rules import Rule\n\n"
        "flat = Penalty(r1, 'discriminator', per_example=True)\n"
        "ode = Rule(lambda round: round.start, plain=True)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"optimizer.discriminator.name='adam' with rule.name='own_parts:ode'"):
        load_values({"rule.name": "own_parts:ode"})
    own = {"penalties.own.name": "own_parts:flat", "penalties.own.weight": 1.0}
    with pytest.raises(ConfigError, match=r"penalties.own.weight=1.0 with discriminator.dcgan.batch_norm=True.*mixes"):
        load_values({**own, "discriminator.name": "dcgan"})
    load_values(own)
    load_values({"rule.name": "own_parts:ode", **SGD})


def test_all_but_one_is_allowed():
    """The neighbours of what is refused are not."""
    load_values({"rule.name": "rk4", **SGD})
    load_values(
        {"penalties.wgan_gp.weight": 10.0, "discriminator.name": "dcgan", "discriminator.dcgan.batch_norm": False}
    )
    load_values({"penalties.lecam.weight": 1.0, "discriminator.name": "dcgan"})
    load_values({"generator.mlp.batch_norm": True, "generator.mlp.reference": 8})
    load_values({"instance_noise.std": 0.1, "instance_noise.end": float("inf")})


def test_fields_of_rules_by_flags_and_from_python(tmp_path):
    file = tmp_path / "config.py"
    file.write_text("from gan_jax.config import default_config\n\ndef get_config():\n    return default_config()\n")
    flags = [
        "--config.rule.name=unrolled",
        "--config.rule.unrolled.steps=3",
        "--config.rule.unrolled.player",
        "x",
    ]
    config, rest = parse_config_flags([f"--config={file}", *flags])
    assert rest == []
    assert config.rule.unrolled.steps == 3
    assert config.rule.unrolled.player == "x"
    config = load_config(file, {"rule.name": "consensus", "rule.consensus.weight": 0.5})
    assert config.rule.consensus.weight == 0.5
    assert load_config(file, ["rule.symplectic.align=False"]).rule.symplectic.align is False
    with pytest.raises(ConfigError, match=r"rule.unrolled.steps=many is not possible; allowed: a whole number"):
        parse_config_flags([f"--config={file}", "--config.rule.unrolled.steps=many"])
    with pytest.raises(ConfigError, match=r"rule.unrolled.steps=2.5 is not possible; allowed: a whole number"):
        parse_config_flags([f"--config={file}", "--config.rule.unrolled.steps=2.5"])
    with pytest.raises(ConfigError, match=r"there is no field 'rule.unroled.steps'"):
        parse_config_flags([f"--config={file}", "--config.rule.unroled.steps=2"])


IDLE = {
    "a loss": ({"loss.least_squares.a": -1.0}, "a=-1.0 has no effect: loss.name='non_saturating' reads"),
    "a network": ({"generator.dcgan.channels": 32}, "generator.name='mlp' reads .*generator.mlp.widths"),
    "data": ({"data.ring.modes": 3}, "data.name='mnist' reads data.mnist.resolution"),
    "a penalty": ({"penalties.dragan.scale": 0.7}, "penalties.dragan.weight=0.0 turns the penalty off"),
    "a rule": ({"rule.unrolled.steps": 2}, "rule.name='gradient' reads no options"),
    "an optimizer": ({"optimizer.generator.momentum": 0.5}, "optimizer.generator.name='adam' reads .*b1"),
    "a schedule": ({"optimizer.generator.decay_rate": 0.5}, "optimizer.generator.schedule='constant' reads no options"),
}


@pytest.mark.parametrize("what", IDLE)
def test_an_option_of_what_is_not_chosen_is_refused(what):
    values, said = IDLE[what]
    with pytest.raises(ConfigError, match=said):
        refuse_idle([flatten(load_values(values))])


def test_nothing_that_is_shipped_sets_an_option_without_effect():
    for row in ROWS.values():
        if row.file:
            refuse_idle([flatten(load_config(row.file, row.fields))])


def test_in_a_sweep_an_option_needs_an_effect_in_some_run():
    """Also where the base sets it, and the component is chosen by the space."""
    base = load_values({"loss.least_squares.a": -1.0})
    assert len(expand(Sweep(grid({"loss.name": ["minimax", "least_squares"]}), seeds=1), base)) == 2
    with pytest.raises(ConfigError, match=r"loss.least_squares.a=-1.0 has no effect"):
        expand(Sweep(grid({"loss.name": ["minimax", "hinge"]})), base)
    with pytest.raises(ConfigError, match=r"optimizer.generator.momentum=0.5 has no effect"):
        expand(Sweep(grid({"optimizer.generator.momentum": [0.0, 0.5]})), load_values({}))


def test_options_of_the_files_component_go_with_it_where_another_is_chosen(tmp_path):
    file = tmp_path / "config.py"
    lines = ("config = gan_jax.default_config()", "config.generator.mlp.widths = (8,)", "return config")
    file.write_text("import gan_jax\n\ndef get_config():\n" + "".join(f"    {line}\n" for line in lines))
    assert load_config(file, {"generator.name": "mlp"}).generator.mlp.widths == (8,)
    assert load_config(file, {"generator.name": "dcgan"}).generator.mlp.widths == (256, 256)
    given = load_config(file, {"generator.name": "dcgan", "generator.mlp.widths": (4,)})
    with pytest.raises(ConfigError, match=r"generator.mlp.widths=\(4,\) has no effect"):
        refuse_idle([flatten(given)])
