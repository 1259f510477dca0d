"""The two-player game: a generator against a discriminator, with any adversarial loss and any penalties.

Everything but ``build`` is a function of a move, for other games to use.

References:
  Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, Algorithm 1.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import terms
from gan_jax.errors import ConfigError
from gan_jax.game import Context, Game, Metrics, Output, Player, Term
from gan_jax.losses import cross_entropy
from gan_jax.move import Move
from gan_jax.nn.heads import is_trunk
from gan_jax.options import at_least, parameters_of
from gan_jax.setup import Latents, Loss, Setup


class Parts(NamedTuple):
    """What the functions here need beside their move.

    Attributes:
      latents: the latent variables.
      loss: the adversarial loss.
      terms: the penalties of each player.
      noise: context -> standard deviation of the noise on the discriminator's inputs, or None.
      batch_size: examples in a global minibatch.
      packing: how many examples the discriminator judges at once.
      given: features of the data that both networks take as further inputs.
    """

    latents: Latents
    loss: Loss
    terms: Mapping[str, tuple[Term, ...]]
    noise: Callable[[Context], jax.Array] | None
    batch_size: int
    packing: int
    given: tuple[str, ...]


def parts_of(setup: Setup, packing: int = 1, given: tuple[str, ...] = ()) -> Parts:
    """The parts that a configuration asks for."""
    terms = {player: setup.terms(player) for player in ("discriminator", "generator")}
    return Parts(setup.latents(), setup.loss(), terms, setup.noise(), setup.batch_size, packing, given)


def build(
    setup: Setup,
    packing: Annotated[int, at_least(1), "examples that the discriminator judges at once; 1 is the usual game"] = 1,
) -> Game:
    """A generator and a discriminator, one player each, fresh latent variables for each player.

    Args:
      setup: networks "generator" ([B, latent_dim] -> [B, *shape]) and "discriminator" ([B, *shape] -> [B] logits, or
        [B, ...], a map of them), their optimizers, a loss, penalties and a schedule. Real and generated examples go
        through a discriminator in one pass if it has an attribute ``independent`` that is True, in two if not.
      packing: how many examples the discriminator judges at once, joined along the last axis; it then returns one
        logit for each pack. 1 is the usual game. It divides each device's part of the minibatch.

    Returns:
      Game with the players "discriminator" and "generator".

    References:
      Lin et al., PacGAN: The power of two samples in generative adversarial networks, 2017,
        arXiv:1712.04086, section 3.
    """
    *size, channels = setup.feature("image").shape
    packed = (*size, channels * packing)
    networks = {
        "discriminator": setup.network("discriminator", shape=packed),
        "generator": setup.network("generator"),
    }
    return assembled(setup, parts_of(setup, packing), networks, packed)


def assembled(setup: Setup, parts: Parts, networks: Mapping[str, nn.Module], packed: tuple[int, ...]) -> Game:
    """The game of a generator and a discriminator.

    Args:
      setup: of the game.
      parts: from ``parts_of``.
      networks: "generator" and "discriminator"; both take the features ``parts.given`` as further inputs.
      packed: shape of what the discriminator judges.
    """
    reads_real = parts.loss.configured.generator_reads_real or any(
        {"real", "real_logits"} & parameters_of(t.penalty.function).keys() for t in parts.terms["generator"]
    )
    losses = {
        "discriminator": partial(discriminator_loss, parts=parts),
        "generator": partial(generator_loss, parts=parts, reads_real=reads_real),
    }
    reads_data = {"discriminator": True, "generator": reads_real or bool(parts.given)}
    given = tuple(jax.ShapeDtypeStruct(f.shape, f.dtype) for f in map(setup.feature, parts.given))
    return Game(
        networks=networks,
        inputs={
            "generator": (jax.ShapeDtypeStruct((parts.latents.dim,), jnp.float32), *given),
            "discriminator": (jax.ShapeDtypeStruct(packed, jnp.float32), *given),
        },
        players={
            name: Player(
                (name,), loss, setup.optimizer(name), reads_data=reads_data[name], memory=memory_of(parts, name)
            )
            for name, loss in losses.items()
        },
        schedule=setup.schedule(),
        outputs={"image": Output(partial(drawn, parts=parts), reads=parts.given)},
        group=parts.packing,
        loss=parts.loss.configured,
        log_odds=single_logits if parts.loss.configured.log_odds and parts.packing == 1 and not given else None,
    )


def discriminator_loss(move: Move, parts: Parts) -> tuple[jax.Array, Metrics]:
    """What the discriminator minimizes."""
    fake = seen(move, parts, generated(move, parts), "fake_noise")
    real = seen(move, parts, move.batch["image"], "real_noise")
    real_logits, fake_logits = judged(move, parts, real, fake)
    adversarial = parts.loss.at(move.context)
    loss = jnp.mean(adversarial.discriminator(real_logits, fake_logits))
    metrics = {"loss": loss, "real_logits": jnp.mean(real_logits), "fake_logits": jnp.mean(fake_logits)}
    if adversarial.log_odds:
        metrics |= probabilities(real_logits, fake_logits)
    made = supply(move, parts, "discriminator", real=real, fake=fake, real_logits=real_logits, fake_logits=fake_logits)
    return objective(move, parts, "discriminator", loss, metrics, made)


def generator_loss(move: Move, parts: Parts, reads_real: bool) -> tuple[jax.Array, Metrics]:
    """What the generator minimizes."""
    fake = seen(move, parts, generated(move, parts), "fake_noise")
    given = conditions(move, parts)
    if reads_real:
        real = seen(move, parts, move.batch["image"], "real_noise")
        real_logits, fake_logits = judged(move, parts, real, fake)
    else:
        keys = move.keys("fake_layers", every=parts.packing)
        fake_logits = move("discriminator", fake, *given, noise="fake_layers", keys=keys)
        real_logits, real = fake_logits, fake
    loss = jnp.mean(parts.loss.at(move.context).generator(real_logits, fake_logits))
    made = supply(move, parts, "generator", real=real, fake=fake, real_logits=real_logits, fake_logits=fake_logits)
    metrics = {"loss": loss, "fake_logits": jnp.mean(fake_logits)}
    return objective(move, parts, "generator", loss, metrics, made)


def latents(move: Move, parts: Parts) -> jax.Array:
    """Latent variables of the local examples, float32 [B, latent_dim], fresh in each move of each player."""
    return parts.latents.draw(move.keys("latent"), move.context.example_index, parts.batch_size)


def conditions(move: Move, parts: Parts) -> list[jax.Array]:
    """What both networks take as further inputs."""
    return [move.batch[name] for name in parts.given]


def generated(move: Move, parts: Parts) -> jax.Array:
    """Generated examples [B, *shape], from fresh latent variables, under the conditions of the minibatch."""
    return move("generator", latents(move, parts), *conditions(move, parts))


def seen(move: Move, parts: Parts, x: jax.Array, purpose: str) -> jax.Array:
    """What the discriminator sees of examples [B, *shape]: noisy, and in packs [B / packing, *shape]."""
    if parts.noise is not None:
        noise = jax.vmap(lambda key: jax.random.normal(key, x.shape[1:], jnp.float32))(move.keys(purpose))
        x = x + parts.noise(move.context).astype(x.dtype) * noise.astype(x.dtype)
    return pack(x, parts.packing)


def judged(move: Move, parts: Parts, real: jax.Array, fake: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Logits of real and of generated examples, [B / packing] each."""
    keys = [move.keys(purpose, every=parts.packing) for purpose in ("real_layers", "fake_layers")]
    given = conditions(move, parts)
    if not move.independent("discriminator"):
        real_logits = move("discriminator", real, *given, noise="real_layers", keys=keys[0])
        return real_logits, move("discriminator", fake, *given, noise="fake_layers", keys=keys[1])
    # One pass over twice the examples is the same mathematics, and larger products are faster.
    both = [jnp.concatenate([a, b]) for a, b in zip((real, *given), (fake, *given), strict=True)]
    logits = move("discriminator", *both, keys=jnp.concatenate(keys))
    return logits[: len(real)], logits[len(real) :]


def supply(move: Move, parts: Parts, player: str, **made: jax.Array) -> terms.Supply:
    """What penalties may ask for; ``made``: real, fake, real_logits and fake_logits of this move."""
    given = conditions(move, parts)

    def critic() -> Any:
        judge = move.function("discriminator", keys=move.keys("penalty_layers", every=parts.packing))
        return lambda x: judge(x, *given)

    def features() -> Any:
        keys = move.keys("penalty_layers", every=parts.packing)
        return partial(hidden_layer, *move.module("discriminator"), given=given, keys=keys, axis_name=move.axis_name)

    def generate() -> Any:
        single = move.function("generator")
        return lambda packed: pack(single(packed.reshape(-1, parts.latents.dim), *given), parts.packing)

    return {
        **{name: partial(lambda value: value, value) for name, value in made.items()},
        "critic": critic,
        "features": features,
        "generate": generate,
        "latent": lambda: pack(latents(move, parts), parts.packing),
        "params": lambda: move.params(player),
    }


def objective(
    move: Move, parts: Parts, player: str, loss: jax.Array, metrics: Metrics, given: terms.Supply
) -> tuple[jax.Array, Metrics]:
    """The adversarial loss and the player's penalties: the metric "loss" is the former alone, "objective" all."""
    if not parts.terms[player]:
        return loss, metrics
    packs = move.context._replace(example_index=move.context.example_index[:: parts.packing])
    value, memory, measured = terms.total(parts.terms[player], given, packs)
    move.keep(memory)
    return loss + value, {**metrics, **measured, "objective": loss + value}


def drawn(move: Move, num: int, parts: Parts) -> jax.Array:
    """Generated examples [num, *shape], as an output's ``draw``."""
    z = parts.latents.draw(move.keys("latent"), move.context.example_index, num)
    return move("generator", z, *conditions(move, parts))


def single_logits(move: Move, x: jax.Array) -> jax.Array:
    """Logits of single examples, as ``Game.log_odds``."""
    return move("discriminator", x, train=False)


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
    module: nn.Module, params: Any, stats: Any, x: jax.Array, *, given: Sequence[jax.Array], keys: jax.Array,
    axis_name: str | None,
) -> jax.Array:  # fmt: skip
    """A discriminator's last hidden layer [B, F].

    Raises:
      ConfigError: it does not take ``head=False``.
    """
    if not is_trunk(module):
        raise ConfigError(
            f"penalties.feature_matching: the discriminator {type(module).__name__} shows no hidden layer to match; "
            "allowed: one that takes head=False and then returns it, [B, F]"
        )
    features: jax.Array = module.apply(
        {"params": params, **stats}, x, *given, train=True, keys=keys, axis_name=axis_name, head=False, mutable=[*stats]
    )[0]
    return features
