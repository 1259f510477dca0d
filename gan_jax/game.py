"""A game: networks, the players that own them, and who moves when. Static data; nothing here is traced state."""

import dataclasses
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np
import optax

from gan_jax.errors import ConfigError
from gan_jax.losses import AdversarialLoss
from gan_jax.penalties import Penalty
from gan_jax.rules import RULES, Rule

Params = Mapping[str, Any]
Hyper = Mapping[str, jax.Array]
Metrics = Mapping[str, jax.Array]
Schedule = tuple[tuple[str, ...], ...]

# Random numbers derive from the run's key along a fixed chain: stream, then for training step, round, player,
# purpose, example. The integers are part of a run's identity: never renumber; other names take their CRC-32.
STREAMS = {"init": 0, "train": 1, "data": 2, "sample": 3}
PURPOSES = {
    "latent": 0,
    "generator_layers": 1,
    "real_layers": 2,
    "fake_layers": 3,
    "augmentation": 4,
    "label": 5,
    "penalty": 6,
    "penalty_layers": 7,
    "real_noise": 8,
    "fake_noise": 9,
}
RESERVED = ("score", "train")  # what stands before ":" in names of metrics that are no output's
SHARED_PLAYER = 2**31 - 1  # takes a player's place in the chain where a game shares noise between its players


class Context(NamedTuple):
    """What a loss function may know beside networks and minibatch.

    Attributes:
      key: typed key of this step, round and player; use it through ``example_keys``.
      shared_key: the same for all players of the round.
      step: int32, steps done so far.
      total_steps: float32, steps in the whole run.
      example_index: int32 [B], each local example's index in the global minibatch.
      axis_name: the mapped axis over which the minibatch is split, or None.
      hyper: numbers that a sweep may vary without recompiling, by configuration field.
      memory: what this player carried over from its previous move.
    """

    key: jax.Array
    shared_key: jax.Array
    step: jax.Array
    total_steps: jax.Array
    example_index: jax.Array
    axis_name: str | None
    hyper: Hyper
    memory: Any


LossFn = Callable[[Any], tuple[jax.Array, Metrics]]  # of a ``Move``


class Output(NamedTuple):
    """Something that a game can show, to be drawn, looked at and measured.

    Attributes:
      draw: (``Move``, num) -> float32 [num, ...]; images in [-1, 1], or points. What conditions it is in the move's
        batch; its networks are applied as samples are (``Game.running``). Or a mapping of "image", these, and of what
        belongs to each of them and metrics can read: "category", a categorical code int [num], and "code", continuous
        ones float32 [num, D].
      reads: features of the data that condition it, such as "label".
      like: the feature that it imitates; None: it is compared with nothing.
    """

    draw: Callable[[Any, int], Any]
    reads: tuple[str, ...] = ()
    like: str | None = "image"


class Score(NamedTuple):
    """A number that a game gets on real, labelled examples, such as the accuracy of a classifier that it trains.

    Attributes:
      of: ``Move`` -> float [B], a number for each example of the move's batch; networks are applied as in evaluation.
        The score of a split is the mean over all its examples.
      reads: the features of the data that it reads, as many examples of each.
      better: "higher" or "lower".
    """

    of: Callable[[Any], jax.Array]
    reads: tuple[str, ...] = ("image", "label")
    better: str = "higher"


@dataclasses.dataclass(frozen=True)
class Player:
    """One player: the networks that it alone changes, what it minimizes, and how it moves.

    Attributes:
      owns: names of networks.
      loss: ``Move`` -> (float32 scalar, {name: scalar}), the mean over the *local* minibatch and metrics of it.
      optimizer: an optax transformation; one of ``training.optimizers`` reads its numbers from ``hyper``.
      reads_data: whether the loss reads real examples. A round in which nobody does consumes none.
      memory: initial value of what the player carries between its moves, a pytree of arrays, or a function from the
        parameters of its networks to one.
    """

    owns: tuple[str, ...]
    loss: LossFn
    optimizer: optax.GradientTransformation
    reads_data: bool = True
    memory: Any = ()


@dataclasses.dataclass(frozen=True)
class Game:
    """Networks, players and a schedule.

    Attributes:
      networks: Flax modules by name.
      inputs: for each network the shapes and dtypes of one example's inputs, without the batch axis.
      players: players by name.
      schedule: rounds that follow one another; the names in one round move simultaneously, from the same state.
      outputs: what it shows, by name; the first is the one that is meant where none is named. {}: it has nothing to
        draw.
      scores: what it gets on labelled examples, by name; NAME is measured as the metric "score:NAME".
      frozen: names of networks that no player owns.
      starts: {network: the feature whose real examples it is given where its first parameters depend on its input};
        others are initialized on zeros.
      group: consecutive examples of a minibatch that are judged together; it divides each device's part.
      loss: its adversarial loss as configured, on whose scale the players' costs are read; None where it has none.
      log_odds: (``Move``, x [B, ...]) -> logits [B] of single examples, sigmoid(logit) the probability that x is
        real; None where there is no such thing.
      rule: how gradients become steps; its options are bound, so that ``direction`` takes a round alone. Configured,
        as are the following.
      running: whether outputs are normalized by running statistics; else by those of what is drawn.
      numbers: {option: ``Number``} of the game's float options, which its moves read.

    Raises:
      ConfigError: ownership is not a partition, or the schedule names an unknown player or forgets one;
        an output or a score has a name that no metric could carry, or a score is better in no direction.
    """

    networks: Mapping[str, nn.Module]
    inputs: Mapping[str, tuple[jax.ShapeDtypeStruct, ...]]
    players: Mapping[str, Player]
    schedule: Schedule
    outputs: Mapping[str, Output] = dataclasses.field(default_factory=dict)
    scores: Mapping[str, Score] = dataclasses.field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    starts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    group: int = 1
    loss: AdversarialLoss | None = None
    log_odds: Callable[[Any, jax.Array], jax.Array] | None = None
    rule: Rule = RULES["gradient"]
    running: bool = True
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_ownership(self)
        _check_schedule(self)
        _check_names(self)


class Term(NamedTuple):
    """A configured penalty."""

    name: str  # also that of its metric and of its random numbers
    penalty: Penalty
    weight: Callable[[Hyper], jax.Array]
    options: Callable[[Hyper], Mapping[str, Any]]


def image_of(drawn: Any) -> Any:
    """What an output drew, without its codes."""
    return drawn["image"] if isinstance(drawn, Mapping) else drawn


def alternating(first: str, *others: str, steps: int = 1) -> Schedule:
    """``steps`` rounds of ``first``, then one of each of the others.

    References:
      Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, Algorithm 1 (k = ``steps``).
    """
    return ((first,),) * steps + tuple((player,) for player in others)


def simultaneous(*players: str) -> Schedule:
    """One round in which all ``players`` move from the same state."""
    return (players,)


def data_rounds(game: Game) -> tuple[int, ...]:
    """Indices of the rounds in which somebody reads real examples; each takes one minibatch of the data stream.

    Those who look are the movers, or everybody where the update rule evaluates all players' losses.
    """
    return tuple(
        i
        for i, movers in enumerate(game.schedule)
        if any(game.players[name].reads_data for name in (game.players if game.rule.joint else movers))
    )


def stream_of(name: str, known: Mapping[str, int]) -> np.uint32:
    """The number that is folded into a key for a name: a known one's own, else its CRC-32."""
    return np.uint32(known[name] if name in known else zlib.crc32(name.encode()))


def example_keys(key: jax.Array, purpose: str, example_index: jax.Array) -> jax.Array:
    """One key per example, a function of its global index and not of the device that holds it.

    Args:
      key: typed key, scalar.
      purpose: a key of ``PURPOSES``, or any other name.
      example_index: int [B].

    Returns:
      typed keys [B].
    """
    base = jax.random.fold_in(key, stream_of(purpose, PURPOSES))
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(base, example_index)


def forward(
    module: nn.Module,
    params: Any,
    stats: Any,
    *inputs: jax.Array,
    train: bool,
    keys: jax.Array | None = None,
    axis_name: str | None = None,
) -> tuple[Any, Any]:
    """Apply a network by the one calling convention that games use: (output, statistics after the pass).

    With ``train`` it has batch statistics, over ``axis_name``, and dropout by ``keys`` [B]; else running statistics,
    and ``stats``, its other collections, come back as they are.
    """
    variables = {"params": params, **stats}
    if not (train and stats):
        return module.apply(variables, *inputs, train=train, keys=keys, axis_name=axis_name), stats
    return module.apply(variables, *inputs, train=train, keys=keys, axis_name=axis_name, mutable=list(stats))


def _check_ownership(game: Game) -> None:
    claims = Counter(name for player in game.players.values() for name in player.owns)
    for name in (*claims, *game.frozen, *game.inputs):
        if name not in game.networks:
            raise ConfigError(
                f"network {name!r} is claimed but not in the game; its networks: {', '.join(sorted(game.networks))}"
            )
    for name in game.networks:
        owners = sorted(p for p, player in game.players.items() for owned in player.owns if owned == name)
        owners += ["frozen"] * game.frozen.count(name)
        if len(owners) != 1:
            said = "has no owner" if not owners else f"is claimed by {', '.join(owners)}"
            raise ConfigError(f"network {name!r} {said}; each network needs exactly one player, or `frozen`")
        if name not in game.inputs:
            raise ConfigError(f"network {name!r} has no entry in `inputs`; give the shapes of one example's inputs")


def _check_schedule(game: Game) -> None:
    if not game.schedule or not all(game.schedule):
        raise ConfigError(f"schedule {game.schedule!r} is empty or holds an empty round")
    for movers in game.schedule:
        if len(set(movers)) != len(movers):
            raise ConfigError(f"schedule: a player moves twice in the round {movers!r}")
        for name in movers:
            if name not in game.players:
                raise ConfigError(
                    f"schedule names the player {name!r}; the players are {', '.join(sorted(game.players))}"
                )
    idle = sorted(set(game.players) - {name for movers in game.schedule for name in movers})
    if idle:
        raise ConfigError(f"player {idle[0]!r} never moves in the schedule {game.schedule!r}")


def _check_names(game: Game) -> None:
    for kind, names in (("output", game.outputs), ("score", game.scores)):
        for name in names:
            if not name.isidentifier() or (kind == "output" and name in RESERVED):
                raise ConfigError(
                    f"{kind} {name!r} cannot be told apart in a metric's name; allowed: letters, digits and _"
                    + (f", other than {', '.join(RESERVED)}" if kind == "output" else "")
                )
    for name, score in game.scores.items():
        if score.better not in ("higher", "lower"):
            raise ConfigError(f"score {name!r} has better={score.better!r}; allowed: higher, lower")
