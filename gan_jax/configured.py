"""What a configuration hands to a game: a ``Setup`` that notes what was asked for."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax.data import Feature
from gan_jax.errors import ConfigError
from gan_jax.game import Context, Hyper, Schedule, Term, alternating, simultaneous
from gan_jax.games.latent import LATENTS
from gan_jax.losses import AdversarialLoss
from gan_jax.nn import conditional
from gan_jax.optimizers import optimizer, projected
from gan_jax.penalties import PENALTIES
from gan_jax.registry import TABLES, make_loss, make_network, make_penalty, nearest, options_of, resolve, roles_of
from gan_jax.setup import Latents, Loss

PLAYERS = ("discriminator", "generator")
LABELLED = "labelled examples"
_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def component_options(config: ConfigDict, section: str) -> dict[str, Any]:
    """The options of a section's component (not of data): section.NAME.* of a registered one, else section.options."""
    name, kind = config[section].name, roles_of(config.game.name).get(section, section)
    if name in TABLES[kind]:
        return {option: config[section][name][option] for option in options_of(kind, TABLES[kind][name])}
    return config[section].options.to_dict()


class Configured:
    """A ``Setup`` from a configuration; notes which of its sections were asked for.

    Args:
      config: the configuration.
      features: of the data.
    """

    def __init__(self, config: ConfigDict, features: Mapping[str, Feature]) -> None:
        self.config, self.features = config, features
        self.batch_size = config.batch_size
        self.asked: set[str] = set()

    def feature(self, name: str) -> Feature:
        """As ``Setup.feature``.

        Raises:
          ConfigError: the data have no such feature.
        """
        few = name in ("labelled", "labelled_label")
        if few:
            self.asked.add(LABELLED)
        if name not in self.features:
            labels = f", with data.labelled={self.config.data.labelled}; allowed: some of them labelled" if few else ""
            raise ConfigError(
                f"game.name={self.config.game.name!r} needs data with a feature {name!r}; "
                f"data.name={self.config.data.name!r} has {', '.join(self.features)}{labels}"
            )
        return self.features[name]

    def network(self, role: str, of: str = "image", label: str = "", **supplied: Any) -> nn.Module:
        """As ``Setup.network``."""
        table = self._table_of(role)
        self.asked.add(role)
        field = f"{role}.name={self.config[role].name!r}"
        given = {"shape": self.feature(of).shape, "dtype": _DTYPES[self.config.precision], **supplied}
        arguments = {**component_options(self.config, role), **given}
        network = make_network(resolve(role, self.config[role].name, table), field, **arguments)
        if not label:
            return network
        classes = self.feature(label).classes or 0
        told = conditional.Generator if table == "generator" else conditional.discriminator
        return told(network, classes)

    def _table_of(self, role: str) -> str:
        """The table of a role's networks; refuses a role that the game's module does not state."""
        roles = roles_of(self.config.game.name)
        if role not in roles:
            raise ConfigError(
                f"game.name={self.config.game.name!r} asks for the role {role!r}{nearest(role, roles)}; "
                f"its roles, by ROLES of its module: {', '.join(roles)}"
            )
        return roles[role]

    def optimizer(self, role: str) -> optax.GradientTransformationExtraArgs:
        """As ``Setup.optimizer``."""
        self._table_of(role)
        path, options = f"optimizer.{role}", self.config.optimizer[role]
        self.asked.add(path)
        made = optimizer(options.to_dict(), path)
        return projected(made, path) if options.clip_weights > 0 else made

    def schedule(self, first: str = "discriminator", second: str = "generator") -> Schedule:
        """As ``Setup.schedule``."""
        self.asked.add("schedule")
        if self.config.schedule.simultaneous:
            return simultaneous(first, second)
        return alternating(first, second, self.config.schedule.discriminator_steps)

    def loss(self) -> Loss:
        """As ``Setup.loss``."""
        self.asked.add("loss")
        options, prefix = component_options(self.config, "loss"), prefix_of(self.config, "loss")
        component, field = resolve("loss", self.config.loss.name), f"loss.name={self.config.loss.name!r}"

        def at(context: Context) -> AdversarialLoss:
            return make_loss(component, traced(prefix, options, context.hyper), field, context.axis_name)

        return Loss(at, make_loss(component, options, field))

    def terms(self, role: str) -> tuple[Term, ...]:
        """As ``Setup.terms``."""
        self.asked.add(f"penalties of the {role}")
        return build_terms(self.config, self.feature("image").shape)[role]

    def latents(self) -> Latents:
        """As ``Setup.latents``."""
        self.asked.add("latent")
        dim, scale, draw = self.config.latent_dim, self.config.latent_scale, LATENTS[self.config.latent]
        return Latents(dim, lambda keys, index, total: draw(keys, dim, scale, index, total))

    def noise(self) -> Callable[[Context], jax.Array] | None:
        """As ``Setup.noise``."""
        self.asked.add("instance_noise")
        return _noise if self.config.instance_noise.std > 0 else None


def _noise(context: Context) -> jax.Array:
    progress = context.step.astype(jnp.float32) / context.total_steps
    remaining = jnp.maximum(1.0 - progress / context.hyper["instance_noise.end"], 0.0)
    return context.hyper["instance_noise.std"] * remaining


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
            options=partial(traced, prefix, options),
        )
        made[penalty.player] += (term,)
    return made


def active_penalties(config: ConfigDict) -> tuple[str, ...]:
    """Names of the penalties whose weight is not 0, in the order of their table; "own" comes last."""
    return tuple(name for name in (*TABLES["penalties"], "own") if config.penalties[name].weight > 0)


def penalty_options(config: ConfigDict, name: str) -> dict[str, Any]:
    """The options of a penalty."""
    if name == "own":
        return config.penalties.own.options.to_dict()
    return {option: config.penalties[name][option] for option in options_of("penalties", TABLES["penalties"][name])}


def traced(prefix: str, options: Mapping[str, Any], hyper: Hyper) -> dict[str, Any]:
    """Options with the values that ``hyper`` holds of them."""
    return {name: hyper.get(f"{prefix}.{name}", value) for name, value in options.items()}


def prefix_of(config: ConfigDict, section: str) -> str:
    """The field below which a section's options are."""
    name = config[section].name
    return f"{section}.{name}" if name in TABLES[section] else f"{section}.options"
