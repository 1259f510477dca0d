"""The two-player game: a generator against a discriminator, with any adversarial loss and any penalties.

References:
  Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, Algorithm 1.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import terms
from gan_jax.errors import ConfigError
from gan_jax.game import Aux, Context, Game, Params, Parts, Player, example_keys, forward
from gan_jax.games.latent import LATENTS
from gan_jax.losses import cross_entropy


def build(parts: Parts, packing: int = 1) -> Game:
    """A generator and a discriminator, one player each, fresh latent variables for each player.

    Args:
      parts: networks "generator" ([B, latent_dim] -> [B, *shape]) and "discriminator" ([B, *shape] -> [B] logits),
        their optimizers, a loss, penalties and a schedule. Real and generated examples go through a discriminator in
        one pass if it has an attribute ``independent`` that is True, in two if not.
      packing: how many examples the discriminator judges at once, joined along the last axis; it then returns one
        logit for each pack. 1 is the usual game. It divides each device's part of the minibatch.

    Returns:
      Game with the players "discriminator" and "generator".

    References:
      Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2017,
        arXiv:1712.04086, section 3.
    """
    draw = LATENTS[parts.latent]
    reads_real = parts.generator_reads_real or any(
        {"real", "real_logits"} & set(terms.arguments_of(t.penalty.function)) for t in parts.terms["generator"]
    )
    shape = (*parts.shape[:-1], parts.shape[-1] * packing)
    networks = dict(parts.networks)
    if packing > 1:
        networks["discriminator"] = networks["discriminator"].clone(shape=shape)

    def latent(context: Context) -> jax.Array:
        keys = example_keys(context.key, "latent", context.example_index)
        return draw(keys, parts.latent_dim, parts.latent_scale, context.example_index, parts.batch_size)

    def generate(
        networks: Mapping[str, nn.Module], params: Params, stats: Mapping[str, Any], context: Context, z: jax.Array
    ) -> Any:
        keys = example_keys(context.key, "generator_layers", context.example_index)
        return forward(
            networks["generator"], params["generator"], stats["generator"], z,
            train=True, keys=keys, axis_name=context.axis_name,
        )  # fmt: skip

    def seen(x: jax.Array, context: Context, purpose: str) -> jax.Array:
        """What the discriminator sees of examples [B, *parts.shape]: noisy, and in packs [B / packing, *shape]."""
        if parts.instance_noise is not None:
            keys = example_keys(context.key, purpose, context.example_index)
            noise = jax.vmap(lambda key: jax.random.normal(key, x.shape[1:], jnp.float32))(keys).astype(x.dtype)
            x = x + parts.instance_noise(context).astype(x.dtype) * noise
        return pack(x, packing)

    def score(
        networks: Mapping[str, nn.Module], params: Params, stats: Any, x: jax.Array, context: Context, purpose: str
    ) -> Any:
        keys = example_keys(context.key, purpose, context.example_index[::packing])
        return forward(
            networks["discriminator"], params["discriminator"], stats, x,
            train=True, keys=keys, axis_name=context.axis_name,
        )  # fmt: skip

    def score_both(
        networks: Mapping[str, nn.Module],
        params: Params,
        stats: Any,
        real: jax.Array,
        fake: jax.Array,
        context: Context,
    ) -> tuple[jax.Array, jax.Array, Any]:
        """Logits of real and of generated examples, and the statistics after both."""
        if not getattr(networks["discriminator"], "independent", False):
            real_logits, stats = score(networks, params, stats, real, context, "real_layers")
            fake_logits, stats = score(networks, params, stats, fake, context, "fake_layers")
            return real_logits, fake_logits, stats
        # One pass over twice the examples is the same mathematics, and larger products are faster.
        index = context.example_index[::packing]
        keys = [example_keys(context.key, purpose, index) for purpose in ("real_layers", "fake_layers")]
        logits, stats = forward(
            networks["discriminator"], params["discriminator"], stats, jnp.concatenate([real, fake]),
            train=True, keys=jnp.concatenate(keys), axis_name=context.axis_name,
        )  # fmt: skip
        return logits[: len(real)], logits[len(real) :], stats

    def supply(
        networks: Mapping[str, nn.Module],
        params: Params,
        stats: Mapping[str, Any],
        context: Context,
        player: str,
        **judged: jax.Array,
    ) -> dict[str, Any]:
        """What penalties may ask for; ``judged``: real, fake, real_logits and fake_logits of this move."""
        judge = partial(score, networks, params, stats["discriminator"], context=context, purpose="penalty_layers")

        def produce(packed: jax.Array) -> jax.Array:
            z = packed.reshape(-1, parts.latent_dim)
            return pack(generate(networks, params, stats, context, z)[0], packing)

        def features(x: jax.Array) -> jax.Array:
            keys = example_keys(context.key, "penalty_layers", context.example_index[::packing])
            return hidden_layer(
                networks["discriminator"], params["discriminator"], stats["discriminator"], x, keys, context.axis_name
            )

        return {
            **{name: partial(lambda value: value, value) for name, value in judged.items()},
            "critic": lambda: lambda x: judge(x)[0],
            "features": lambda: features,
            "generate": lambda: produce,
            "latent": lambda: pack(latent(context), packing),
            "params": lambda: params[player],
        }

    def discriminator_loss(
        networks: Mapping[str, nn.Module],
        params: Params,
        stats: Mapping[str, Any],
        batch: Mapping[str, jax.Array],
        context: Context,
    ) -> tuple[jax.Array, Aux]:
        fake = seen(generate(networks, params, stats, context, latent(context))[0], context, "fake_noise")
        real = seen(batch["image"], context, "real_noise")
        real_logits, fake_logits, after = score_both(networks, params, stats["discriminator"], real, fake, context)
        adversarial = parts.loss(context)
        loss = jnp.mean(adversarial.discriminator(real_logits, fake_logits))
        metrics = {"loss": loss, "real_logits": jnp.mean(real_logits), "fake_logits": jnp.mean(fake_logits)}
        if adversarial.log_odds:
            metrics |= probabilities(real_logits, fake_logits)
        given = supply(
            networks, params, stats, context, "discriminator",
            real=real, fake=fake, real_logits=real_logits, fake_logits=fake_logits,
        )  # fmt: skip
        return objective(loss, {"discriminator": after}, metrics, "discriminator", given, context)

    def generator_loss(
        networks: Mapping[str, nn.Module],
        params: Params,
        stats: Mapping[str, Any],
        batch: Mapping[str, jax.Array],
        context: Context,
    ) -> tuple[jax.Array, Aux]:
        made, after = generate(networks, params, stats, context, latent(context))
        fake = seen(made, context, "fake_noise")
        if reads_real:
            real = seen(batch["image"], context, "real_noise")
            real_logits, fake_logits, _ = score_both(networks, params, stats["discriminator"], real, fake, context)
        else:
            fake_logits, _ = score(networks, params, stats["discriminator"], fake, context, "fake_layers")
            real_logits, real = fake_logits, fake
        loss = jnp.mean(parts.loss(context).generator(real_logits, fake_logits))
        given = supply(
            networks, params, stats, context, "generator",
            real=real, fake=fake, real_logits=real_logits, fake_logits=fake_logits,
        )  # fmt: skip
        metrics = {"loss": loss, "fake_logits": jnp.mean(fake_logits)}
        return objective(loss, {"generator": after}, metrics, "generator", given, context)

    def objective(
        loss: jax.Array, stats: Any, metrics: dict[str, jax.Array], player: str, given: terms.Supply, context: Context
    ) -> tuple[jax.Array, Aux]:
        """The adversarial loss and the player's penalties: the metric "loss" is the former alone, "objective" all."""
        if not parts.terms[player]:
            return loss, Aux(stats, context.memory, metrics)
        packs = context._replace(example_index=context.example_index[::packing])
        value, memory, measured = terms.total(parts.terms[player], given, packs)
        return loss + value, Aux(stats, memory, {**metrics, **measured, "objective": loss + value})

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
        return generated(networks, params, stats, key, num, parts.sample_statistics == "batch")[0]

    def statistics(
        networks: Mapping[str, nn.Module], params: Params, stats: Mapping[str, Any], key: jax.Array, num: int
    ) -> dict[str, Any]:
        return {"generator": generated(networks, params, stats, key, num, True)[1]}

    def generated(
        networks: Mapping[str, nn.Module],
        params: Params,
        stats: Mapping[str, Any],
        key: jax.Array,
        num: int,
        train: bool,
    ) -> Any:
        index = jnp.arange(num, dtype=jnp.int32)
        z = draw(example_keys(key, "latent", index), parts.latent_dim, parts.latent_scale, index, num)
        keys = example_keys(key, "generator_layers", index)
        return forward(networks["generator"], params["generator"], stats["generator"], z, train=train, keys=keys)

    losses = {"discriminator": discriminator_loss, "generator": generator_loss}
    reads_data = {"discriminator": True, "generator": reads_real}
    return Game(
        networks=networks,
        inputs={
            "generator": (jax.ShapeDtypeStruct((parts.latent_dim,), jnp.float32),),
            "discriminator": (jax.ShapeDtypeStruct(shape, jnp.float32),),
        },
        players={
            name: Player(
                (name,), loss, parts.optimizers[name], reads_data=reads_data[name], memory=memory_of(parts, name)
            )
            for name, loss in losses.items()
        },
        schedule=parts.schedule,
        sample=sample,
        statistics=statistics if parts.sample_statistics == "running" else None,
    )


def probabilities(real_logits: jax.Array, fake_logits: jax.Array) -> dict[str, jax.Array]:
    """What logits of probabilities, D = sigmoid(logit), say of a minibatch.

    Args:
      real_logits: float [B], of real examples.
      fake_logits: float [B], of generated ones.

    Returns:
      Scalars: "real_probability" and "fake_probability", the means of D(x) and of D(G(z)), in [0, 1]; and
      "jensen_shannon", (log 4 - C) / 2 with C the mean cross-entropy of targets 1 and 0 (which is the discriminator's
      loss unless that has other targets). In expectation it is at most JSD(p_data, p_g), in nats, and equal to it for
      the best discriminator; it is in (-inf, log 2], below 0 for a discriminator worse than D = 1/2, and not clipped.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, theorem 1.
    """
    cost = jnp.mean(cross_entropy(real_logits, fake_logits))
    return {
        "real_probability": jnp.mean(jax.nn.sigmoid(real_logits)),
        "fake_probability": jnp.mean(jax.nn.sigmoid(fake_logits)),
        "jensen_shannon": (math.log(4) - cost) / 2,
    }


def memory_of(parts: Parts, player: str) -> Any:
    """The initial memory of a player: () without penalties, else a function of its network's parameters."""
    own = parts.terms[player]
    return (lambda params: terms.initial_memory(own, params[player])) if own else ()


def pack(x: jax.Array, packing: int) -> jax.Array:
    """[B, ..., C] to [B / packing, ..., packing C]: consecutive examples side by side along the last axis."""
    if packing == 1:
        return x
    groups = x.reshape(x.shape[0] // packing, packing, *x.shape[1:])
    return jnp.concatenate([groups[:, i] for i in range(packing)], axis=-1)


def hidden_layer(
    module: nn.Module, params: Any, stats: Any, x: jax.Array, keys: jax.Array, axis_name: str | None
) -> jax.Array:
    """A discriminator's last hidden layer [B, F], which it sows as "features" in the collection "intermediates".

    Raises:
      ConfigError: it sows none.
    """
    variables = {"params": params, **stats}
    _, state = module.apply(variables, x, train=True, keys=keys, axis_name=axis_name, mutable=[*stats, "intermediates"])
    if "features" not in state.get("intermediates", {}):
        raise ConfigError(
            f"penalties.feature_matching: the discriminator {type(module).__name__} has no hidden layer to match; "
            'allowed: one that calls self.sow("intermediates", "features", x)'
        )
    return state["intermediates"]["features"][0]
