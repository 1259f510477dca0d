"""What a configuration hands to a game: a ``Setup`` that notes what was asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gan_jax.chosen import chosen, chosen_penalties
from gan_jax.config import flatten
from gan_jax.data import Feature
from gan_jax.errors import ConfigError, nearest
from gan_jax.game import Context, Schedule, Term, alternating, simultaneous
from gan_jax.games.latent import LATENTS
from gan_jax.losses import AdversarialLoss
from gan_jax.nn import conditional
from gan_jax.optimizers import optimizer, projected
from gan_jax.options import parameters_of
from gan_jax.registry import make_loss, make_network, make_penalty, roles_of
from gan_jax.setup import Latents, Loss

LABELLED = "labelled examples"
_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


class Configured:
    """A ``Setup`` from a configuration; notes which of its sections were asked for.

    Args:
      config: the configuration.
      features: of the data.
    """

    def __init__(self, config: ConfigDict, features: Mapping[str, Feature]) -> None:
        self.config, self.features, self.values = config, features, flatten(config)
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

    def network(self, role: str, of: str = "image", label: str = "", embedding: int = 0, **supplied: Any) -> nn.Module:
        """As ``Setup.network``."""
        table = self._table_of(role)
        self.asked.add(role)
        configured = chosen(self.values, role)
        given = {"shape": self.feature(of).shape, "dtype": _DTYPES[self.config.precision], **supplied}
        takes_label = callable(configured.component) and "num_classes" in parameters_of(configured.component)
        if label and not self.feature(label).classes:
            raise ConfigError(
                f"game.name={self.config.game.name!r} needs data with classes; "
                f"data.name={self.config.data.name!r} has none"
            )
        if takes_label and label:
            given["num_classes"] = self.features[label].classes
            if embedding or given["shape"] != self.features[of].shape:
                raise ConfigError(
                    f"{configured.choice} reads the label of one example itself; "
                    "allowed: the game's embedding=0 and packing=1, or another network"
                )
        elif takes_label:
            raise ConfigError(
                f"{configured.choice} takes a label, which game.name={self.config.game.name!r} does not give it"
            )
        network = make_network(configured.component, configured.choice, **{**configured.options, **given})
        if not label or takes_label:
            return network
        code = conditional.Code(self.features[label].classes or 0, embedding)
        if table == "generator":
            return conditional.Generator(network, code)
        packing = given["shape"][-1] // self.features[of].shape[-1]
        return conditional.discriminator(network, code, packing)

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

    def schedule(self, *players: str) -> Schedule:
        """As ``Setup.schedule``."""
        self.asked.add("schedule")
        players = players or ("discriminator", "generator")
        if self.config.schedule.simultaneous:
            return simultaneous(*players)
        return alternating(*players, steps=self.config.schedule.discriminator_steps)

    def loss(self) -> Loss:
        """As ``Setup.loss``."""
        self.asked.add("loss")
        configured = chosen(self.values, "loss")

        def at(context: Context) -> AdversarialLoss:
            return make_loss(configured.component, configured.at(context.hyper), configured.choice, context.axis_name)

        return Loss(at, make_loss(configured.component, configured.options, configured.choice))

    def terms(self, role: str, of: str = "image") -> tuple[Term, ...]:
        """As ``Setup.terms``."""
        self._table_of(role)
        self.asked.add(f"penalties of the {role}")
        return build_terms(self.config, self.feature(of).shape)[role]

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
    values = flatten(config)
    roles = roles_of(config.game.name)
    made: dict[str, tuple[Term, ...]] = dict.fromkeys(roles, ())
    for name, configured in chosen_penalties(values).items():
        penalty = make_penalty(configured.component, configured.options, configured.choice, roles)
        weight = f"penalties.{name}.weight"
        if penalty.images_only and len(shape) != 3:
            raise ConfigError(
                f"{weight}={values[weight]} with data.name={values['data.name']!r}: it is for images, and an example "
                f"has the shape {shape}; allowed: (height, width, channels)"
            )
        term = Term(name=name, penalty=penalty, weight=lambda hyper, w=weight: hyper[w], options=configured.at)  # type: ignore[misc]
        made[penalty.player] += (term,)
    return made
