"""What the losses of a generator and a discriminator are written with: functions of a move, for any game of the two."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import terms
from gan_jax.errors import ConfigError
from gan_jax.game import Context, Metrics, Term
from gan_jax.move import Move
from gan_jax.nn.heads import is_trunk
from gan_jax.options import parameters_of
from gan_jax.setup import Latents, Loss, Setup

Uniform = Annotated[bool, "the generator's move draws labels uniformly over the classes, else as in the data"]


class Parts(NamedTuple):
    """What the functions here need beside their move.

    Attributes:
      latents: the latent variables.
      loss: the adversarial loss.
      terms: the penalties of each player.
      noise: context -> standard deviation of the noise on the discriminator's inputs, or None.
      batch_size: examples in a global minibatch.
      packing: how many examples the discriminator judges at once.
      given: features of the data that the generator takes as further inputs.
      shown: whether the discriminator takes them too.
      classes: from how many classes labels are drawn where no real example is at hand; 0: from none.
      logit: what the discriminator returns -> logits.
    """

    latents: Latents
    loss: Loss
    terms: Mapping[str, tuple[Term, ...]]
    noise: Callable[[Context], jax.Array] | None
    batch_size: int
    packing: int
    given: tuple[str, ...] = ()
    shown: bool = True
    classes: int = 0
    logit: Callable[[Any], jax.Array] = lambda out: out


def parts_of(setup: Setup, packing: int = 1, **more: Any) -> Parts:
    """The parts that a configuration asks for, and ``more`` of a game's own."""
    terms = {player: setup.terms(player) for player in ("discriminator", "generator")}
    return Parts(setup.latents(), setup.loss(), terms, setup.noise(), setup.batch_size, packing, **more)


def parts_with_labels(setup: Setup, uniform: bool, packing: int = 1, **more: Any) -> Parts:
    """The parts of a game whose generator is told labels, drawn uniformly or those of the minibatch.

    Raises:
      ConfigError: the data have no labels, or the choice has no effect.
    """
    classes = setup.feature("label").classes or 0
    parts = parts_of(setup, packing, given=("label",), classes=classes if uniform else 0, **more)
    if not uniform and generator_reads_real(parts):
        raise ConfigError(
            "the game's uniform=False has no effect: the generator's loss or a penalty of it reads real examples, and "
            "takes their labels; allowed: True"
        )
    return parts


def starts(discriminator: nn.Module) -> dict[str, str]:
    """As ``Game.starts``, of a discriminator that says whether its first parameters depend on its input."""
    return {"discriminator": "image"} if getattr(discriminator, "starts_from_data", False) else {}


def generator_reads_real(parts: Parts) -> bool:
    """Whether the generator's loss or one of its penalties reads real examples."""
    return parts.loss.configured.generator_reads_real or any(
        {"real", "real_logits"} & parameters_of(t.penalty.function).keys() for t in parts.terms["generator"]
    )


def latents(move: Move, parts: Parts) -> jax.Array:
    """Latent variables of the local examples, float32 [B, latent_dim], fresh in each move of each player."""
    return parts.latents.draw(move.keys("latent"), move.context.example_index, parts.batch_size)


def conditions(move: Move, parts: Parts) -> list[jax.Array]:
    """What networks take as further inputs, of the minibatch: of a real example, and of the generated one beside it."""
    return [move.batch[name] for name in parts.given]


def told(move: Move, parts: Parts, reads_real: bool) -> list[jax.Array]:
    """What the generator takes as further inputs in its own move: labels by the examples' keys, or ``conditions``."""
    return [labels(move, parts.classes)] if parts.classes and not reads_real else conditions(move, parts)


def labels(move: Move, classes: int) -> jax.Array:
    """Labels int32 [B], drawn uniformly from the classes by each example's key."""
    return jax.vmap(lambda key: jax.random.randint(key, (), 0, classes, jnp.int32))(move.keys("label"))


def generated(move: Move, parts: Parts, *given: jax.Array) -> jax.Array:
    """Generated examples [B, *shape], from fresh latent variables, under these conditions."""
    return move("generator", latents(move, parts), *given)


def seen(move: Move, parts: Parts, x: jax.Array, purpose: str) -> jax.Array:
    """What the discriminator sees of examples [B, *shape]: noisy, and in packs [B / packing, *shape]."""
    if parts.noise is not None:
        noise = jax.vmap(lambda key: jax.random.normal(key, x.shape[1:], jnp.float32))(move.keys(purpose))
        x = x + parts.noise(move.context).astype(x.dtype) * noise.astype(x.dtype)
    return pack(x, parts.packing)


def judged(move: Move, parts: Parts, real: jax.Array | None, fake: jax.Array, *given: jax.Array) -> tuple[Any, Any]:
    """What the discriminator returns for real and for generated examples, such as logits [B / packing].

    Without real ones, for a generator that reads none, the former is the latter.
    """
    given = packed_conditions(given, parts)
    real_keys, fake_keys = (move.keys(purpose, every=parts.packing) for purpose in ("real_layers", "fake_layers"))
    if real is None:
        out = move("discriminator", fake, *given, noise="fake_layers", keys=fake_keys)
        return out, out
    if not move.independent("discriminator"):
        of_real = move("discriminator", real, *given, noise="real_layers", keys=real_keys)
        return of_real, move("discriminator", fake, *given, noise="fake_layers", keys=fake_keys)
    # One pass over twice the examples is the same mathematics, and larger products are faster.
    both = [jnp.concatenate([a, b]) for a, b in zip((real, *given), (fake, *given), strict=True)]
    out = move("discriminator", *both, keys=jnp.concatenate([real_keys, fake_keys]))
    return jax.tree.map(lambda x: x[: len(real)], out), jax.tree.map(lambda x: x[len(real) :], out)


def supply(
    move: Move,
    parts: Parts,
    player: str,
    given: Sequence[jax.Array],
    **made: jax.Array | None,
) -> terms.Supply:
    """What penalties may ask for.

    Args:
      move: the move.
      parts: of the game.
      player: whose penalties.
      given: what the generator takes beside latent variables, and the discriminator, where it is shown them, beside an
        example: a penalty differentiates it at each example's own.
      **made: real, fake, real_logits and fake_logits of this move; a generator that reads no real ones has None.
    """
    shown = packed_conditions(given if parts.shown else [], parts)

    def critic() -> Any:
        judge = move.function("discriminator", keys=move.keys("penalty_layers", every=parts.packing))
        return lambda x: parts.logit(judge(x, *shown))

    def features() -> Any:
        keys = move.keys("penalty_layers", every=parts.packing)
        return partial(hidden_layer, *move.module("discriminator"), given=shown, keys=keys, axis_name=move.axis_name)

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


def accuracy(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The share of examples whose largest logit [B, K] is that of their label [B]; float32 scalar."""
    return jnp.mean((jnp.argmax(logits, axis=-1) == label).astype(jnp.float32))


def first(out: tuple[jax.Array, Any]) -> jax.Array:
    """The logit of what two heads say, as ``Parts.logit``."""
    return out[0]


def objective(
    move: Move, parts: Parts, player: str, loss: jax.Array, metrics: Metrics, given: terms.Supply
) -> tuple[jax.Array, Metrics]:
    """A player's loss and its penalties: the metric "loss" is the adversarial loss alone, "objective" all."""
    if not parts.terms[player]:
        return loss, {**metrics, **({} if loss is metrics["loss"] else {"objective": loss})}
    packs = move.context._replace(example_index=move.context.example_index[:: parts.packing])
    value, memory, measured = terms.total(parts.terms[player], given, packs)
    move.keep(memory)
    return loss + value, {**metrics, **measured, "objective": loss + value}


def drawn(move: Move, num: int, parts: Parts) -> jax.Array:
    """Generated examples [num, *shape], as an output's ``draw``."""
    z = parts.latents.draw(move.keys("latent"), move.context.example_index, num)
    return move("generator", z, *conditions(move, parts))


def memory_of(parts: Parts, player: str) -> Any:
    """The initial memory of a player: () without penalties, else a function of its network's parameters."""
    own = parts.terms[player]
    return (lambda params: terms.initial_memory(own, params[player])) if own else ()


def packed_conditions(given: Sequence[jax.Array], parts: Parts) -> tuple[jax.Array, ...]:
    """Conditions [B, ...] as the discriminator takes them, in packs: labels [B] become [B / packing, packing]."""
    return tuple(pack(x.reshape(len(x), -1), parts.packing) if parts.packing > 1 else x for x in given)


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
