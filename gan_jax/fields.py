"""Every configuration field: default, meaning, allowed values; those of components come from their signatures."""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gan_jax.errors import ConfigError
from gan_jax.games.latent import LATENTS
from gan_jax.metrics.table import METRIC_NAMES, is_metrics
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES
from gan_jax.options import FRACTION, POSITIVE, Field, at_least, named, one_of, options_of
from gan_jax.registry import ROLES, TABLES, function_of, roles_of

_NOT_NEGATIVE = at_least(0.0)


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
        "steps": Field(20_000, "steps of the schedule, each with one generator update in `gan`", *at_least(1)),
        "batch_size": Field(128, "examples in a minibatch over all devices", *at_least(1)),
        "steps_per_call": Field(0, "most steps between two looks of the host; 0: by time", *at_least(0)),
        "latent_dim": Field(64, "number of latent variables", *at_least(1)),
        "latent": Field("normal", "distribution of the latent variables", *one_of(tuple(LATENTS))),
        "latent_scale": Field(1.0, "standard deviation (normal) or half-width (uniform, stratified)", *POSITIVE),
        "precision": Field("float32", "of computation; parameters stay float32", *one_of(("float32", "bfloat16"))),
        "init_from": Field("", "work directory, or its checkpoints/STEP, whose networks to start from"),
        "profile": Field(False, "write a profiler trace of a few steps to WORKDIR/profile"),
        "parallel": Field("pmap", "primitive that maps over devices", *one_of(("pmap", "shard_map"))),
        **_components(dict(roles)),
        **_penalties(),
        "data.dir": Field("", "where data sets lie; '' is TFDS_DATA_DIR or TFDS's default"),
        "data.split": Field("train", "split of a data set that has several"),
        "data.labelled": Field(0, "labelled examples, as many of each class, chosen by the seed, beside all images "
                               "without labels; 0: whole data", *at_least(0)),
        "instance_noise.std": Field(0.0, "of noise on the discriminator's inputs at step 0; 0 is off", *_NOT_NEGATIVE),
        "instance_noise.end": Field(1.0, "part of the run in which that noise falls linearly to 0; inf: never",
                                    "a number above 0", lambda v: v > 0),
        "schedule.discriminator_steps": Field(1, "discriminator rounds before each generator round (k)", *at_least(1)),
        "schedule.simultaneous": Field(False, "both players move in one round; needs discriminator_steps=1"),
        "ema.decay": Field(0.0, "decay per step of averaged parameters, used by sampling; 0 is off", *FRACTION),
        **{path: f for role, _ in sorted(roles) for path, f in _below(f"optimizer.{role}", _optimizer()).items()},
        "log_every": Field(100, "steps between records in metrics.jsonl; 0 is only at the end", *at_least(0)),
        "sample_every": Field(1000, "steps between sample grids; 0 is only at the end", *at_least(0)),
        "sample_count": Field(64, "examples in a sample grid", *at_least(1)),
        "sample_statistics": Field("running", "batch-norm statistics in sampling", *one_of(("running", "batch"))),
        "checkpoint_every": Field(1000, "steps between checkpoints; 0 is only at the end", *at_least(0)),
        "checkpoint_keep": Field(3, "how many of the newest checkpoints stay", *at_least(2)),
        "health.samples": Field(256, "examples generated at each record to watch their variety; 0: none",
                                "0, or a whole number of at least 2", lambda v: v == 0 or v >= 2),
        "health.stop": Field(False, "end a run that is hopeless, with exit status 4"),
        "evaluation.metrics": Field((), "metrics during training, such as ('frechet_lenet', 'prdc_lenet')",
                                    METRIC_NAMES, is_metrics),
        "evaluation.every": Field(0, "steps between evaluations; 0 is never", *at_least(0)),
        "evaluation.num": Field(2000, "examples generated, and most real ones, in an evaluation", *at_least(2)),
        "evaluation.split": Field("test", "split of the real examples; a known distribution has none"),
        "evaluation.validation": Field("", "split on which parzen chooses sigma; '' is train[50000:51000] of MNIST"),
        "evaluation.best": Field("", "value whose best checkpoint is kept in WORKDIR/best; '' keeps none"),
        "evaluation.weights": Field("", "file of the weights of inception or efficientnet_lite0"),
        "evaluation.extractor": Field("", "package.module:attribute that a metric's _own stands for"),
    }  # fmt: skip
    return MappingProxyType(fields)


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
        for name, component in TABLES[roles.get(section, section)].items():
            fields |= _below(f"{section}.{name}", options_of(function_of(component)))
    return fields


def _penalties() -> dict[str, Field]:
    fields = {}
    for name, penalty in TABLES["penalties"].items():
        fields[f"penalties.{name}.weight"] = Field(0.0, f"weight of the penalty {name}; 0 is off", *_NOT_NEGATIVE)
        fields |= _below(f"penalties.{name}", options_of(penalty.function))
    own = {
        "name": Field("", "a penalty of your own: package.module:attribute"),
        "weight": Field(0.0, "its weight; 0 is off", *_NOT_NEGATIVE),
        "options": Field({}, "its options, a literal dict"),
    }
    return fields | _below("penalties.own", own)


def _optimizer() -> dict[str, Field]:
    return {
        "name": Field("adam", "optimizer", *named(OPTIMIZERS)),
        "options": Field({}, "options of an optimizer of your own, a literal dict"),
        "learning_rate": Field(2e-4, "base learning rate; the schedule multiplies it", *_NOT_NEGATIVE),
        **_shared(OPTIMIZERS),
        "weight_decay": Field(0.0, "decoupled weight decay, times the learning rate; 0 is off", *_NOT_NEGATIVE),
        "clip_weights": Field(0.0, "largest magnitude of a parameter after each update; 0 is off", *_NOT_NEGATIVE),
        "clip": Field(0.0, "largest global norm of the player's gradient; 0 is off", *_NOT_NEGATIVE),
        "schedule": Field("constant", "factor on the learning rate over the run", *named(SCHEDULES)),
        "schedule_options": Field({}, "options of a schedule of your own, a literal dict"),
        **_shared(SCHEDULES),
    }


def _shared(table: Mapping[str, Callable[..., Any]]) -> dict[str, Field]:
    """Options that the functions of a table share by name; the meaning says whose they are."""
    fields: dict[str, Field] = {}
    whose: dict[str, dict[str, list[str]]] = {}  # option -> meaning -> functions
    for name, function in table.items():
        for option, field in options_of(function).items():
            fields.setdefault(option, field)
            whose.setdefault(option, {}).setdefault(field.meaning, []).append(name)
    return {
        option: field._replace(
            meaning="; ".join(f"{', '.join(names)}: {meaning}" for meaning, names in whose[option].items())
        )
        for option, field in fields.items()
    }


def _below(path: str, fields: Mapping[str, Field]) -> dict[str, Field]:
    return {f"{path}.{name}": field for name, field in fields.items()}
