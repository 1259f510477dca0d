"""From a configuration to what runs: data source, game, and the numbers in ``hyper``."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax import data
from gan_jax.configured import (
    LABELLED,
    Configured,
    active_penalties,
    component_options,
    penalty_options,
    prefix_of,
    traced,
)
from gan_jax.data import Source
from gan_jax.errors import ConfigError
from gan_jax.fields import all_fields
from gan_jax.game import STREAMS, Game, stream_of
from gan_jax.optimizers import numbers
from gan_jax.penalties import PENALTIES
from gan_jax.registry import describe, make_penalty, make_rule, options_of, resolve, roles_of
from gan_jax.rules import RULES
from gan_jax.setup import Number


def build_source(config: ConfigDict) -> Source:
    """The configured data source.

    Raises:
      ConfigError: unknown name or option value.
      DataError: data that is missing or broken.
    """
    source = data.load(
        config.data.name, data_dir=config.data.dir or None, split=config.data.split, **data_options(config)
    )
    if not config.data.labelled:
        return source
    key = jax.random.fold_in(jax.random.key(config.seed), stream_of("labelled", STREAMS))
    return data.labelled(source, config.data.labelled, key)


def data_options(config: ConfigDict) -> dict[str, Any]:
    """The options of the configured data source; of joined ones {kind: its options}."""
    name = config.data.name
    options = {s: config.data[s].to_dict() for s in data.sections_of(name) if s in config.data}
    return options if data.parts_of(name) else next(iter(options.values()), {})


def build_hyper(config: ConfigDict) -> dict[str, float]:
    """Numbers that a sweep may vary without recompiling, {configuration field: value}."""
    hyper = {"steps": float(config.steps)}
    for player in roles_of(config.game.name):
        own = numbers(config.optimizer[player].to_dict())
        hyper |= {f"optimizer.{player}.{field}": float(value) for field, value in own.items()}
    if config.ema.decay > 0:
        hyper["ema.decay"] = float(config.ema.decay)
    hyper |= _floats(prefix_of(config, "loss"), component_options(config, "loss"))
    rule = component_options(config, "rule")  # a number of a rule that is 0 turns a part of it off: it is structure
    hyper |= _floats(prefix_of(config, "rule"), {name: value for name, value in rule.items() if value != 0.0})
    for name in active_penalties(config):
        hyper[f"penalties.{name}.weight"] = float(config.penalties[name].weight)
        prefix = "penalties.own.options" if name == "own" else f"penalties.{name}"
        hyper |= _floats(prefix, penalty_options(config, name))
    if config.instance_noise.std > 0:
        hyper |= _floats("instance_noise", config.instance_noise.to_dict())
    return hyper | {number.field: number.value for number in numbers_of_game(config).values() if number}  # as of a rule


def _floats(prefix: str, options: Mapping[str, Any]) -> dict[str, float]:
    return {f"{prefix}.{name}": value for name, value in options.items() if isinstance(value, float)}


def build_game(config: ConfigDict, source: Source) -> Game:
    """The configured game for a source's examples.

    Raises:
      ConfigError: a component does not fit the configuration or the data, or a field that is not at its default has no
        effect in this game.
    """
    setup, named = Configured(config, source.features), f"game.name={config.game.name!r}"
    build = resolve("game", config.game.name)
    numbers = numbers_of_game(config)
    try:
        game = build(setup, **{**component_options(config, "game"), **numbers})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"{named}: {describe(error)}") from error
    if not isinstance(game, Game):
        raise ConfigError(f"{named} gives {type(game).__name__}; allowed: a function build(setup) -> Game")
    asked = {*setup.asked, *(["sample_statistics"] if game.outputs else [])}
    _refuse_without_effect(config, asked)
    running = config.sample_statistics == "running"
    return with_rule(dataclasses.replace(game, numbers=numbers, running=running), config)


def numbers_of_game(config: ConfigDict) -> dict[str, Number]:
    """The float options of the configured game, given or at their defaults; a whole number serves as a float.

    Raises:
      ConfigError: the game is no function, or an option is not a number.
    """
    build, named, prefix = (
        resolve("game", config.game.name),
        f"game.name={config.game.name!r}",
        prefix_of(config, "game"),
    )
    if not callable(build):
        raise ConfigError(f"{named} gives {type(build).__name__}; allowed: a function build(setup) -> Game")
    defaults, given = options_of("game", build), component_options(config, "game")
    made = {}
    for name, value in {**defaults, **given}.items():
        if isinstance(defaults.get(name, value), float):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"{prefix}.{name}={value!r} is not possible; allowed: a number")
            made[name] = Number(f"{prefix}.{name}", float(value))
    return made


def _refuse_without_effect(config: ConfigDict, asked: Collection[str]) -> None:
    """Refuse a field that is not at its default where the game never asked for its section."""
    fields = all_fields(config.game.name)
    for field, value in configs.flatten(config).items():
        section = _section_of(field, config)
        if section and section not in asked and value != fields[field].default:
            raise ConfigError(
                f"{field}={value!r} has no effect: game.name={config.game.name!r} asks for no {section}; "
                f"it asks for {', '.join(sorted(asked)) or 'nothing'}"
            )


def _section_of(field: str, config: ConfigDict) -> str:
    """The section of a field as ``Configured`` notes it; "" of one that has its effect in every game."""
    first, *rest = field.split(".")
    if first == "penalties":
        if rest[0] == "own" and config.penalties.own.weight == 0:
            return ""
        own = make_penalty(resolve("penalties", config.penalties.own.name), {}, "") if rest[0] == "own" else None
        return f"penalties of the {(own or PENALTIES[rest[0]]).player}"
    if first == "optimizer":
        return f"optimizer.{rest[0]}"
    if field == "data.labelled":
        return LABELLED
    if first in ("latent", "latent_dim", "latent_scale"):
        return "latent"
    sections = (*roles_of(config.game.name), "loss", "schedule", "instance_noise", "sample_statistics")
    return first if first in sections else ""


def with_rule(game: Game, config: ConfigDict) -> Game:
    """The game under the configured update rule, its options bound to ``hyper``.

    Raises:
      ConfigError: the rule names a player that the game does not have.
    """
    name, options, prefix = config.rule.name, component_options(config, "rule"), prefix_of(config, "rule")
    component = RULES[name] if name in RULES else resolve("rule", name)
    rule = make_rule(component, options, f"rule.name={name!r}")
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
        direction=lambda round: rule.direction(round, **traced(prefix, options, round.hyper)), wrap=None
    )
    return dataclasses.replace(game, players=players, rule=bound)


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
