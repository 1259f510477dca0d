"""From a configuration to what runs: data source, game, and the numbers in ``hyper``."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax import data
from gan_jax.chosen import Chosen, Values, chosen, chosen_penalties
from gan_jax.configured import LABELLED, Configured
from gan_jax.data import Source
from gan_jax.errors import ConfigError
from gan_jax.fields import all_fields
from gan_jax.game import STREAMS, Game, stream_of
from gan_jax.optimizers import numbers
from gan_jax.options import defaults_of, number
from gan_jax.penalties import PENALTIES
from gan_jax.registry import describe, make_penalty, make_rule, resolve, roles_of
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
    values = configs.flatten(config)
    hyper = {"steps": float(config.steps)}
    for role in roles_of(config.game.name):
        hyper |= numbers(config.optimizer[role].to_dict(), f"optimizer.{role}")
    if config.ema.decay > 0:
        hyper["ema.decay"] = config.ema.decay
    hyper |= chosen(values, "loss").numbers()
    # A number of a rule or a game that is 0 turns a part of it off: it is structure.
    hyper |= {field: value for field, value in chosen(values, "rule").numbers().items() if value}
    for name, penalty in chosen_penalties(values).items():
        hyper |= {f"penalties.{name}.weight": values[f"penalties.{name}.weight"], **penalty.numbers()}
    if config.instance_noise.std > 0:
        hyper |= {field: values[field] for field in ("instance_noise.std", "instance_noise.end")}
    of_game = _numbers_of_game(chosen(values, "game")).values()
    return hyper | {option.field: option.value for option in of_game if option}


def build_game(config: ConfigDict, source: Source) -> Game:
    """The configured game for a source's examples.

    Raises:
      ConfigError: a component does not fit the configuration or the data, or a field that is not at its default has no
        effect in this game.
    """
    game, asked = _built(config, source)
    values, fields = configs.flatten(config), all_fields(config.game.name)
    for field, value in values.items():
        section = _section_of(field, values)
        if section and section not in asked and value != fields[field].default:
            raise ConfigError(
                f"{field}={value!r} has no effect: game.name={config.game.name!r} asks for no {section}; "
                f"it asks for {', '.join(sorted(asked)) or 'nothing'}"
            )
    running = config.sample_statistics == "running"
    return _with_rule(dataclasses.replace(game, running=running), chosen(values, "rule"))


def unused_fields(config: ConfigDict, source: Source) -> set[str]:
    """The fields of sections that the configured game never asks for, or has nothing to draw for."""
    (game, asked), values = _built(config, source), configs.flatten(config)
    sections = {field: _section_of(field, values) for field in values}
    unused = {field for field, section in sections.items() if section and section not in asked}
    return unused | {
        field for field in sections if field.startswith("evaluation.") and not (game.outputs or game.scores)
    }


def _built(config: ConfigDict, source: Source) -> tuple[Game, set[str]]:
    """The game as its function makes it, and the sections that it asked for."""
    setup = Configured(config, source.features)
    configured = chosen(setup.values, "game")
    numbers = _numbers_of_game(configured)
    try:
        game = configured.component(setup, **{**configured.options, **numbers})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"{configured.choice}: {describe(error)}") from error
    if not isinstance(game, Game):
        raise ConfigError(f"{configured.choice} gives {type(game).__name__}; allowed: a function build(setup) -> Game")
    asked = {*setup.asked, *(["sample_statistics"] if game.outputs else [])}
    return dataclasses.replace(game, numbers=numbers), asked


def _numbers_of_game(game: Chosen) -> dict[str, Number]:
    """The float options of the configured game, given or at their defaults; a whole number serves as a float."""
    if not callable(game.component):
        raise ConfigError(
            f"{game.choice} gives {type(game.component).__name__}; allowed: a function build(setup) -> Game"
        )
    defaults = defaults_of(game.component)
    return {
        name: Number(game.field(name), number(game.field(name), value))
        for name, value in {**defaults, **game.options}.items()
        if isinstance(defaults.get(name, value), float)
    }


def _section_of(field: str, values: Values) -> str:
    """The section of a field as ``Configured`` notes it; "" of one that has its effect in every game."""
    first, *rest = field.split(".")
    if first == "penalties":
        if rest[0] != "own":
            return f"penalties of the {PENALTIES[rest[0]].player}"
        if values["penalties.own.weight"] == 0:
            return ""
        own, roles = resolve("penalties", values["penalties.own.name"]), roles_of(values["game.name"])
        return f"penalties of the {make_penalty(own, {}, '', roles).player}"
    if first == "optimizer":
        return f"optimizer.{rest[0]}"
    if field == "data.labelled":
        return LABELLED
    if first in ("latent", "latent_dim", "latent_scale"):
        return "latent"
    sections = (*roles_of(values["game.name"]), "loss", "schedule", "instance_noise", "sample_statistics")
    return first if first in sections else ""


def _with_rule(game: Game, configured: Chosen) -> Game:
    """The game under the configured update rule, its options bound to ``hyper``."""
    rule, options = make_rule(configured.component, configured.options, configured.choice), configured.options
    if options.get("player", next(iter(game.players))) not in game.players:
        raise ConfigError(
            f"{configured.field('player')}={options['player']!r} is not in the game; "
            f"allowed: {', '.join(sorted(game.players))}"
        )
    players, wrap = game.players, rule.wrap
    if wrap is not None:
        read = lambda hyper, option: configured.at(hyper)[option]
        players = {n: dataclasses.replace(p, optimizer=wrap(p.optimizer, read)) for n, p in players.items()}
    bound = rule._replace(direction=lambda round: rule.direction(round, **configured.at(round.hyper)), wrap=None)
    return dataclasses.replace(game, players=players, rule=bound)


def local_batch_size(batch_size: int, devices: int, packing: int = 1, field: str = "packing") -> int:
    """Examples per device, whole packs of them; ``field`` says how many are in a pack.

    Raises:
      ConfigError: the batch does not divide over the devices; names the sizes nearby that would.
    """
    unit = devices * packing
    if batch_size % unit:
        below, above = batch_size // unit * unit, (batch_size // unit + 1) * unit
        near = f"{below} or {above}" if below else f"{above}"
        packs = f" in packs of {field}={packing}" if packing > 1 else ""
        raise ConfigError(
            f"batch_size={batch_size} does not divide over {devices} devices{packs}; "
            f"allowed: a multiple of {unit}, such as {near}"
        )
    return batch_size // devices


def describe_parts(game: Game, params: Mapping[str, Any]) -> str:
    """One line on a game's networks and their parameter counts."""
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(tree)) for name, tree in sorted(params.items())}
    return ", ".join(f"{name} {_family(game.networks[name])} {count:,}" for name, count in counts.items())


def _family(network: nn.Module) -> str:
    """The file of a network, of what it is in where it is a trunk, or is told a label."""
    inner = getattr(network, "trunk", getattr(network, "network", None))
    return _family(inner) if isinstance(inner, nn.Module) else type(network).__module__.rsplit(".", 1)[-1]
