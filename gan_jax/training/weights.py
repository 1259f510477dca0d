"""What is sampled with: averaged parameters where there are some, and batch statistics that belong to them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.game import STREAMS, Game
from gan_jax.metrics.table import SCORE
from gan_jax.move import to_draw
from gan_jax.threefry import fast
from gan_jax.training.step import State

PASSES, EXAMPLES = 4, 500  # minibatches from which statistics are estimated, and examples in each
PURPOSE = 1001  # folded into the key of samples; the sample grid's are small numbers, `watch` takes 1000


class Weights(NamedTuple):
    """What a network needs to be sampled from.

    Attributes:
      params: {network: parameters}.
      stats: {network: other collections}.
      parameters: "ema", or "current" where no average is kept.
      statistics: "running", or "anew from N" generated examples.
    """

    params: dict[str, Any]
    stats: dict[str, Any]
    parameters: str
    statistics: str


Given = Mapping[str, Mapping[str, jax.Array]]  # {output: {feature: [num, ...]}}


def make_weights(game: Game, given: Callable[[int, jax.Array], Given]) -> Callable[[State], Weights]:
    """A function from a state to what is sampled with.

    Running batch statistics belong to the parameters of the last steps. Averaged parameters give other activations, so
    theirs are estimated anew, from the same latent variables for every state of a run.

    Args:
      game: the game.
      given: (num, key) -> what conditions each output, and real examples for each score, as "score:NAME".

    References:
      Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018, arXiv:1803.05407,
        section 3.2.
    """

    @jax.jit
    def anew(params: Any, stats: Any, key: jax.Array, given: Given) -> dict[str, Any]:
        def one(item: tuple[jax.Array, Given]) -> dict[str, Any]:
            return batch_statistics(game, params, stats, *item)

        passes = jax.lax.map(one, (jax.random.split(_own(key), PASSES), given))
        return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), passes)

    def weights(state: State) -> Weights:
        params, stats = {**state.params, **state.ema}, dict(state.stats)
        parameters = "ema" if state.ema else "current"
        if not estimated_anew(game, state):
            return Weights(params, stats, parameters, "running")
        whole = given(PASSES * EXAMPLES, _own(state.key))
        split = jax.tree.map(lambda leaf: leaf.reshape(PASSES, EXAMPLES, *leaf.shape[1:]), whole)
        for name, own in anew(params, stats, state.key, split).items():
            stats[name] = {**stats[name], "batch_stats": own}
        return Weights(params, stats, parameters, f"anew from {PASSES * EXAMPLES}")

    return weights


def estimated_anew(game: Game, state: State) -> bool:
    """Whether outputs or scores go by averaged parameters whose batch statistics are not those that were kept."""
    return (game.running or bool(game.scores)) and any("batch_stats" in state.stats[name] for name in state.ema)


def _own(key: jax.Array) -> jax.Array:
    return jax.random.fold_in(jax.random.fold_in(fast(key), STREAMS["sample"]), PURPOSE)


def batch_statistics(game: Game, params: Any, stats: Any, key: jax.Array, given: Given) -> dict[str, Any]:
    """{network: statistics of one minibatch} of the networks that outputs, on what they draw, and scores go through.

    A layer only tells old m + batch (1 - m), and m is its own; so it is asked for two old values.
    """

    def after(old: dict[str, Any]) -> dict[str, Any]:
        before = {name: {**own, "batch_stats": old[name]} if name in old else own for name, own in stats.items()}
        passed: dict[str, Any] = {}
        for name, output in game.outputs.items():
            move = to_draw(game, params, before, key, EXAMPLES, given[name], train=True)
            output.draw(move, EXAMPLES)
            passed = {**move.written()[0], **passed}  # of a network that several of them go through, the first's
        for name, score in game.scores.items():
            move = to_draw(game, params, before, key, EXAMPLES, given[f"{SCORE}:{name}"], train=True)
            score.of(move)
            passed = {**move.written()[0], **passed}
        return {name: own["batch_stats"] for name, own in passed.items() if "batch_stats" in own}

    normalized = {name: own["batch_stats"] for name, own in stats.items() if "batch_stats" in own}
    of_zero = after(jax.tree.map(jnp.zeros_like, normalized))
    larger = jax.tree.map(lambda x: 100.0 * x, of_zero)
    of_larger = after({**normalized, **larger})

    def solved(zero: jax.Array, old: jax.Array, moved: jax.Array) -> jax.Array:
        total = jnp.sum(jnp.abs(old))
        momentum = jnp.sum(jnp.abs(moved - zero)) / jnp.where(total > 0, total, 1.0)
        return zero / (1.0 - momentum)

    return jax.tree.map(solved, of_zero, larger, of_larger)
