"""All that changes in a run: how it begins, and what of it is drawn with."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax.build import build_hyper
from gan_jax.data import Source
from gan_jax.errors import ConfigError, GanJaxError, WorkdirError
from gan_jax.game import STREAMS, Game
from gan_jax.metrics.table import SCORE
from gan_jax.move import to_draw
from gan_jax.paths import expanded
from gan_jax.registry import describe, is_reference
from gan_jax.threefry import fast
from gan_jax.training.checkpoints import read_networks, restored_like

FIRST = 500  # examples from which first parameters are made, as in the code of weight normalization
PASSES, EXAMPLES = 4, 500  # minibatches from which statistics are estimated, and examples in each
ANEW = 1001  # folded into the key of samples; the sample grid's purposes are small numbers, `measure` takes 1000

Initialize = Callable[[jax.Array, Mapping[str, Any]], "State"]  # from the run's key and numbers
Given = Mapping[str, Mapping[str, jax.Array]]  # {output: {feature: [num, ...]}}


class State(flax.struct.PyTreeNode):
    """Everything that changes in a run, and nothing else."""

    step: jax.Array  # int32, steps done
    key: jax.Array  # typed key of the run; never changes in a run, differs between runs that share a program
    params: dict[str, Any]  # {network: parameters}
    stats: dict[str, Any]  # {network: other collections, such as batch_stats}
    opt: dict[str, Any]  # {player: optimizer state}
    ema: dict[str, Any]  # {network: averaged parameters}, {} where averaging is off
    # {configuration field: float32 scalar}, numbers that a sweep may vary within one program; constant in a run.
    # "steps", the length of the run, is always there.
    hyper: dict[str, jax.Array]
    memory: dict[str, Any]  # {player: what it carries between its moves}
    alive: jax.Array  # bool, False once a loss or gradient was not finite; the state then stays as before that move
    first_bad_step: jax.Array  # int32, the step (counted from 1) of that move, -1 while alive


def init_state(
    game: Game, key: jax.Array, hyper: Mapping[str, float], examples: Mapping[str, jax.Array] = MappingProxyType({}),
    *, ema: bool = False,
) -> State:  # fmt: skip
    """The state before the first step; ``ema`` averages the networks that some player owns.

    ``examples`` are those of ``first_examples``; without them only the shapes of such a network's parameters are right.
    """

    # Compiled as a whole: one by one, the operations of an initialization take seconds to compile; so does the usual
    # key's random generator, several times as long as that of a fast one.
    @partial(jax.jit, static_argnums=0)
    def variables_of(name: str, key: jax.Array, *inputs: jax.Array) -> dict[str, Any]:
        own = jax.random.fold_in(jax.random.fold_in(fast(key), STREAMS["init"]), sorted(game.networks).index(name))
        return dict(game.networks[name].init({"params": own}, *inputs))

    @jax.jit
    def opt_of(params: dict[str, Any]) -> dict[str, Any]:
        owned = {name: {network: params[network] for network in player.owns} for name, player in game.players.items()}
        return {name: player.optimizer.init(owned[name]) for name, player in game.players.items()}

    params, stats = {}, {}
    for name in sorted(game.networks):
        inputs = [jnp.zeros((2, *spec.shape), spec.dtype) for spec in game.inputs[name]]
        if game.starts.get(name) in examples:
            inputs[0] = examples[game.starts[name]]
        with jax.numpy_dtype_promotion("standard"):
            variables = variables_of(name, key, *inputs)
        params[name] = variables.pop("params", {})
        stats[name] = variables
    return State(
        step=jnp.int32(0),
        key=key,
        params=params,
        stats=stats,
        opt=opt_of(params),
        ema={n: jax.tree.map(jnp.copy, p) for n, p in params.items() if ema and n not in game.frozen},
        hyper={name: jnp.float32(value) for name, value in hyper.items()},
        memory={
            name: player.memory({n: params[n] for n in player.owns}) if callable(player.memory) else player.memory
            for name, player in game.players.items()
        },
        alive=jnp.bool_(True),
        first_bad_step=jnp.int32(-1),
    )


def first_examples(game: Game, source: Source, key: jax.Array) -> dict[str, jax.Array]:
    """{feature: real examples} on which ``Game.starts`` has networks initialized."""
    if not game.starts:
        return {}
    taken = source.take(jax.random.fold_in(fast(key), STREAMS["init"]), FIRST)
    return {feature: jnp.asarray(taken[feature]) for feature in game.starts.values()}


def initial_state(config: ConfigDict, game: Game, say: Callable[[str], None], initialize: Initialize) -> State:
    """The state at step 0, with the networks of ``init_from`` where that is set; a network that raises is named."""
    hyper = {name: np.float32(value) for name, value in build_hyper(config).items()}
    try:
        state = initialize(jax.random.key(config.seed), hyper)
    except (GanJaxError, jax.errors.JaxRuntimeError):
        raise
    except Exception as error:  # a network, perhaps a user's, may raise anything
        raise ConfigError(_refusal(config, game, error)) from error
    return _fine_tuned(state, config.init_from, say) if config.init_from else state


def _refusal(config: ConfigDict, game: Game, error: Exception) -> str:
    """Which network raised an error when it was initialized, and what it said, in one line."""
    said = str(error) if type(error) is ValueError else describe(error)
    for name, network in game.networks.items():
        inputs = [jax.ShapeDtypeStruct((2, *spec.shape), spec.dtype) for spec in game.inputs[name]]
        try:
            with jax.numpy_dtype_promotion("standard"):
                jax.eval_shape(network.init, jax.eval_shape(lambda: jax.random.key(0)), *inputs)
        except Exception:
            given = f"network {name!r}"
            if name in config:
                own = is_reference(config[name].name)
                given = f"{name}.name={config[name].name!r}" if own else f"{name}.{config[name].name}"
            return f"{given}: {' '.join(said.split())}"
    return " ".join(said.split())


def checkpoint_at(path: str | Path) -> tuple[Path, str]:
    """Split init_from, WORKDIR or WORKDIR/checkpoints/STEP, into (work directory, "latest" or step)."""
    path = expanded("init_from", path)
    if path.parent.name == "checkpoints" and path.name.isdigit():
        return path.parent.parent, path.name
    return path, "latest"


def _fine_tuned(state: State, source: str, say: Callable[[str], None]) -> State:
    """The state with the networks of another run that have the same names."""
    try:
        step, stored = read_networks(*checkpoint_at(source))
    except (WorkdirError, ConfigError) as error:
        raise ConfigError(f"init_from={source!r}: {error}") from error
    taken, fresh = sorted(stored.keys() & state.params), sorted(state.params.keys() - stored)
    if not taken:
        raise ConfigError(
            f"init_from={source!r} has the networks {', '.join(sorted(stored))}; allowed: one of {', '.join(fresh)}"
        )
    parts = {"params": {**state.params}, "stats": {**state.stats}}
    for part, networks in parts.items():
        for name in taken:
            try:
                networks[name] = jax.tree.map(jnp.asarray, restored_like(networks[name], stored[name][part]))
            except WorkdirError as error:
                raise ConfigError(f"init_from={source!r}, {part} of network {name!r}: {error}") from error
    others = f"; fresh: {', '.join(fresh)}" if fresh else ""
    say(f"networks of {source} at step {step:,}: {', '.join(taken)}{others}")
    ema = {name: jax.tree.map(jnp.copy, parts["params"][name]) for name in state.ema}
    return state.replace(ema=ema, **parts)


class Weights(NamedTuple):
    """What networks need to be sampled from."""

    params: dict[str, Any]  # {network: parameters}
    stats: dict[str, Any]  # {network: other collections}
    parameters: str  # "ema", or "current" where no average is kept
    statistics: str  # "running", or "anew from N" generated examples


def make_weights(game: Game, given: Callable[[int, jax.Array], Given]) -> Callable[[State], Weights]:
    """A function from a state to what is sampled with; ``given(num, key)`` is for each output, and "score:NAME".

    Running batch statistics belong to the parameters of the last steps. Averaged parameters give other activations, so
    theirs are estimated anew, from the same latent variables for every state of a run.

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
    return jax.random.fold_in(jax.random.fold_in(fast(key), STREAMS["sample"]), ANEW)


def batch_statistics(game: Game, params: Any, stats: Any, key: jax.Array, given: Given) -> dict[str, Any]:
    """{network: statistics of one minibatch} of the networks that outputs, on what they draw, and scores go through."""

    # A layer only tells old m + batch (1 - m), and m is its own; so it is asked for two old values.
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
