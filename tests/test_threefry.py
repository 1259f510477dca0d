"""The keys of training give the bits of JAX's own keys, whose kernel accelerators keep."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import export
from support.given import HYPER
from support.toys import gan

from gan_jax.game import data_rounds
from gan_jax.threefry import fast, hash_words
from gan_jax.training import parallel
from gan_jax.training import step as step_module
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

# Compilation is most of these tests' time, and the programs are small: little optimization makes it faster.
FAST = {"xla_backend_optimization_level": 1}
SEEDS = (0, 1, 2**31 - 1, 2**32 - 1)


def over(keys, draw):
    return jax.vmap(draw)(keys)


# Every way in which the package, or a user's part, may use a key.
USES = {
    "bits of 8": lambda key: jax.random.bits(key, (5, 3), jnp.uint8),
    "bits of 16": lambda key: jax.random.bits(key, (7,), jnp.uint16),
    "bits of 32": lambda key: jax.random.bits(key, (2, 3, 4), jnp.uint32),
    "one number": lambda key: jax.random.bits(key, (), jnp.uint32),
    "nothing": lambda key: jax.random.normal(key, (3, 0)),
    "normal": lambda key: jax.random.normal(key, (4, 5)),
    "normal in half precision": lambda key: jax.random.normal(key, (9,), jnp.bfloat16),
    "uniform": lambda key: jax.random.uniform(key, (11,), jnp.float32, -1.0, 3.0),
    "bernoulli": lambda key: jax.random.bernoulli(key, jnp.float32(0.3), (6, 2)),
    "randint": lambda key: jax.random.randint(key, (8,), -3, 100),
    "permutation": lambda key: jax.random.permutation(key, 17),
    "split": lambda key: jax.random.split(key, 5),
    "split to a matrix": lambda key: jax.random.split(key, (3, 2)),
    "split of a split": lambda key: over(jax.random.split(key, 3), lambda k: jax.random.split(k, (2, 2))),
    "fold_in": lambda key: jax.random.fold_in(key, 2**31 - 1),
    "fold_in of the largest": lambda key: jax.random.fold_in(key, np.uint32(2**32 - 1)),
    "fold_in of a negative": lambda key: jax.random.fold_in(key, jnp.int32(-1)),
    "fold_in in a loop": lambda key: jax.lax.fori_loop(0, 3, lambda i, k: jax.random.fold_in(k, i), key),
    "vmap of fold_in": lambda key: over(jnp.arange(6), lambda i: jax.random.fold_in(key, i)),
    "vmap of normal": lambda key: over(jax.random.split(key, 4), lambda k: jax.random.normal(k, (3, 2))),
    "vmap of vmap": lambda key: over(jax.random.split(key, (2, 3)), lambda ks: over(ks, jax.random.uniform)),
    "joined keys": lambda key: jnp.concatenate([jax.random.split(key, 2), jax.random.split(key, 3)])[::2],
}


def data(x):
    return jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x


def assert_equal_bits(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def both(use):
    """A program: seed -> what a use gives with JAX's own key and with this module's."""

    def program(seed):
        key = jax.random.key(seed)
        quick = fast(key)
        assert quick.dtype != key.dtype  # else a key would be compared with itself
        return data(use(key)), data(use(quick))

    return program


@pytest.mark.parametrize("use", USES)
def test_bits_are_those_of_the_usual_key(use):
    program = jax.jit(both(USES[use]), compiler_options=FAST)
    made = [program(np.uint32(seed)) for seed in SEEDS]
    for usual, quick in made:
        assert_equal_bits(usual, quick)
    assert made[0][0].size == 0 or any(made[0][0].tobytes() != usual.tobytes() for usual, _ in made[1:])


def test_bits_of_64():
    with jax.enable_x64(True):
        uses = (
            lambda key: jax.random.bits(key, (5, 2), jnp.uint64),
            lambda key: jax.random.normal(key, (7,), jnp.float64),
            lambda key: jax.random.randint(key, (6,), 0, 2**62, jnp.int64),
        )
        program = jax.jit(lambda seed: [both(use)(seed) for use in uses], compiler_options=FAST)
        for seed in SEEDS:
            for usual, quick in program(np.uint32(seed)):
                assert usual.dtype.itemsize == 8
                assert_equal_bits(usual, quick)


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 6), max_size=4).map(tuple))
def test_bits_of_any_seed_and_shape(seed, shape):
    program = both(lambda key: jax.random.bits(key, shape, jnp.uint32))
    assert_equal_bits(*jax.jit(program, compiler_options=FAST)(np.uint32(seed)))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_eager_keys_too(seed, number):
    key = jax.random.fold_in(jax.random.key(seed), np.uint32(number))
    assert_equal_bits(data(key), data(jax.random.fold_in(fast(jax.random.key(seed)), np.uint32(number))))


@pytest.mark.parametrize(
    ("key", "counter", "want"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_words_are_those_of_the_authors(key, counter, want):
    """The known answers of the Random123 library for Threefry-2x32 with 20 rounds."""
    assert tuple(map(int, hash_words(*map(jnp.uint32, (*key, *counter))))) == want


def functions(text):
    """{name: body} of the functions of a StableHLO program."""
    parts = re.split(r"func\.func (?:public|private) @([\w.]+)", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def lowered(platform, make=fast):
    def use(key):
        keys = over(jnp.arange(4), lambda i: jax.random.fold_in(make(key), i))
        return over(keys, lambda k: jax.random.bits(k, (3,), jnp.uint32))

    return export.export(jax.jit(use), platforms=[platform])(jax.random.key(0)).mlir_module()


def rotating(text):
    """Functions that rotate words, as the rounds do and nothing else in the program."""
    return {name for name, body in functions(text).items() if "stablehlo.shift_left" in body}


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_accelerators_keep_the_rounds_of_jax(platform):
    text = lowered(platform)
    assert rotating(text)
    assert all(name.startswith("threefry2x32") for name in rotating(text))
    assert text.count("stablehlo.shift_left") == lowered(platform, make=lambda key: key).count("stablehlo.shift_left")


def test_cpus_get_rounds_written_out():
    text = lowered("cpu")
    assert "stablehlo.while" not in text
    assert text.count("stablehlo.shift_left") == 2 * 20  # fold_in's and the bits'
    assert "stablehlo.while" in lowered("cpu", make=lambda key: key)  # what is avoided; else this module is in vain


def test_cuda_keeps_its_kernel_where_that_is_chosen():
    before = jax.config.jax_threefry_gpu_kernel_lowering
    jax.config.update("jax_threefry_gpu_kernel_lowering", True)
    try:
        text = lowered("cuda")
    finally:
        jax.config.update("jax_threefry_gpu_kernel_lowering", before)
    assert set(re.findall(r"custom_call @(\w+)", text)) == {"cu_threefry2x32_ffi"}
    assert not rotating(text)


def test_other_keys_stay_as_they_are():
    for impl in ("rbg", "unsafe_rbg"):
        key = jax.random.key(0, impl=impl)
        assert fast(key) is key
    quick = fast(jax.random.key(0))
    assert fast(quick) is quick
    keys = jax.random.split(jax.random.key(0), 3)
    assert fast(keys).shape == (3,)
    assert_equal_bits(data(fast(keys)), data(keys))
    key = jax.random.key(0)
    with jax.threefry_partitionable(False):  # other bits, which this module does not have
        assert fast(key) is key


def test_reuse_of_a_key_is_still_noticed():
    def twice(seed):
        key = fast(jax.random.key(seed))
        return jax.random.normal(key, (2,)) + jax.random.uniform(key, (2,))

    def once(seed):
        first, second = jax.random.split(fast(jax.random.key(seed)))
        return jax.random.normal(first, (2,)) + jax.random.uniform(second, (2,))

    with jax.debug_key_reuse(True):
        jax.jit(once, compiler_options=FAST)(0)
        with pytest.raises(jax.errors.KeyReuseError):
            jax.jit(twice, compiler_options=FAST)(0)


def run(game, state, seen):
    """Three steps of a game, compiled and as text; ``seen`` takes the type of the key that its data is given."""
    step = make_step(game, local_batch=8)

    def fetch(arrays, key, position):
        seen.append(key.dtype)
        return {"image": over(position, lambda p: jax.random.normal(jax.random.fold_in(key, p), (2,)))}

    def spied(state, batch, last):
        after, metrics = step(state, batch, last)
        return after, {**metrics, "data": batch["image"]}

    rounds = len(data_rounds(game))
    loop = parallel.make_loop(spied, fetch, rounds=rounds, local_batch=8, batch_size=8, axis_name=None)
    lowered = jax.jit(loop).lower(state, {}, {}, jnp.int32(3))
    return *lowered.compile(compiler_options=FAST)(state, {}, {}, jnp.int32(3)), lowered.as_text()


@pytest.mark.slow
def test_training_draws_as_with_usual_keys_and_keeps_the_usual_key(monkeypatch):
    quick, plain, game, given = [], [], gan(), jax.random.key(3)
    start = init_state(game, given, HYPER)
    with jax.debug_key_reuse(True):
        state, metrics, text = run(game, start, quick)
    for module in (parallel, step_module):
        monkeypatch.setattr(module, "fast", lambda key: key)
    for a, b in zip(
        *[jax.tree.leaves((s.params, s.opt)) for s in (start, init_state(game, given, HYPER))], strict=True
    ):
        assert_equal_bits(a, b)
    usual, expected, looping = run(game, start, plain)
    assert set(plain) == {given.dtype}
    assert given.dtype not in quick
    assert "threefry" not in text  # nor has the step a usual key
    assert "threefry" in looping
    assert state.key.dtype == usual.key.dtype == given.dtype  # so checkpoints hold what they always held
    assert_equal_bits(data(state.key), data(given))
    assert_equal_bits(metrics["data"], expected["data"])
    ends = [jax.tree.leaves((end.params, end.opt)) for end in (state, usual)]
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6 * float(jnp.max(jnp.abs(b))))
