"""CycleGAN: two domains, a map each way, a judge of each domain; there and back shall be where it began.

References:
  Zhu, Park, Isola, Efros, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, 2017,
    arXiv:1703.10593, equations 1 to 3 and section 4.
  Shrivastava et al., Learning from Simulated and Unsupervised Images through Adversarial Training, 2017,
    arXiv:1612.07828, section 2.3 (the pool).
"""

from functools import partial
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from gan_jax.errors import ConfigError
from gan_jax.game import Game, Metrics, Output, Player
from gan_jax.move import Move
from gan_jax.options import at_least
from gan_jax.setup import Loss, Setup

MAPS = {"a_to_b": ("a", "b"), "b_to_a": ("b", "a")}


def build(
    setup: Setup,
    cycle: Annotated[
        float, at_least(0.0), "weight of the difference between an image and what comes back of it"
    ] = 10.0,
    identity: Annotated[float, at_least(0.0), "that of an image and its map into its own domain, times cycle"] = 0.0,
    pool: Annotated[int, at_least(0), "generated images of each domain that the judges may see again; 0 is off"] = 50,
) -> Game:
    """Two maps between the domains "a" and "b", owned by one player, and their two judges, owned by the other.

    Args:
      setup: of data with the features "a" and "b"; networks "generator" (image to image) and "discriminator" (image
        to a logit or a map of logits), made once for each domain.
      cycle: weight of the mean absolute difference between an image and what comes back of it.
      identity: weight of that between an image and its map into its own domain, relative to ``cycle``.
      pool: earlier generated images of each domain from which the judges see every second one; 0 is off.

    Returns:
      Game with the players "generators" and "discriminators" and the outputs "a_to_b" and "b_to_a".

    Raises:
      ConfigError: the pool is smaller than a minibatch.
    """
    if pool != 0 and pool < setup.batch_size:
        raise ConfigError(
            f"game.cycle.pool={pool} is smaller than batch_size={setup.batch_size}; allowed: 0, or at least as many"
        )
    loss, shapes = setup.loss(), {domain: setup.feature(domain).shape for domain in ("a", "b")}
    networks = {name: setup.network("generator", of=to) for name, (_, to) in MAPS.items()}
    networks |= {f"judge_{domain}": setup.network("discriminator", of=domain) for domain in shapes}
    images = {domain: jax.ShapeDtypeStruct(shape, jnp.float32) for domain, shape in shapes.items()}
    memory = {domain: jnp.zeros((pool, *shape), jnp.float32) for domain, shape in shapes.items()}
    return Game(
        networks=networks,
        inputs={
            **{name: (images[of],) for name, (of, _) in MAPS.items()},
            **{f"judge_{domain}": (images[domain],) for domain in shapes},
        },
        players={
            "generators": Player(
                tuple(MAPS), partial(maps_loss, loss=loss, identity=bool(identity)), setup.optimizer("generator")
            ),
            "discriminators": Player(
                ("judge_a", "judge_b"), partial(judges_loss, loss=loss, pool=pool), setup.optimizer("discriminator"),
                memory={"pool": memory, "seen": jnp.int32(0)} if pool else (),
            ),
        },
        schedule=setup.schedule("discriminators", "generators"),
        outputs={
            name: Output(partial(mapped, name=name, of=of), reads=(of,), like=to)
            for name, (of, to) in MAPS.items()
        },
        loss=loss.configured,
    )  # fmt: skip


def maps_loss(move: Move, loss: Loss, identity: bool) -> tuple[jax.Array, Metrics]:
    """What the maps minimize together."""
    adversarial = loss.at(move.context)
    fool = back = same = jnp.float32(0.0)
    fakes = {name: move(name, move.batch[of]) for name, (of, _) in MAPS.items()}
    for (name, (of, to)), other in zip(MAPS.items(), reversed(MAPS), strict=True):
        fake_logits = real_logits = move(f"judge_{to}", fakes[name])
        if loss.configured.generator_reads_real:
            real_logits = move(f"judge_{to}", move.batch[to], noise="real")
        fool += jnp.mean(adversarial.generator(real_logits, fake_logits))
        back += distance(move(other, fakes[name], noise="back"), move.batch[of])
        if identity:
            same += distance(move(name, move.batch[to], noise="identity"), move.batch[to])
    metrics = {"fool": fool, "cycle": back}
    weight, total = move.number("cycle"), fool + move.number("cycle") * back
    if identity:
        total += weight * move.number("identity") * same
        metrics["identity"] = same
    return total, {"loss": total, **metrics}


def judges_loss(move: Move, loss: Loss, pool: int) -> tuple[jax.Array, Metrics]:
    """What the judges minimize: the sum of their losses, halved as in the paper's code."""
    adversarial, memory = loss.at(move.context), move.memory
    total, pools = jnp.float32(0.0), {}
    for name, (of, to) in MAPS.items():
        fake = move(name, move.batch[of])
        if pool:
            fake, pools[to] = pooled(move, memory["pool"][to], memory["seen"], fake, to)
        real_logits = move(f"judge_{to}", move.batch[to], noise="real")
        fake_logits = move(f"judge_{to}", fake, noise="fake")
        total += 0.5 * jnp.mean(adversarial.discriminator(real_logits, fake_logits))
    if pool:
        move.keep({"pool": pools, "seen": jnp.minimum(memory["seen"] + len(move.whole(fake)), pool)})
    return total, {"loss": total}


def pooled(move: Move, pool: jax.Array, seen: jax.Array, fake: jax.Array, domain: str) -> tuple[jax.Array, jax.Array]:
    """Generated images of which every second is swapped for an earlier one, and the pool afterwards.

    Args:
      move: of the judges.
      pool: [P, *shape], of which the first ``seen`` hold images.
      seen: int32, how many.
      fake: [B, *shape], this device's.
      domain: names the random numbers.

    Returns:
      ([B, *shape], [P, *shape]); the pool is the same on every device.
    """
    fakes, size = move.whole(fake), len(pool)
    order, coin = jax.random.split(move.key(f"pool_{domain}"))
    filling = seen < size
    fresh = (seen + jnp.arange(len(fakes))) % size
    slots = jnp.where(filling, fresh, jax.random.permutation(order, size)[: len(fakes)])
    swap = jax.random.bernoulli(coin, 0.5, (len(fakes),)) & ~filling
    earlier = pool[slots]
    shown = jnp.where(_along(swap, fakes), earlier, fakes)
    kept = jnp.where(_along(swap | filling, fakes), fakes, earlier)
    return shown[move.context.example_index], pool.at[slots].set(kept)


def mapped(move: Move, num: int, name: str, of: str) -> jax.Array:
    """The images of a domain through a map, as an output's ``draw``."""
    del num
    return move(name, move.batch[of])  # type: ignore[no-any-return]


def distance(x: jax.Array, y: jax.Array) -> jax.Array:
    """The mean absolute difference of images."""
    return jnp.mean(jnp.abs(x - y))


def _along(condition: jax.Array, like: jax.Array) -> Any:
    return condition.reshape(-1, *[1] * (like.ndim - 1))
