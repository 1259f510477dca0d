"""What one loss sees: a move of one player, made anew for each evaluation of its loss."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.errors import ConfigError
from gan_jax.game import PURPOSES, Context, Game, Params, example_keys, forward, stream_of
from gan_jax.setup import Number


class Move:
    """One evaluation of one player's loss: ``loss(move) -> (float32 scalar, {name: scalar})``.

    A loss is the mean over the local minibatch, a pure function of what its move holds; so are its metrics, which the
    step averages over devices. The move threads the statistics of the player's own networks from one
    application to the next, drops those of others, and gives each example its own noise. It lives as long as one call:
    who keeps it, or asks it for the same noise twice, is refused.

    Attributes:
      batch: this device's part of the minibatch, {name: [B, ...]}; {} in a round without data.
      step: int32, steps done so far.
      total_steps: float32, steps in the whole run.
      axis_name: the mapped axis over which the minibatch is split, or None.
      memory: what this player carried over from its previous move.
      train: how networks are applied: as in a loss, or as samples are drawn.
      context: all of this, and the keys, as losses and penalties take it.
    """

    def __init__(
        self, networks: Mapping[str, nn.Module], params: Params, stats: Mapping[str, Any],
        batch: Mapping[str, jax.Array], context: Context, numbers: Mapping[str, Number] = MappingProxyType({}),
        train: bool = True,
    ) -> None:  # fmt: skip
        self.batch, self.context, self.train = batch, context, train
        self.step, self.total_steps, self.axis_name = context.step, context.total_steps, context.axis_name
        self.memory = context.memory
        self._networks, self._params, self._begun = networks, params, stats
        self._after: dict[str, Any] = {}
        self._next_memory = context.memory
        self._numbers = numbers
        self._applied: set[tuple[str, str]] = set()

    def __call__(
        self,
        network: str,
        *inputs: jax.Array,
        noise: str = "",
        keys: jax.Array | None = None,
        train: bool | None = None,
    ) -> Any:
        """Apply a network.

        Args:
          network: its name in the game.
          *inputs: [B, ...] each.
          noise: name of the noise of its layers; of two applications of a network one needs a name of its own.
          keys: typed keys, one for each of the network's examples; by default those of ``noise``.
          train: batch statistics and dropout if True, running statistics and none if False; None: as the move.

        Returns:
          What the network returns.

        Raises:
          ConfigError: there is no such network, or it was applied with this noise before.
        """
        purpose = self._purpose(network, noise)
        if (network, purpose) in self._applied:
            raise ConfigError(
                f"a loss applies network {network!r} twice with the noise {purpose!r}; "
                "allowed: noise=NAME, another one for each application"
            )
        self._applied.add((network, purpose))
        out, after = forward(
            self._networks[network], self._params[network], self._after.get(network, self._begun[network]), *inputs,
            train=self.train if train is None else train, keys=self.keys(purpose) if keys is None else keys,
            axis_name=self.axis_name,
        )  # fmt: skip
        self._after[network] = after
        return out

    def function(self, network: str, noise: str = "", keys: jax.Array | None = None) -> Callable[..., Any]:
        """A network as a pure function of its inputs, in training mode, with the statistics from before the move.

        It may be called often, as gradients and penalties do, always with the same noise.
        """
        made = self.keys(self._purpose(network, noise)) if keys is None else keys

        def apply(*inputs: jax.Array) -> Any:
            return forward(
                self._networks[network], self._params[network], self._begun[network], *inputs,
                train=True, keys=made, axis_name=self.axis_name,
            )[0]  # fmt: skip

        return apply

    def module(self, network: str) -> tuple[nn.Module, Any, Any]:
        """A network, its parameters and its statistics from before the move, for who applies it in a way of its own."""
        return self._networks[self._known(network)], self._params[network], self._begun[network]

    def params(self, network: str) -> Any:
        """The parameters of a network."""
        return self._params[self._known(network)]

    def keys(self, purpose: str, *, every: int = 1, shared: bool = False) -> jax.Array:
        """Typed keys, one per example, or for every so many of them.

        Args:
          purpose: what they are for; each purpose has its own stream.
          every: examples that share a key.
          shared: whether all players of the round get the same.
        """
        key = self.context.shared_key if shared else self.context.key
        return example_keys(key, purpose, self.context.example_index[::every])

    def key(self, purpose: str) -> jax.Array:
        """One typed key for the whole minibatch, the same on every device."""
        return jax.random.fold_in(self.context.key, stream_of(purpose, PURPOSES))

    def whole(self, x: jax.Array) -> jax.Array:
        """The examples [B, ...] of all devices, in their order, on each of them."""
        return x if self.axis_name is None else jax.lax.all_gather(x, self.axis_name, tiled=True)

    def number(self, option: str) -> jax.Array:
        """A float option of the game, float32 scalar; traced, so that a sweep may vary it within one program.

        Raises:
          ConfigError: the game has no such option.
        """
        if option not in self._numbers:
            raise ConfigError(
                f"a loss asks for the number {option!r}; the game's float options: {', '.join(self._numbers) or 'none'}"
            )
        number = self._numbers[option]
        return self.context.hyper.get(number.field, jnp.float32(number.value))

    def keep(self, memory: Any) -> None:
        """Carry something to the player's next move: a pytree like ``memory``, already equal on every device."""
        self._next_memory = memory

    def independent(self, network: str) -> bool:
        """Whether a network says that it treats each example by itself."""
        return bool(getattr(self._networks[self._known(network)], "independent", False))

    def written(self) -> tuple[dict[str, Any], Any]:
        """({network: statistics after the move} of those that were applied, the memory for the next move)."""
        return self._after, self._next_memory

    def _purpose(self, network: str, noise: str) -> str:
        self._known(network)
        if noise in PURPOSES:
            return noise
        return f"{network}_{noise}" if noise else f"{network}_layers"

    def _known(self, network: str) -> str:
        if network not in self._networks:
            raise ConfigError(
                f"a loss applies network {network!r}, which is not in the game; "
                f"its networks: {', '.join(sorted(self._networks))}"
            )
        return network


def to_draw(
    game: Game, params: Params, stats: Mapping[str, Any], key: jax.Array, num: int,
    given: Mapping[str, jax.Array] = MappingProxyType({}), *, train: bool | None = None,
) -> Move:  # fmt: skip
    """The move by which an output or a score is computed: nobody's, outside of training.

    Args:
      game: the game.
      params: {network: parameters}.
      stats: {network: other collections}.
      key: typed key, scalar.
      num: examples.
      given: what conditions them, {feature: [num, ...]}: the move's batch.
      train: as ``Move.train``; None: as the game's outputs are drawn.
    """
    context = Context(
        key=key, shared_key=key, step=jnp.int32(0), total_steps=jnp.float32(1.0),
        example_index=jnp.arange(num, dtype=jnp.int32), axis_name=None, hyper={}, memory=(),
    )  # fmt: skip
    mode = not game.running if train is None else train
    return Move(game.networks, params, stats, given, context, game.numbers, train=mode)
