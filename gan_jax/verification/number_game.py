"""Games whose players each own one number, for checks of update rules."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gan_jax.game import Game, Metrics, Player, simultaneous
from gan_jax.move import Move
from gan_jax.rules import Rule
from gan_jax.training.state import State, init_state
from gan_jax.training.step import make_step
from gan_jax.verification.checks import compiled

# {player: (all numbers by player, local examples [B]) -> cost}
Costs = Mapping[str, Callable[[Mapping[str, jax.Array], jax.Array], jax.Array]]


class Number(nn.Module):
    """One parameter, ``value``."""

    start: float

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool = False, keys: jax.Array | None = None, axis_name: str | None = None
    ) -> jax.Array:
        """The number, for whatever x [B]."""
        return self.param("value", nn.initializers.constant(self.start), ()) + jnp.zeros_like(x)


def number_game(costs: Costs, start: Mapping[str, float], rule: Rule, rate: float) -> Game:
    """A simultaneous game under ``rule``, whose options are bound, with SGD of step ``rate``."""

    def loss_of(player: str) -> Callable[..., Any]:
        def loss(move: Move) -> tuple[jax.Array, Metrics]:
            numbers = {name: move.params(name)["value"] for name in costs}
            return costs[player](numbers, move.batch["image"]), {}

        return loss

    optimizer = optax.with_extra_args_support(optax.sgd(rate))
    if rule.wrap is not None:
        optimizer = rule.wrap(optimizer, lambda hyper, option: 1.0)
    spec = (jax.ShapeDtypeStruct((), jnp.float32),)
    return Game(
        networks={name: Number(value) for name, value in start.items()},
        inputs=dict.fromkeys(start, spec),
        players={name: Player((name,), loss_of(name), optimizer) for name in start},
        schedule=simultaneous(*start),
        rule=rule,
    )


def states(game: Game, examples: jax.Array, steps: int, shards: int = 1) -> list[dict[str, float]]:
    """The numbers after 0, 1, ... ``steps`` steps on one minibatch, split into ``shards`` parts as over devices."""
    local = examples.shape[0] // shards
    step: Any = make_step(game, local_batch=local, axis_name="shard" if shards > 1 else None)
    batch = {"image": examples[None]}
    if shards > 1:
        mapped = jax.vmap(step, in_axes=(None, 0), axis_name="shard")
        parts = {"image": examples.reshape(shards, 1, local)}
        step = lambda state, _: jax.tree.map(lambda x: x[0], mapped(state, parts))
    run = compiled(step)
    state: State = init_state(game, jax.random.key(0), {"steps": float(steps)})
    course = [_numbers(state)]
    for _ in range(steps):
        state, _ = run(state, batch)
        course.append(_numbers(state))
    if not bool(state.alive):
        raise FloatingPointError(f"a loss, gradient or direction was not finite in step {int(state.first_bad_step)}")
    return course


def _numbers(state: State) -> dict[str, float]:
    return {name: float(tree["value"]) for name, tree in state.params.items()}
