"""From a configuration to what runs: data source, game, and the numbers in ``hyper``."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.data import Source
from gan_jax.errors import ConfigError
from gan_jax.game import Context, Game, Hyper, Parts, Term, alternating, simultaneous
from gan_jax.losses import AdversarialLoss
from gan_jax.optimizers import numbers, optimizer, projected
from gan_jax.penalties import PENALTIES
from gan_jax.registry import (
    TABLES,
    describe,
    make_loss,
    make_network,
    make_penalty,
    make_rule,
    options_of,
    resolve,
)
from gan_jax.rules import RULES

_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def component_options(config: ConfigDict, section: str) -> dict[str, Any]:
    """The options of a section's component (not of data): section.NAME.* of a registered one, else section.options."""
    name = config[section].name
    if name in TABLES[section]:
        return {option: config[section][name][option] for option in options_of(section, TABLES[section][name])}
    return config[section].options.to_dict()


def build_source(config: ConfigDict) -> Source:
    """The configured data source.

    Raises:
      ConfigError: unknown name or option value.
      DataError: data that is missing or broken.
    """
    return data.load(
        config.data.name, data_dir=config.data.dir or None, split=config.data.split, **data_options(config)
    )


def data_options(config: ConfigDict) -> dict[str, Any]:
    """The options of the configured data source."""
    section, _ = data.resolve(config.data.name)
    return config.data[section].to_dict() if section in config.data else {}


def build_hyper(config: ConfigDict) -> dict[str, float]:
    """Numbers that a sweep may vary without recompiling, {configuration field: value}."""
    hyper = {"steps": float(config.steps)}
    for player in ("discriminator", "generator"):
        options = config.optimizer[player]
        hyper |= {f"optimizer.{player}.{field}": float(options[field]) for field in numbers(options)}
    if config.ema.decay > 0:
        hyper["ema.decay"] = float(config.ema.decay)
    hyper |= _floats(_prefix(config, "loss"), component_options(config, "loss"))
    rule = component_options(config, "update")  # a number of a rule that is 0 turns a part of it off: it is structure
    hyper |= _floats(_prefix(config, "update"), {name: value for name, value in rule.items() if value != 0.0})
    for name in active_penalties(config):
        hyper[f"penalties.{name}.weight"] = float(config.penalties[name].weight)
        prefix = "penalties.own.options" if name == "own" else f"penalties.{name}"
        hyper |= _floats(prefix, penalty_options(config, name))
    if config.instance_noise.std > 0:
        hyper |= _floats("instance_noise", config.instance_noise.to_dict())
    return hyper


def _floats(prefix: str, options: Mapping[str, Any]) -> dict[str, float]:
    return {f"{prefix}.{name}": value for name, value in options.items() if isinstance(value, float)}


def active_penalties(config: ConfigDict) -> tuple[str, ...]:
    """Names of the penalties whose weight is not 0, in the order of their table; "own" comes last."""
    return tuple(name for name in (*TABLES["penalties"], "own") if config.penalties[name].weight > 0)


def penalty_options(config: ConfigDict, name: str) -> dict[str, Any]:
    """The options of a penalty."""
    if name == "own":
        return config.penalties.own.options.to_dict()
    return {option: config.penalties[name][option] for option in options_of("penalties", TABLES["penalties"][name])}


def build_game(config: ConfigDict, source: Source) -> Game:
    """The configured game for a source's examples.

    Raises:
      ConfigError: a component does not fit the configuration or the data.
    """
    networks = {}
    for name in ("discriminator", "generator"):
        field = f"{name}.name={config[name].name!r}"
        arguments = {**component_options(config, name), "shape": source.shape, "dtype": _DTYPES[config.precision]}
        networks[name] = make_network(resolve(name, config[name].name), field, **arguments)
    loss_options = component_options(config, "loss")
    component, prefix = resolve("loss", config.loss.name), _prefix(config, "loss")
    field = f"loss.name={config.loss.name!r}"

    def loss(context: Context) -> AdversarialLoss:
        return make_loss(component, _traced(prefix, loss_options, context.hyper), field, context.axis_name)

    def noise(context: Context) -> jax.Array:
        progress = context.step.astype(jnp.float32) / context.total_steps
        remaining = jnp.maximum(1.0 - progress / context.hyper["instance_noise.end"], 0.0)
        return context.hyper["instance_noise.std"] * remaining

    steps = config.schedule.discriminator_steps
    together = config.schedule.simultaneous
    parts = Parts(
        networks=networks,
        loss=loss,
        generator_reads_real=make_loss(component, loss_options, field).generator_reads_real,
        optimizers={p: _optimizer(config, p) for p in ("discriminator", "generator")},
        schedule=simultaneous("discriminator", "generator")
        if together
        else alternating("discriminator", "generator", steps),
        shape=source.shape,
        num_classes=source.num_classes,
        latent_dim=config.latent_dim,
        latent=config.latent,
        latent_scale=config.latent_scale,
        batch_size=config.batch_size,
        sample_statistics=config.sample_statistics,
        terms=build_terms(config, source.shape),
        instance_noise=noise if config.instance_noise.std > 0 else None,
        options=config.game.options.to_dict(),
    )
    build = resolve("game", config.game.name)
    registered = component_options(config, "game") if config.game.name in TABLES["game"] else {}
    try:
        game = build(parts, **registered)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"game.name={config.game.name!r}: {describe(error)}") from error
    if not isinstance(game, Game):
        raise ConfigError(
            f"game.name={config.game.name!r} gives {type(game).__name__}; allowed: a function build(parts) -> Game"
        )
    return with_rule(game, config)


def with_rule(game: Game, config: ConfigDict) -> Game:
    """The game under the configured update rule, its options bound to ``hyper``.

    Raises:
      ConfigError: the rule names a player that the game does not have.
    """
    name, options, prefix = config["update"].name, component_options(config, "update"), _prefix(config, "update")
    component = RULES[name] if name in RULES else resolve("update", name)
    rule = make_rule(component, options, f"update.name={name!r}")
    if options.get("player", next(iter(game.players))) not in game.players:
        raise ConfigError(
            f"{prefix}.player={options['player']!r} is not in the game; allowed: {', '.join(sorted(game.players))}"
        )
    wrap = rule.wrap
    players = game.players
    if wrap is not None:
        number = lambda hyper, option: hyper.get(f"{prefix}.{option}", options[option])
        players = {n: dataclasses.replace(p, optimizer=wrap(p.optimizer, number)) for n, p in players.items()}
    bound = rule._replace(
        direction=lambda round: rule.direction(round, **_traced(prefix, options, round.hyper)), wrap=None
    )
    return dataclasses.replace(game, players=players, rule=bound)


def build_terms(config: ConfigDict, shape: tuple[int, ...]) -> dict[str, tuple[Term, ...]]:
    """The active penalties of each player, for examples of ``shape``.

    Raises:
      ConfigError: a user's own is not a penalty, or one for images meets points.
    """
    made: dict[str, tuple[Term, ...]] = {"discriminator": (), "generator": ()}
    for name in active_penalties(config):
        options, prefix = penalty_options(config, name), f"penalties.{name}"
        if name == "own":
            field = f"penalties.own.name={config.penalties.own.name!r}"
            penalty = make_penalty(resolve("penalties", config.penalties.own.name), options, field)
            prefix = "penalties.own.options"
        else:
            penalty = PENALTIES[name]
        if penalty.images_only and len(shape) != 3:
            raise ConfigError(
                f"penalties.{name}.weight={config.penalties[name].weight} with data.name={config.data.name!r}: it "
                f"is for images, and an example has the shape {shape}; allowed: (height, width, channels)"
            )
        term = Term(
            name=name,
            penalty=penalty,
            weight=lambda hyper, name=name: hyper[f"penalties.{name}.weight"],  # type: ignore[misc]
            options=partial(_traced, prefix, options),
        )
        made[penalty.player] += (term,)
    return made


def _traced(prefix: str, options: Mapping[str, Any], hyper: Hyper) -> dict[str, Any]:
    """Options with the values that ``hyper`` holds of them."""
    return {name: hyper.get(f"{prefix}.{name}", value) for name, value in options.items()}


def _optimizer(config: ConfigDict, player: str) -> optax.GradientTransformationExtraArgs:
    path = f"optimizer.{player}"
    made = optimizer(config.optimizer[player].to_dict(), path)
    return projected(made, path) if config.optimizer[player].clip_weights > 0 else made


def local_batch_size(batch_size: int, devices: int, packing: int = 1) -> int:
    """Examples per device, whole packs of them.

    Raises:
      ConfigError: the batch does not divide over the devices; names the sizes nearby that would.
    """
    unit = devices * packing
    if batch_size % unit:
        below, above = batch_size // unit * unit, (batch_size // unit + 1) * unit
        near = f"{below} or {above}" if below else f"{above}"
        packs = f" in packs of game.gan.packing={packing}" if packing > 1 else ""
        raise ConfigError(
            f"batch_size={batch_size} does not divide over {devices} devices{packs}; "
            f"allowed: a multiple of {unit}, such as {near}"
        )
    return batch_size // devices


def describe_parts(game: Game, params: Mapping[str, Any]) -> str:
    """One line on a game's networks and their parameter counts."""
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(tree)) for name, tree in sorted(params.items())}
    return ", ".join(
        f"{name} {type(game.networks[name]).__module__.rsplit('.', 1)[-1]} {count:,}" for name, count in counts.items()
    )


def _prefix(config: ConfigDict, section: str) -> str:
    name = config[section].name
    return f"{section}.{name}" if name in TABLES[section] else f"{section}.options"
