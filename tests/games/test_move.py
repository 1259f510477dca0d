"""A move: what a loss may do with it, and that nothing is left behind."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.states import QUICKLY
from support.toys import BatchNormDense

from gan_jax import penalties
from gan_jax.errors import ConfigError
from gan_jax.game import PURPOSES, Context, example_keys, stream_of
from gan_jax.move import Move

BATCH = 4
NETWORKS = {"map": BatchNormDense(2), "judge": BatchNormDense(1)}


@pytest.fixture(scope="module")
def variables():
    made = {n: m.init(jax.random.key(i), jnp.zeros((2, 2))) for i, (n, m) in enumerate(NETWORKS.items())}
    return {n: v["params"] for n, v in made.items()}, {n: {"batch_stats": v["batch_stats"]} for n, v in made.items()}


def context(memory=()):
    return Context(
        key=jax.random.key(5), shared_key=jax.random.key(6), step=jnp.int32(3), total_steps=jnp.float32(9),
        example_index=jnp.arange(8, 8 + BATCH, dtype=jnp.int32), axis_name=None, hyper={}, memory=memory,
    )  # fmt: skip


def move_of(variables, params=None, memory=()):
    x = jax.random.normal(jax.random.key(1), (BATCH, 2))
    return Move(NETWORKS, params or variables[0], variables[1], {"image": x}, context(memory))


def loss(move):
    fake = move("map", move.batch["image"])
    again = move("map", fake, noise="back")
    logits = move("judge", jnp.tanh(again))
    return jnp.mean(jax.nn.softplus(-logits)) + jnp.mean(jnp.abs(again - move.batch["image"]))


def test_a_loss_is_a_pure_function_under_every_transformation(variables):
    params, _ = variables

    def of(own):
        return loss(move_of(variables, own))

    tangent = jax.tree.map(jnp.cos, params)

    @jax.jit(compiler_options=QUICKLY)
    def evaluated(params):
        both = jax.tree.map(lambda x: jnp.stack([x, 1.5 * x]), params)
        alone = [of(jax.tree.map(lambda x, i=i: x[i], both)) for i in range(2)]
        return (
            alone,
            jax.vmap(of)(both),
            jax.grad(of)(params),
            jax.jvp(of, (params,), (tangent,))[1],
            jax.vjp(of, params),
        )

    (value, larger), stacked, gradient, along, (again, pull) = evaluated(params)
    assert again == value
    np.testing.assert_allclose(stacked, [value, larger], rtol=1e-6)
    dots = jax.tree.map(lambda a, b: jnp.sum(a * b), gradient, tangent)
    np.testing.assert_allclose(along, sum(jax.tree.leaves(dots)), rtol=1e-4)
    (pulled,) = pull(jnp.float32(1.0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), pulled, gradient)


def test_statistics_thread_from_one_application_to_the_next(variables):
    params, stats = variables
    move = move_of(variables)
    x = move.batch["image"]
    first = move("map", x)
    second = move("map", first, noise="back")
    expected = stats["map"]
    for noise, given, out in (("map_layers", x, first), ("map_back", first, second)):
        keys = example_keys(move.context.key, noise, move.context.example_index)
        applied, expected = NETWORKS["map"].apply(
            {"params": params["map"], **expected}, given, train=True, keys=keys, mutable=["batch_stats"]
        )
        np.testing.assert_array_equal(out, applied)
    after, memory = move.written()
    jax.tree.map(np.testing.assert_array_equal, after["map"], expected)
    assert set(after) == {"map"}
    assert memory == ()


def test_a_network_as_a_function_may_be_called_often_and_writes_nothing(variables):
    move = move_of(variables)
    judge = move.function("judge", "penalty")
    x = move.batch["image"]
    np.testing.assert_array_equal(judge(x), judge(x))
    assert move.written() == ({}, ())


def test_noise_differs_between_networks_applications_purposes_and_examples(variables):
    move = move_of(variables)
    purposes = ["latent", "codes", "targets", move._purpose("map", ""), move._purpose("map", "back"),
                move._purpose("judge", ""), move._purpose("judge", "back")]  # fmt: skip
    keys = np.concatenate([jax.random.key_data(move.keys(purpose)) for purpose in purposes])
    assert len(np.unique(keys, axis=0)) == len(purposes) * BATCH
    assert not np.array_equal(jax.random.key_data(move.keys("latent", shared=True)), keys[:BATCH])
    np.testing.assert_array_equal(jax.random.key_data(move.keys("latent", every=2)), keys[:BATCH:2])


def test_the_streams_of_before_keep_their_numbers():
    assert list(PURPOSES.values()) == list(range(10))
    assert [penalties.STREAMS[name] for name in (*penalties.PENALTIES, "own")] == [*range(14), 2**31 - 1]
    assert stream_of("latent", PURPOSES) == 0
    assert stream_of("123456789", PURPOSES) == 0xCBF43926  # the check value of CRC-32


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda move: [move("map", move.batch["image"]) for _ in range(2)], "'map' twice with the noise 'map_layers'"),
        (lambda move: move("mop", move.batch["image"]), "'mop', which is not in the game; its networks: judge, map"),
        (lambda move: move.params("mop"), "'mop', which is not in the game"),
        (lambda move: move.function("mop"), "'mop', which is not in the game"),
    ],
)
def test_what_a_loss_may_not_do(variables, act, words):
    with pytest.raises(ConfigError, match=words):
        act(move_of(variables))


def test_memory_is_kept_only_where_the_loss_says_so(variables):
    move = move_of(variables, memory={"moves": 1})
    assert move.written()[1] == {"moves": 1}
    move.keep({"moves": 2})
    assert move.memory == {"moves": 1}
    assert move.written()[1] == {"moves": 2}


def test_a_network_without_layers_of_noise_is_applied_too():
    class Plain(nn.Module):
        @nn.compact
        def __call__(self, x, *, train=False, keys=None, axis_name=None):
            return nn.Dense(1)(x)

    params = {"plain": Plain().init(jax.random.key(0), jnp.zeros((1, 2)))["params"]}
    move = Move({"plain": Plain()}, params, {"plain": {}}, {"image": jnp.ones((BATCH, 2))}, context())
    assert move("plain", move.batch["image"]).shape == (BATCH, 1)
    assert move.written()[0] == {"plain": {}}
