"""The one program of a run: what the host reads of it, what changes it, what is measured in it."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from support.commands import TINY
from support.given import HYPER
from support.program_text import lowered_pmap, of_the_host
from support.toys import gan_five_steps, gan_simultaneous

import gan_jax
from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.config import load_values
from gan_jax.game import data_rounds
from gan_jax.training import loop as loop_module
from gan_jax.training import parallel
from gan_jax.training.parallel import make_loop
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

FAST = {"xla_backend_optimization_level": 1}  # compilation is most of these tests' time
QUIET = {"log_every": 0, "sample_every": 0, "checkpoint_every": 0, "health.samples": 0}


# What the host reads.


def test_between_its_events_a_run_reads_the_device_once_a_call(tmp_path, monkeypatch):
    """By counting: JAX's guard against transfers from the device sees nothing on CPUs."""
    seen, inside = [], []
    compile_program, fetch = loop_module.compile_program, parallel.fetch

    def compiled(*arguments):
        program, mesh = compile_program(*arguments)
        return lambda *given: seen.append("call") or program(*given), mesh

    def fetched(tree):
        seen.append("fetch")
        inside.append(1)
        try:
            return fetch(tree)
        finally:
            inside.pop()

    def reading(name, function):
        def counted(x, *arguments, **keywords):
            if isinstance(x, jax.Array):
                seen.append("part of a fetch" if inside else name)
            return function(x, *arguments, **keywords)

        return counted

    kind = type(jnp.zeros(()))
    monkeypatch.setattr(loop_module, "compile_program", compiled)
    monkeypatch.setattr(parallel, "fetch", fetched)
    for name in ("asarray", "array"):
        monkeypatch.setattr(np, name, reading(name, getattr(np, name)))
    monkeypatch.setattr(kind, "_value", property(reading("a number", kind._value.fget)))
    float(jnp.float32(1)), np.array(jnp.ones(2))
    assert {"a number", "array"} <= set(seen), "the count misses reads"
    seen.clear()

    config = gan_jax.load_config(TINY, {**QUIET, "steps": 8, "steps_per_call": 2})
    done = gan_jax.train(config, tmp_path, progress=False)
    calls = [i for i, what in enumerate(seen) if what == "call"]
    assert len(calls) == 5  # of 1, 2, 2, 2 and 1 steps
    for begin, end in itertools.pairwise(calls):  # after the last call all is written
        assert seen[begin:end][:2] == ["call", "fetch"]
        assert seen[begin + 2 : end] == ["part of a fetch"] * (len(done.metrics) + 2)  # alive and first_bad_step
    assert seen.count("fetch") == 5


# What changes the program.

BASE = {
    "data.name": "ring",
    "batch_size": 8,
    "latent_dim": 2,
    "generator.mlp.widths": (4,),
    "generator.mlp.output": "linear",
    "discriminator.mlp.widths": (4,),
    "loss.name": "least_squares",
    "penalties.r1.weight": 0.1,
    "penalties.lecam.weight": 0.1,
    "instance_noise.std": 0.1,
    "ema.decay": 0.9,
}
NUMBERS = {
    "optimizer.generator.learning_rate": 0.5,
    "optimizer.discriminator.learning_rate": 0.0,
    "optimizer.discriminator.b1": 0.0,
    "optimizer.generator.eps": 1e-3,
    "penalties.r1.weight": 7.0,
    "penalties.lecam.decay": 0.5,
    "loss.least_squares.a": -1.0,
    "instance_noise.std": 0.2,
    "seed": 5,
    "steps": 77,
    "ema.decay": 0.5,
}


def lowered(monkeypatch, **changes):
    """StableHLO of the training program of the base configuration with changes."""
    config = load_values({**BASE, **changes})
    source = build_source(config)
    game = build_game(config, source)
    key = jax.random.key(config.seed)
    state = jax.eval_shape(lambda: init_state(game, key, build_hyper(config), ema=config.ema.decay > 0))
    count = jax.ShapeDtypeStruct((), jnp.int32)
    make = lambda: loop_module.compile_program(config, game, source)
    return lowered_pmap(monkeypatch, make, state, dict(source.arrays), {}, count)


@pytest.fixture(scope="module")
def base():
    with pytest.MonkeyPatch.context() as patch:
        return lowered(patch)


def test_other_numbers_are_the_same_program(base, monkeypatch):
    assert lowered(monkeypatch, **NUMBERS) == base


def test_another_structure_is_another_program(base, monkeypatch):
    """That a field belongs to the structure is tested of every one in sweeps/test_plan.py."""
    assert lowered(monkeypatch, **{"schedule.discriminator_steps": 2}) != base


def test_the_step_is_traced_once(monkeypatch):
    traced, make_step = [], loop_module.make_step

    def counted(*arguments, **keywords):
        step = make_step(*arguments, **keywords)
        return lambda *given: traced.append(1) or step(*given)

    monkeypatch.setattr(loop_module, "make_step", counted)
    lowered(monkeypatch)
    assert len(traced) == 1


def test_the_program_calls_nobody(base):
    assert not of_the_host(base)


@pytest.fixture
def cache(tmp_path):
    """A new, empty cache of compiled programs."""
    options = {
        "jax_compilation_cache_dir": str(tmp_path / "cache"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield tmp_path / "cache"
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def test_runs_that_differ_in_numbers_compile_once(base, cache, tmp_path):
    name = re.match(r"module @(\w+)", base)[1]

    def programs(run, **changes):
        # Without what takes long to compile.
        fields = {k: v for k, v in {**BASE, **QUIET, **changes}.items() if not k.startswith(("penalties", "instance"))}
        gan_jax.train(load_values(fields), tmp_path / run, progress=False)
        return {path.name for path in cache.glob(f"{name}-*-cache")}

    first = programs("first", steps=3)
    assert len(first) == 1
    assert programs("second", **{**NUMBERS, "steps": 4}) == first


# What is measured.


def looped(game):
    """(compiled loop, its state at the beginning)."""

    def fetch(arrays, key, position):
        return {"image": jax.vmap(lambda p: jax.random.normal(jax.random.fold_in(key, p), (2,)))(position)}

    rounds = len(data_rounds(game))
    step = make_step(game, local_batch=8)
    loop = make_loop(step, fetch, rounds=rounds, local_batch=8, batch_size=8, axis_name=None)
    state = init_state(game, jax.random.key(0), {**HYPER, "ema.decay": 0.9}, ema=True)
    return jax.jit(loop, compiler_options=FAST), state


def numbers_of(state):
    return jax.tree.map(np.asarray, state.replace(key=jax.random.key_data(state.key)))


@pytest.mark.parametrize("build", [gan_simultaneous, gan_five_steps])
def test_a_call_of_many_steps_measures_its_last_one(build):
    game = build()
    program, state = looped(game)
    together, measured = program(state, {}, {}, jnp.int32(4))
    before = state
    for _ in range(4):
        before, (state, alone) = state, program(state, {}, {}, jnp.int32(1))
        assert all(float(alone[f"{player}/update_norm"]) > 0 for player in game.players)
    jax.tree.map(np.testing.assert_array_equal, numbers_of(together), numbers_of(state))
    assert {name: float(value) for name, value in measured.items()} == {k: float(v) for k, v in alone.items()}
    for player in game.players:
        if build is gan_five_steps and player == "discriminator":
            continue  # whose last move is one of five
        moved = jax.tree.map(lambda new, old: np.sum((np.float64(new) - np.float64(old)) ** 2),
                             state.params[player], before.params[player])  # fmt: skip
        norm = np.sqrt(sum(jax.tree.leaves(moved)))
        np.testing.assert_allclose(measured[f"{player}/update_norm"], norm, rtol=1e-4)


def test_a_step_at_which_nobody_looks_trains_the_same():
    game = gan_five_steps()
    state = init_state(game, jax.random.key(0), HYPER)
    batch = {"image": jax.random.normal(jax.random.key(1), (5, 8, 2))}
    step = jax.jit(make_step(game, local_batch=8), compiler_options=FAST)
    (seen, measured), (unseen, unmeasured) = (step(state, batch, jnp.bool_(last)) for last in (True, False))
    jax.tree.map(np.testing.assert_array_equal, numbers_of(seen), numbers_of(unseen))
    costly = {f"{player}/{name}" for player in game.players for name in ("update_norm", "update_cosine")}
    assert {name for name in measured if float(measured[name]) != float(unmeasured[name])} == costly
    assert all(float(unmeasured[name]) == 0 for name in costly)
