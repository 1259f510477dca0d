"""Every configuration field: default, meaning, allowed values; a component's options come from its signature."""

import functools
import math
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gan_jax.errors import ConfigError
from gan_jax.games.latent import LATENTS
from gan_jax.losses.f_gan import MEMBERS
from gan_jax.metrics.table import METRIC_NAMES, is_metrics
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES
from gan_jax.registry import ROLES, TABLES, is_reference, options_of, roles_of


class Field(NamedTuple):
    """One field. ``check`` says whether a value of the right type is possible, ``allowed`` is that rule in words."""

    default: Any
    meaning: str
    allowed: str = ""
    check: Callable[[Any], bool] = lambda value: True


def _at_least(low: int) -> tuple[str, Callable[[Any], bool]]:
    return f"a whole number of at least {low}", lambda v: v >= low


def _one_of(names: Collection[str]) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(names)}", lambda v: v in names


def _named(names: Collection[str]) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(names)}, or package.module:attribute", lambda v: v in names or is_reference(v)


_POSITIVE = ("a finite number above 0", lambda v: 0 < v < math.inf)
_NOT_NEGATIVE = ("a finite number of at least 0", lambda v: 0 <= v < math.inf)
_FINITE = ("a finite number", lambda v: -math.inf < v < math.inf)
_FRACTION = ("a number in [0, 1)", lambda v: 0 <= v < 1)
_UNIT = ("a number in [0, 1]", lambda v: 0 <= v <= 1)

_OPTIMIZER: Mapping[str, Field] = {
    "name": Field("adam", "optimizer", *_named(OPTIMIZERS)),
    "options": Field({}, "options of an optimizer of your own, a literal dict"),
    "learning_rate": Field(2e-4, "base learning rate; the schedule multiplies it", *_NOT_NEGATIVE),
    "b1": Field(0.5, "adam: decay of the mean gradient", *_FRACTION),
    "b2": Field(0.999, "adam and rmsprop: decay of the mean squared gradient", *_FRACTION),
    "eps": Field(1e-8, "adam and rmsprop: added to the denominator", *_POSITIVE),
    "momentum": Field(0.0, "sgd: decay of the accumulated gradient", *_FRACTION),
    "weight_decay": Field(0.0, "decoupled weight decay, times the learning rate; 0 is off", *_NOT_NEGATIVE),
    "clip_weights": Field(0.0, "largest magnitude of a parameter after each update; 0 is off", *_NOT_NEGATIVE),
    "clip": Field(0.0, "largest global norm of the player's gradient; 0 is off", *_NOT_NEGATIVE),
    "schedule": Field("constant", "factor on the learning rate over the run", *_named(SCHEDULES)),
    "schedule_options": Field({}, "options of a schedule of your own, a literal dict"),
    "final_scale": Field(0.0, "linear, cosine: last factor; exponential, staircase: smallest factor", *_UNIT),
    "decay_rate": Field(
        0.95, "exponential, staircase: factor after every decay_steps", "a number in (0, 1]", lambda v: 0 < v <= 1
    ),
    "decay_steps": Field(1000.0, "exponential, staircase: steps", *_POSITIVE),
}


# What the options of components mean and may be, where a name alone does not say it.
_OPTIONS: Mapping[str, tuple[str, str, Callable[[Any], bool]]] = {
    **{f"loss.{loss}.real_target": ("the discriminator's target for real examples; 0.9 is one-sided smoothing", *_UNIT)
       for loss in ("minimax", "non_saturating")},
    **{f"loss.{loss}.fake_target": ("its target for generated examples; leave it at 0", *_UNIT)
       for loss in ("minimax", "non_saturating")},
    "loss.least_squares.a": ("the discriminator's target for generated examples", *_FINITE),
    "loss.least_squares.b": ("its target for real examples", *_FINITE),
    "loss.least_squares.c": ("the generator's target for its own", *_FINITE),
    "loss.f_gan.divergence": ("which f-divergence", *_one_of(tuple(MEMBERS))),
    "game.gan.packing": ("examples that the discriminator judges at once; 1 is the usual game", *_at_least(1)),
    **{f"generator.{name}.reference": ("examples in the reference batch of virtual batch norm; 0 is off", *_at_least(0))
       for name in ("mlp", "dcgan")},
    "discriminator.mlp.minibatch_features": ("numbers of minibatch discrimination; 0 is off", *_at_least(0)),
    "discriminator.mlp.minibatch_dims": ("dimensions compared for each of them", *_at_least(1)),
    "rule.optimistic.strength": ("factor on the change of the optimizer's step", *_NOT_NEGATIVE),
    "rule.consensus.weight": ("factor on the gradient of half the field's squared norm", *_NOT_NEGATIVE),
    "rule.symplectic.weight": ("factor on the adjustment", *_NOT_NEGATIVE),
    "rule.symplectic.align": ("whether the adjustment's sign is chosen", "True or False", lambda v: True),
    "rule.unrolled.steps": ("steps of the opponents that are foreseen", *_at_least(1)),
    "rule.unrolled.player": ("who foresees", "a player of the game", lambda v: True),
    **{f"rule.{rule}.regularization": ("weight of ODE-GAN's regularizer; 0 is off", *_NOT_NEGATIVE)
       for rule in ("heun", "rk4")},
    **{f"rule.{rule}.player": ("who is regularized", "a player of the game", lambda v: True)
       for rule in ("heun", "rk4")},
    "penalties.wgan_gp.target": ("slope asked for", *_NOT_NEGATIVE),
    "penalties.lipschitz.target": ("largest slope that costs nothing", *_NOT_NEGATIVE),
    "penalties.dragan.scale": ("size of the perturbation, in standard deviations of the data", *_NOT_NEGATIVE),
    "penalties.lecam.decay": ("decay of the moving averages of the logits", *_UNIT),
    "penalties.lecam.one_sided": ("whether gaps are cut at 0, as in the code", "True or False", lambda v: True),
    "penalties.bcr.shift": ("largest shift in pixels", *_at_least(0)),
    "penalties.bcr.flip": ("whether images are mirrored too", "True or False", lambda v: True),
    **{f"penalties.{name}.noise": ("standard deviation of what is added to the latent variables", *_NOT_NEGATIVE)
       for name in ("zcr", "zcr_generator")},
    **{f"penalties.{name}.unit_norm": ("whether filters shall have norm 1 too", "True or False", lambda v: True)
       for name in ("orthogonal", "orthogonal_generator")},
}  # fmt: skip


def _option(path: str, default: Any, otherwise: str) -> Field:
    return Field(default, *_OPTIONS.get(path, (otherwise,)))


def _components(roles: Mapping[str, str]) -> dict[str, Field]:
    titles = {
        "data": ("mnist", "data set: a registered name, folder:PATH, any TFDS name, or several, a=NAME,b=NAME"),
        "game": ("gan", "who plays: a registered name or package.module:attribute"),
        "loss": ("non_saturating", "adversarial loss: a registered name or package.module:attribute"),
        **{role: ("mlp", f"{role}: a registered name or package.module:attribute") for role in roles},
        "rule": ("gradient", "update rule: a registered name or package.module:attribute"),
    }
    fields = {}
    for section, (default, meaning) in titles.items():
        fields[f"{section}.name"] = Field(default, meaning)
        if section != "data":
            fields[f"{section}.options"] = Field({}, "options of a user's own component, a literal dict")
        kind = roles.get(section, section)
        for name, component in TABLES[kind].items():
            for option, value in options_of(kind, component).items():
                field = _option(f"{kind}.{name}.{option}", value, f"option of {section} {name}")
                fields[f"{section}.{name}.{option}"] = field
    for name, component in TABLES["penalties"].items():
        fields[f"penalties.{name}.weight"] = Field(0.0, f"weight of the penalty {name}; 0 is off", *_NOT_NEGATIVE)
        for option, value in options_of("penalties", component).items():
            path = f"penalties.{name}.{option}"
            fields[path] = _option(path, value, f"option of the penalty {name}")
    fields["penalties.own.name"] = Field("", "a penalty of your own: package.module:attribute")
    fields["penalties.own.weight"] = Field(0.0, "its weight; 0 is off", *_NOT_NEGATIVE)
    fields["penalties.own.options"] = Field({}, "its options, a literal dict")
    return fields


def all_fields(game: str = "gan") -> Mapping[str, Field]:
    """Path -> Field of the configurations of a game, in the order in which documentation lists them.

    Raises:
      ConfigError: there is no such game, or one of its roles has the name of a section.
    """
    roles = roles_of(game)
    for role in roles.keys() - ROLES.keys():
        if role in {path.split(".")[0] for path in _fields_for(tuple(ROLES.items()))}:
            raise ConfigError(f"game.name={game!r}: its role {role!r} is a field or section; allowed: another name")
    return _fields_for(tuple(roles.items()))


@functools.cache
def _fields_for(roles: tuple[tuple[str, str], ...]) -> Mapping[str, Field]:
    fields = {
        "seed": Field(0, "seed of everything random", "a whole number in [0, 2^32)", lambda v: 0 <= v < 2**32),
        "steps": Field(20_000, "steps of the schedule, each with one generator update in `gan`", *_at_least(1)),
        "batch_size": Field(128, "examples in a minibatch over all devices", *_at_least(1)),
        "steps_per_call": Field(0, "most steps between two looks of the host; 0: by time", *_at_least(0)),
        "latent_dim": Field(64, "number of latent variables", *_at_least(1)),
        "latent": Field("normal", "distribution of the latent variables", *_one_of(tuple(LATENTS))),
        "latent_scale": Field(1.0, "standard deviation (normal) or half-width (uniform, stratified)", *_POSITIVE),
        "precision": Field("float32", "of computation; parameters stay float32", *_one_of(("float32", "bfloat16"))),
        "init_from": Field("", "work directory, or its checkpoints/STEP, whose networks to start from"),
        "profile": Field(False, "write a profiler trace of a few steps to WORKDIR/profile"),
        "parallel": Field("pmap", "primitive that maps over devices", *_one_of(("pmap", "shard_map"))),
        **_components(dict(roles)),
        "data.dir": Field("", "where data sets lie; '' is TFDS_DATA_DIR or TFDS's default"),
        "data.split": Field("train", "split of a data set that has several"),
        "data.labelled": Field(0, "labelled examples, as many of each class, chosen by the seed, beside all images "
                               "without labels; 0: whole data", *_at_least(0)),
        "instance_noise.std": Field(0.0, "of noise on the discriminator's inputs at step 0; 0 is off", *_NOT_NEGATIVE),
        "instance_noise.end": Field(1.0, "part of the run in which that noise falls linearly to 0; inf: never",
                                    "a number above 0", lambda v: v > 0),
        "schedule.discriminator_steps": Field(1, "discriminator rounds before each generator round (k)", *_at_least(1)),
        "schedule.simultaneous": Field(False, "both players move in one round; needs discriminator_steps=1"),
        "ema.decay": Field(0.0, "decay per step of averaged parameters, used by sampling; 0 is off", *_FRACTION),
        **{f"optimizer.{role}.{k}": f for role, _ in sorted(roles) for k, f in _OPTIMIZER.items()},
        "log_every": Field(100, "steps between records in metrics.jsonl; 0 is only at the end", *_at_least(0)),
        "sample_every": Field(1000, "steps between sample grids; 0 is only at the end", *_at_least(0)),
        "sample_count": Field(64, "examples in a sample grid", *_at_least(1)),
        "sample_statistics": Field("running", "batch-norm statistics in sampling", *_one_of(("running", "batch"))),
        "checkpoint_every": Field(1000, "steps between checkpoints; 0 is only at the end", *_at_least(0)),
        "checkpoint_keep": Field(3, "how many of the newest checkpoints stay", *_at_least(2)),
        "health.samples": Field(256, "examples generated at each record to watch their variety; 0: none",
                                "0, or a whole number of at least 2", lambda v: v == 0 or v >= 2),
        "health.stop": Field(False, "end a run that is hopeless, with exit status 4"),
        "evaluation.metrics": Field((), "metrics during training, such as ('frechet_lenet', 'prdc_lenet')",
                                    METRIC_NAMES, is_metrics),
        "evaluation.every": Field(0, "steps between evaluations; 0 is never", *_at_least(0)),
        "evaluation.num": Field(2000, "examples generated, and most real ones, in an evaluation", *_at_least(2)),
        "evaluation.split": Field("test", "split of the real examples; a known distribution has none"),
        "evaluation.validation": Field("", "split on which parzen chooses sigma; '' is train[50000:51000] of MNIST"),
        "evaluation.best": Field("", "value whose best checkpoint is kept in WORKDIR/best; '' keeps none"),
        "evaluation.weights": Field("", "file of the weights of inception or efficientnet_lite0"),
        "evaluation.extractor": Field("", "package.module:attribute that a metric's _own stands for"),
    }  # fmt: skip
    return MappingProxyType(fields)
