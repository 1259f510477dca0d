"""From a configuration to what runs: data source, game, and the numbers in ``hyper``."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.data import Source
from gan_jax.errors import ConfigError
from gan_jax.game import Game, Hyper, Parts, alternating, simultaneous
from gan_jax.losses import AdversarialLoss
from gan_jax.optimizers import numbers, optimizer
from gan_jax.registry import TABLES, describe, make_loss, make_network, options_of, resolve

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
    section, _ = data.resolve(config.data.name)
    options = config.data[section].to_dict() if section in config.data else {}
    return data.load(config.data.name, data_dir=config.data.dir or None, split=config.data.split, **options)


def build_hyper(config: ConfigDict) -> dict[str, float]:
    """Numbers that a sweep may vary without recompiling, {configuration field: value}."""
    hyper = {"steps": float(config.steps)}
    for player in ("discriminator", "generator"):
        options = config.optimizer[player]
        hyper |= {f"optimizer.{player}.{field}": float(options[field]) for field in numbers(options)}
    if config.ema.decay > 0:
        hyper["ema.decay"] = float(config.ema.decay)
    prefix = _loss_prefix(config)
    hyper |= {f"{prefix}.{k}": v for k, v in component_options(config, "loss").items() if isinstance(v, float)}
    return hyper


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
    component, prefix = resolve("loss", config.loss.name), _loss_prefix(config)
    field = f"loss.name={config.loss.name!r}"

    def loss(hyper: Hyper) -> AdversarialLoss:
        traced = {k: hyper.get(f"{prefix}.{k}", v) for k, v in loss_options.items()}
        return make_loss(component, traced, field)

    steps = config.schedule.discriminator_steps
    together = config.schedule.simultaneous
    parts = Parts(
        networks=networks,
        loss=loss,
        generator_reads_real=make_loss(component, loss_options, field).generator_reads_real,
        optimizers={
            p: optimizer(config.optimizer[p].to_dict(), f"optimizer.{p}") for p in ("discriminator", "generator")
        },
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
        options=component_options(config, "game"),
    )
    build = resolve("game", config.game.name)
    try:
        game = build(parts)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"game.name={config.game.name!r}: {describe(error)}") from error
    if not isinstance(game, Game):
        raise ConfigError(
            f"game.name={config.game.name!r} gives {type(game).__name__}; allowed: a function build(parts) -> Game"
        )
    return game


def local_batch_size(batch_size: int, devices: int) -> int:
    """Examples per device.

    Raises:
      ConfigError: the batch does not divide over the devices; names the sizes nearby that would.
    """
    if batch_size % devices:
        below, above = batch_size // devices * devices, (batch_size // devices + 1) * devices
        near = f"{below} or {above}" if below else f"{above}"
        raise ConfigError(
            f"batch_size={batch_size} does not divide over {devices} devices; "
            f"allowed: a multiple of {devices}, such as {near}"
        )
    return batch_size // devices


def describe_parts(game: Game, params: Mapping[str, Any]) -> str:
    """One line on a game's networks and their parameter counts."""
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(tree)) for name, tree in sorted(params.items())}
    return ", ".join(
        f"{name} {type(game.networks[name]).__module__.rsplit('.', 1)[-1]} {count:,}" for name, count in counts.items()
    )


def _loss_prefix(config: ConfigDict) -> str:
    name = config.loss.name
    return f"loss.{name}" if name in TABLES["loss"] else "loss.options"
