"""Short trainings of many seeds in one program, and their records as a run would have them."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import health
from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.config import load_values
from gan_jax.game import data_rounds
from gan_jax.losses import get
from gan_jax.move import to_draw
from gan_jax.training.parallel import make_loop
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

SAMPLES, SEEDS = 256, 20
FAST = {"xla_backend_optimization_level": 1}  # to compile takes longer than to train
TINY = {
    "batch_size": 64,
    "latent_dim": 8,
    "generator.mlp.widths": (32, 32),
    "discriminator.mlp.widths": (32, 32),
    "generator.mlp.output": "linear",
    "optimizer.generator.learning_rate": 1e-3,
    "optimizer.discriminator.learning_rate": 1e-3,
}


def histories(fields, steps=1000, every=50):
    """A list of records for each of 20 seeds; programs are shared by configurations that differ in numbers only."""
    config = load_values({**TINY, **fields, "steps": steps})
    hyper = build_hyper(config)
    structure = tuple(sorted((k, v) for k, v in {**TINY, **fields}.items() if not is_rate(k)))
    source, call, start = program(structure, steps)
    state = start(jnp.arange(SEEDS), {k: jnp.float32(v) for k, v in hyper.items()})
    records = [[] for _ in range(SEEDS)]
    for step in range(every, steps + 1, every):
        state, metrics = call(state, dict(source.arrays), jnp.int32(every))
        metrics = {name: np.asarray(value) for name, value in metrics.items()}
        for i, history in enumerate(records):
            history.append({"step": step, **{name: float(value[i]) for name, value in metrics.items()}})
    return records


def is_rate(field):
    """Whether a field is a leaf of ``hyper`` here, so that it makes no other program."""
    return field.startswith("optimizer.") and field.endswith(("learning_rate", "b1", "b2"))


@cache
def program(structure, steps):
    config = load_values({**dict(structure), "steps": steps})
    source = build_source(config)
    game = build_game(config, source)
    loop = make_loop(
        make_step(game, local_batch=config.batch_size), source.fetch, rounds=len(data_rounds(game)),
        local_batch=config.batch_size, batch_size=config.batch_size, axis_name=None,
    )  # fmt: skip
    real = source.fetch(dict(source.arrays), jax.random.key(7), jnp.arange(SAMPLES, dtype=jnp.int32))["image"]
    reference = health.reference_statistics(real)
    known = {} if source.density is None or source.density.means is None else {
        "means": jnp.asarray(source.density.means), "std": source.density.std,
    }  # fmt: skip

    def call(state, arrays, count):
        state, metrics = loop(state, arrays, {}, count)
        x = game.outputs["image"].draw(to_draw(game, state.params, state.stats, jax.random.key(3), SAMPLES), SAMPLES)
        return state, {**metrics, **health.sample_statistics(x, reference, **known)}

    def start(seed, hyper):
        return init_state(game, jax.random.key(seed), build_hyper(config)).replace(hyper=hyper)

    every_seed = jax.vmap(call, (0, None, None)), jax.vmap(start, (0, None))
    return source, *(jax.jit(function, compiler_options=FAST) for function in every_seed)


def scale(fields):
    loss = get(fields.get("loss.name", "non_saturating"))
    return health.loss_scale(loss.discriminator, loss.log_odds)


def first_called(history, fields, limits=None):
    """{state: first record at which it is called}, and the findings at the end."""
    known, found, total = scale(fields), {}, history[-1]["step"]
    for end in range(1, len(history) + 1):
        last = health.diagnose(history[:end], known, total, limits)
        for finding in last:
            found.setdefault(finding.name, history[end - 1]["step"])
    return found, last
