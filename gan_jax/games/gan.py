"""The two-player game: a generator against a discriminator, with any adversarial loss.

References:
  Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, Algorithm 1.
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.game import Aux, Context, Game, Params, Parts, Player, example_keys, forward
from gan_jax.games.latent import LATENTS


def build(parts: Parts) -> Game:
    """A generator and a discriminator, one player each, fresh latent variables for each player.

    Args:
      parts: networks "generator" ([B, latent_dim] -> [B, *shape]) and "discriminator" ([B, *shape] -> [B] logits),
        their optimizers, a loss and a schedule.

    Returns:
      Game with the players "discriminator" and "generator".
    """
    draw = LATENTS[parts.latent]
    reads_real = parts.generator_reads_real

    def latent(keys: jax.Array, context: Context) -> jax.Array:
        return draw(keys, parts.latent_dim, parts.latent_scale, context.example_index, parts.batch_size)

    def generate(networks: Mapping[str, nn.Module], params: Params, stats: Mapping[str, Any], context: Context) -> Any:
        z = latent(example_keys(context.key, "latent", context.example_index), context)
        keys = example_keys(context.key, "generator_layers", context.example_index)
        return forward(
            networks["generator"], params["generator"], stats["generator"], z,
            train=True, keys=keys, axis_name=context.axis_name,
        )  # fmt: skip

    def score(
        networks: Mapping[str, nn.Module], params: Params, stats: Any, x: jax.Array, context: Context, purpose: str
    ) -> Any:
        keys = example_keys(context.key, purpose, context.example_index)
        return forward(
            networks["discriminator"], params["discriminator"], stats, x,
            train=True, keys=keys, axis_name=context.axis_name,
        )  # fmt: skip

    def discriminator_loss(
        networks: Mapping[str, nn.Module],
        params: Params,
        stats: Mapping[str, Any],
        batch: Mapping[str, jax.Array],
        context: Context,
    ) -> tuple[jax.Array, Aux]:
        fake, _ = generate(networks, params, stats, context)
        real_logits, after_real = score(
            networks, params, stats["discriminator"], batch["image"], context, "real_layers"
        )
        fake_logits, after_fake = score(networks, params, after_real, fake, context, "fake_layers")
        loss = jnp.mean(parts.loss(context.hyper).discriminator(real_logits, fake_logits))
        metrics = {"loss": loss, "real_logits": jnp.mean(real_logits), "fake_logits": jnp.mean(fake_logits)}
        return loss, Aux({"discriminator": after_fake}, context.memory, metrics)

    def generator_loss(
        networks: Mapping[str, nn.Module],
        params: Params,
        stats: Mapping[str, Any],
        batch: Mapping[str, jax.Array],
        context: Context,
    ) -> tuple[jax.Array, Aux]:
        fake, after = generate(networks, params, stats, context)
        fake_logits, _ = score(networks, params, stats["discriminator"], fake, context, "fake_layers")
        real_logits = fake_logits
        if reads_real:
            real_logits, _ = score(networks, params, stats["discriminator"], batch["image"], context, "real_layers")
        loss = jnp.mean(parts.loss(context.hyper).generator(real_logits, fake_logits))
        return loss, Aux({"generator": after}, context.memory, {"loss": loss, "fake_logits": jnp.mean(fake_logits)})

    def sample(
        networks: Mapping[str, nn.Module],
        params: Params,
        stats: Mapping[str, Any],
        key: jax.Array,
        num: int,
        labels: Any = None,
    ) -> jax.Array:
        if labels is not None:
            raise ValueError("labels: this game's generator takes none; allowed: None")
        index = jnp.arange(num, dtype=jnp.int32)
        z = draw(example_keys(key, "latent", index), parts.latent_dim, parts.latent_scale, index, num)
        keys = example_keys(key, "generator_layers", index)
        train = parts.sample_statistics == "batch"
        x, _ = forward(networks["generator"], params["generator"], stats["generator"], z, train=train, keys=keys)
        return x

    return Game(
        networks=parts.networks,
        inputs={
            "generator": (jax.ShapeDtypeStruct((parts.latent_dim,), jnp.float32),),
            "discriminator": (jax.ShapeDtypeStruct(parts.shape, jnp.float32),),
        },
        players={
            "discriminator": Player(("discriminator",), discriminator_loss, parts.optimizers["discriminator"]),
            "generator": Player(("generator",), generator_loss, parts.optimizers["generator"], reads_data=reads_real),
        },
        schedule=parts.schedule,
        sample=sample,
    )
