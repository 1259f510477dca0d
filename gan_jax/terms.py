"""Configured penalties inside a game: what each is given, its weight, its memory and its metric."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import ConfigError
from gan_jax.game import Context, Metrics, Term, example_keys, stream_of
from gan_jax.options import parameters_of, taken
from gan_jax.penalties import STREAMS, SUPPLIED
from gan_jax.returned import in_words, is_float

# What a game hands over, by name; each made only if some penalty asks for it.
Supply = Mapping[str, Callable[[], Any]]


def initial_memory(terms: Sequence[Term], params: Any) -> dict[str, Any]:
    """{name: memory before the first move} of the terms that carry one, given the player's parameters."""
    return {term.name: term.penalty.start(params) for term in terms if term.penalty.start is not None}


def total(terms: Sequence[Term], supply: Supply, context: Context) -> tuple[jax.Array, dict[str, Any], Metrics]:
    """(weighted sum of a player's penalties over the local minibatch, {name: next memory}, {name: unweighted mean})."""
    value = jnp.float32(0.0)
    logits = supply["real_logits"]().shape if "real_logits" in supply else ()  # of patches, perhaps
    memory: dict[str, Any] = {}
    metrics: dict[str, jax.Array] = {}
    for term in terms:
        options = term.options(context.hyper)
        given: Supply = {
            **supply,
            "keys": partial(_own_keys, context, stream_of(term.name, STREAMS)),
            "memory": partial(context.memory.get, term.name) if term.penalty.start is not None else lambda: None,
            "axis_name": lambda: context.axis_name,
        }
        own = term.penalty.function(**_called(term, term.penalty.function, given), **options)
        if not is_float(own, (), context.example_index.shape, logits):
            raise ConfigError(
                f"penalties.{term.name} returns {in_words(own)}; allowed: one value per example, float of shape "
                f"{context.example_index.shape}, or a scalar"
            )
        mean = jnp.mean(own.astype(jnp.float32))
        value += term.weight(context.hyper) * mean
        metrics[term.name] = mean
        if term.penalty.follow is not None:
            follow = term.penalty.follow
            memory[term.name] = jax.lax.stop_gradient(follow(**_called(term, follow, given), **taken(follow, options)))
    return value, memory, metrics


def _called(term: Term, function: Callable[..., Any], given: Supply) -> dict[str, Any]:
    """What a function of a penalty asks for by name, made now."""
    for name in parameters_of(function):
        if name in SUPPLIED and name not in given:
            raise ConfigError(
                f"penalties.{term.name} asks for {name!r}, which this game does not have in the move of the "
                f"{term.penalty.player}; allowed: {', '.join(sorted(given))}"
            )
    return {name: make() for name, make in taken(function, given).items()}


def _own_keys(context: Context, stream: np.uint32) -> jax.Array:
    keys = example_keys(context.key, "penalty", context.example_index)
    return jax.vmap(lambda key: jax.random.fold_in(key, stream))(keys)
