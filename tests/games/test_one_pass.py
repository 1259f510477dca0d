"""Real and generated examples in one pass of the discriminator: the numbers of two passes, where examples are apart."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.given import Given

from gan_jax import move
from gan_jax.game import Context
from gan_jax.games import gan
from gan_jax.networks import DISCRIMINATORS, mlp
from gan_jax.nn.spectral import power_iteration

SHAPE, BATCH = (16, 16, 1), 4
# Compilation is most of these tests' time, and the programs run once: little optimization makes it faster.
FAST = {"xla_backend_optimization_level": 0}

# discriminator -> (options that make it small, options that are combined)
NETWORKS = {
    "mlp": ({"widths": (8, 8)}, {"dropout": (0.0, 0.3), "minibatch_features": (0, 2), "spectral_norm": (False, True)}),
    "maxout": ({"widths": (8, 8), "pieces": 2, "irange": 0.5},
               {"dropout": (0.0, 0.5), "input_dropout": (0.0, 0.2), "spectral_norm": (False, True)}),
    "dcgan": ({"channels": 2}, {"dropout": (0.0, 0.3), "batch_norm": (False, True), "spectral_norm": (False, True)}),
    "keras_dcgan": ({"depth": 1}, {"dropout": (0.0, 0.4), "spectral_norm": (False, True)}),
    "patch": ({"channels": 2, "layers": 1}, {"spectral_norm": (False, True)}),
    "projection": ({"channels": 2}, {"spectral_norm": (False, True)}),
    "salimans": ({"widths": (32, 16)}, {"noise": (0.0, 0.5), "input_noise": (0.0, 0.3)}),
}  # fmt: skip
MIXING = {"minibatch_features": 2, "batch_norm": True}
# With nothing, with each thing alone, with all that keeps examples apart, with all.
COMBINED = [
    (name, dict(zip(choices, values, strict=True)))
    for name, (_, choices) in NETWORKS.items()
    for values in itertools.product(*choices.values())
    if sum(map(bool, values)) in (0, 1, len(values))
    or all(
        bool(value) is (option not in ("minibatch_features", "batch_norm"))
        for option, value in zip(choices, values, strict=True)
    )
]
APART = [(name, chosen) for name, chosen in COMBINED if not MIXING.items() & chosen.items()]


def named(case):
    return case if isinstance(case, str) else " ".join(f"{name}={value}" for name, value in case.items())


def discriminator(name, chosen, dtype=jnp.float32, shape=SHAPE):
    return DISCRIMINATORS[name](shape, **NETWORKS[name][0], **chosen, dtype=dtype)


def variables(module, x, scale=0.3):
    """Random numbers in the place of a network's first ones, which take longer to compile than the test."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)
    made = jax.tree.map(lambda s: jnp.asarray(scale * rng.normal(size=s.shape), x.dtype), shapes)
    if "spectral" in made:  # any vectors would do, but not for numbers of usual sizes
        made["spectral"] = jax.jit(power_iteration, compiler_options=FAST)(made["params"], made["spectral"])
    return made


def test_every_discriminator_is_here():
    assert {*NETWORKS, "mirza"} == set(DISCRIMINATORS)  # which takes a label, as this game gives none


@pytest.mark.parametrize(("name", "chosen"), COMBINED, ids=named)
def test_a_discriminator_says_truly_whether_examples_are_apart(name, chosen):
    module = discriminator(name, chosen)
    x = jax.random.normal(jax.random.key(1), (BATCH, *SHAPE))
    held, keys = variables(module, x), jax.random.split(jax.random.key(2), BATCH)

    @jax.jit(compiler_options=FAST)
    def logits(x):
        made = module.apply(held, x, train=True, keys=keys, mutable=["batch_stats"])[0]
        return made.reshape(BATCH, -1)

    usual = np.asarray(logits(x))
    other = np.asarray(logits(x.at[1].set(-x[2])))
    assert (other[1] != usual[1]).all()
    if module.independent:
        np.testing.assert_array_equal(np.delete(other, 1, 0), np.delete(usual, 1, 0))
        assert np.isfinite(np.delete(logits(x.at[1].set(jnp.nan)), 1, 0)).all()
    else:
        assert (np.delete(other, 1, 0) != np.delete(usual, 1, 0)).all()
    assert module.independent is ((name, chosen) in APART)


def moves(name, chosen, monkeypatch, one_pass=True, packing=1, loss="relativistic_average", run=True):
    """Each player's loss, metrics, statistics and gradient in float64; and the batches it shows to the discriminator.

    The numbers only if ``run``, else their shapes.
    """
    shape = (*SHAPE[:2], packing)
    judge = discriminator(name, chosen, jnp.float64)
    if not one_pass:
        monkeypatch.setattr(type(judge), "independent", False)
    made = mlp.Generator(SHAPE, (6,), dtype=jnp.float64)
    game = gan.build(Given(made, judge, loss=loss, shape=SHAPE, batch_size=BATCH), packing=packing)
    inputs = {"generator": jnp.zeros((2, 4), jnp.float64), "discriminator": jnp.zeros((2, *shape), jnp.float64)}
    held = {n: variables(game.networks[n], x) for n, x in inputs.items()}
    params, stats = {n: v.pop("params") for n, v in held.items()}, held
    shown = {player: [] for player in game.players}
    forward = move.forward

    def play(player, key):
        def spied(module, *arguments, **keywords):
            if module is game.networks["discriminator"]:
                shown[player].append(arguments[2].shape[0])
            return forward(module, *arguments, **keywords)

        context = Context(
            key=key, shared_key=key, step=jnp.int32(0), total_steps=jnp.float32(1), axis_name=None, hyper={}, memory=(),
            example_index=jnp.arange(8, 8 + BATCH, dtype=jnp.int32),
        )  # fmt: skip
        batch = {"image": jax.random.normal(jax.random.fold_in(key, 9), (BATCH, *SHAPE), jnp.float64)}
        monkeypatch.setattr(move, "forward", spied)

        def of(own):
            made = move.Move(game.networks, {**params, **own}, stats, batch, context)
            value, metrics = game.players[player].loss(made)
            after, _ = made.written()
            return value, (metrics, {name: after[name] for name in game.players[player].owns})

        return jax.value_and_grad(of, has_aux=True)({n: params[n] for n in game.players[player].owns})

    with jax.numpy_dtype_promotion("standard"):  # losses are written for float32 logits
        program = jax.jit(lambda key: {player: play(player, key) for player in game.players}, compiler_options=FAST)
        return (program if run else partial(jax.eval_shape, program))(jax.random.key(5)), shown


def assert_one_pass_gives_what_two_give(monkeypatch, *arguments, examples=BATCH, **keywords):
    with jax.enable_x64(True):
        got, once = moves(*arguments, monkeypatch, one_pass=True, **keywords)
        want, twice = moves(*arguments, monkeypatch, one_pass=False, **keywords)
    assert once == {"discriminator": [2 * examples], "generator": [2 * examples]}
    assert twice == {"discriminator": [examples] * 2, "generator": [examples] * 2}
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert a.dtype == b.dtype
        # The gradient of the last bias is 0 but for rounding where only differences of logits count.
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * max(1e-3, float(np.max(np.abs(b)))))
    for player in got:
        gradient = jax.tree.leaves(got[player][1])
        assert {leaf.dtype for leaf in gradient} == {np.dtype(np.float64)}
        assert sum(float(np.abs(leaf).sum()) for leaf in gradient) > 0


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in ("dcgan", "keras_dcgan", "projection") else n for n in NETWORKS],
)
def test_one_pass_gives_what_two_give(name, monkeypatch):
    """Losses, gradients and statistics, with the same units dropped, of the network with all that it may have."""
    assert_one_pass_gives_what_two_give(monkeypatch, *[case for case in APART if case[0] == name][-1])


def test_packs_too(monkeypatch):
    assert_one_pass_gives_what_two_give(monkeypatch, "mlp", {"dropout": 0.3}, examples=BATCH // 2, packing=2)


@pytest.mark.parametrize("name", ["mlp", "dcgan"])
def test_two_passes_where_examples_see_one_another(name, monkeypatch):
    chosen = {"mlp": {"minibatch_features": 2}, "dcgan": {"batch_norm": True}}[name]
    with jax.enable_x64(True):
        _, shown = moves(name, chosen, monkeypatch, run=False)
    assert shown == {"discriminator": [BATCH] * 2, "generator": [BATCH] * 2}


def test_a_generator_that_reads_no_real_example_shows_none(monkeypatch):
    with jax.enable_x64(True):
        _, shown = moves("mlp", {}, monkeypatch, loss="non_saturating", run=False)
    assert shown == {"discriminator": [2 * BATCH], "generator": [BATCH]}
