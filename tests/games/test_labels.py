"""Games of labels against their papers' formulas, written out in NumPy on the networks' own outputs."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from scipy.special import log_softmax, logsumexp
from support.states import BATCH, relative_error, state_of
from support.toys import (
    CLASSES,
    GAMES_UNDER_TEST,
    auxiliary,
    conditional,
    info,
    normal_batch,
    projection,
    semi_supervised,
)

from gan_jax.build import build_game, build_hyper
from gan_jax.config import load_values
from gan_jax.data import Feature
from gan_jax.errors import ConfigError
from gan_jax.game import Context
from gan_jax.games import moves
from gan_jax.games.info import VARIANCE, with_codes
from gan_jax.games.latent import normal
from gan_jax.move import Move, to_draw
from gan_jax.networks import salimans
from gan_jax.nn import heads
from gan_jax.setup import Latents
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

softplus = lambda x: np.logaddexp(0.0, x)


def begun(game, name, player):
    """(move, state, batch, latent variables that the move draws)."""
    state = state_of(game)
    batch = normal_batch(GAMES_UNDER_TEST[name][1], jax.random.key(5), (BATCH,))
    context = Context(
        key=jax.random.key(2), shared_key=jax.random.key(9), step=jnp.int32(0), total_steps=jnp.float32(20.0),
        example_index=jnp.arange(BATCH), axis_name=None, hyper={}, memory=state.memory[player],
    )  # fmt: skip
    move = Move(game.networks, state.params, state.stats, batch, context, game.numbers)
    return move, state, batch, normal(move.keys("latent"), 4, 1.0, context.example_index, BATCH)


def applied(game, state, network, *inputs, **how):
    """What a network says, in float64 where it is an array."""
    made = game.networks[network].apply({"params": state.params[network]}, *inputs, **how)
    return jax.tree.map(lambda x: np.asarray(x, np.float64), made)


def cross_entropy(logits, label):
    return -log_softmax(logits, axis=1)[np.arange(len(label)), np.asarray(label)].mean()


def test_labels_of_the_generators_move_are_uniform_and_each_examples_own():
    move, *_ = begun(conditional(), "conditional", "generator")
    many = move.context._replace(example_index=jnp.arange(6000))
    label = np.asarray(moves.labels(Move({}, {}, {}, {}, many), CLASSES))
    assert np.abs(np.bincount(label, minlength=CLASSES) - 2000).max() < 5 * np.sqrt(2000 * 2 / 3)
    apart = move.context._replace(example_index=jnp.arange(5000, 5004))  # another device's part
    assert np.array_equal(moves.labels(Move({}, {}, {}, {}, apart), CLASSES), label[5000:5004])


@pytest.mark.parametrize("classify_fakes", [True, False])
def test_the_auxiliary_classifier_is_equations_2_and_3(classify_fakes):
    game = auxiliary(classify_fakes=classify_fakes)
    move, state, batch, z = begun(game, "auxiliary", "discriminator")
    value, metrics = game.players["discriminator"].loss(move)
    fake = applied(game, state, "generator", z, batch["label"])
    (real_logits, real_classes), (fake_logits, fake_classes) = (
        applied(game, state, "discriminator", jnp.asarray(x, jnp.float32)) for x in (batch["image"], fake)
    )
    source = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    classes = cross_entropy(real_classes, batch["label"]) + classify_fakes * cross_entropy(fake_classes, batch["label"])
    np.testing.assert_allclose(value, source + 0.7 * classes, rtol=1e-5)
    np.testing.assert_allclose(metrics["classes"], classes, rtol=1e-5)

    move, state, _, z = begun(game, "auxiliary", "generator")
    label = moves.labels(move, CLASSES)
    value, _ = game.players["generator"].loss(move)
    logits, classes = applied(game, state, "discriminator", game.networks["generator"].apply(
        {"params": state.params["generator"]}, z, label))  # fmt: skip
    np.testing.assert_allclose(value, softplus(-logits).mean() + 0.7 * cross_entropy(classes, label), rtol=1e-5)
    assert not game.players["generator"].reads_data


def test_the_logit_of_projection_is_equation_3_and_penalties_take_it_at_each_examples_label():
    game = projection()
    move, state, batch, _ = begun(game, "projection", "discriminator")
    params = state.params["discriminator"]
    features = applied(game, state, "discriminator", batch["image"], head=False)
    head = jax.tree.map(lambda x: np.asarray(x, np.float64), params["head"])
    psi = features @ head["output"]["kernel"][:, 0] + head["output"]["bias"][0]
    want = psi + (head["embedding"]["kernel"][np.asarray(batch["label"])] * features).sum(axis=1)
    got = applied(game, state, "discriminator", batch["image"], batch["label"])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)

    value, _ = game.players["discriminator"].loss(move)
    assert np.isfinite(value)
    parts = game.players["discriminator"].loss.keywords["parts"]
    move, *_ = begun(game, "projection", "discriminator")
    critic = moves.supply(move, parts, "discriminator", [batch["label"]])["critic"]()
    slopes = jax.grad(lambda x: jnp.sum(critic(x)))(batch["image"])
    one = lambda x, y: game.networks["discriminator"].apply({"params": params}, x[None], y[None])[0]
    alone = jax.vmap(jax.grad(one))(batch["image"], batch["label"])
    np.testing.assert_allclose(slopes, alone, rtol=1e-4, atol=1e-6)


def test_semi_supervised_is_a_softmax_of_one_class_more_whose_logit_is_zero():
    game = semi_supervised()
    move, state, batch, z = begun(game, "semi_supervised", "discriminator")
    value, metrics = game.players["discriminator"].loss(move)
    fake = game.networks["generator"].apply({"params": state.params["generator"]}, z)
    labelled, real, fake = (
        np.pad(applied(game, state, "discriminator", x), ((0, 0), (0, 1)))
        for x in (batch["labelled"], batch["image"], fake)
    )
    chance = {"real": log_softmax(real, axis=1), "fake": log_softmax(fake, axis=1)}
    supervised = cross_entropy(labelled[:, :CLASSES], batch["labelled_label"])
    unlabelled = -logsumexp(chance["real"][:, :CLASSES], axis=1).mean() - chance["fake"][:, CLASSES].mean()
    np.testing.assert_allclose(metrics["supervised"], supervised, rtol=1e-5)
    np.testing.assert_allclose(value, supervised + 0.5 * unlabelled, rtol=1e-5)


def test_feature_matching_is_the_squared_difference_of_mean_features():
    game = semi_supervised()
    move, state, batch, z = begun(game, "semi_supervised", "generator")
    value, _ = game.players["generator"].loss(move)
    fake = game.networks["generator"].apply({"params": state.params["generator"]}, z)
    real, fake = (applied(game, state, "discriminator", x, head=False).mean(axis=0) for x in (batch["other"], fake))
    np.testing.assert_allclose(value, np.square(real - fake).mean(), rtol=1e-4)
    adversarial = semi_supervised(matching=False)
    assert not adversarial.players["generator"].reads_data
    assert adversarial.players["discriminator"].reads_data


def test_the_classifier_alone_is_cross_entropy_and_has_no_generator():
    game = semi_supervised(unlabelled=0.0)
    assert (set(game.networks), dict(game.outputs), game.schedule) == ({"discriminator"}, {}, (("discriminator",),))
    move, state, batch, _ = begun(game, "semi_supervised", "discriminator")
    logits = applied(game, state, "discriminator", batch["labelled"])
    value, _ = game.players["discriminator"].loss(move)
    np.testing.assert_allclose(value, cross_entropy(logits, batch["labelled_label"]), rtol=1e-5)
    with pytest.raises(ConfigError, match="matching=False has no effect: with unlabelled=0 there is no generator"):
        semi_supervised(unlabelled=0.0, matching=False)


def test_the_bound_of_infogan_is_the_entropy_for_who_knows_the_code_and_zero_for_who_guesses():
    game = info()
    bound = game.players["generator"].loss.keywords["bound"]
    draw = with_codes(Latents(3, lambda keys, index, total: jnp.zeros((len(keys), 3))), 4, 2).draw
    keys = jax.random.split(jax.random.key(0), 4000)
    z = draw(keys, jnp.arange(4000), 4000)
    category, numbers = z[:, 3:7], np.asarray(z[:, 7:])
    z = jnp.concatenate([jnp.zeros((4000, 1)), z], axis=1)  # the toy's noise has four numbers
    assert np.array_equal(category.sum(axis=1), np.ones(4000))
    assert np.abs(category.mean(axis=0) - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 4000)
    assert np.abs(numbers).max() <= 1.0
    assert numbers.var() == pytest.approx(VARIANCE, rel=0.05)
    knows, guesses = (bound((logits, means), z) for logits, means in (
        (50.0 * category, jnp.asarray(numbers)), (0.0 * category, 0.0 * jnp.asarray(numbers))))  # fmt: skip
    assert knows[1]["information"] == pytest.approx(np.log(4), rel=1e-5)
    assert guesses[1]["information"] == pytest.approx(0.0, abs=1e-6)
    assert (knows[1]["explained"], guesses[1]["explained"]) == (1.0, pytest.approx(0.0, abs=0.05))
    np.testing.assert_allclose(
        knows[0] - guesses[0], np.log(4) + 0.5 * np.square(numbers).sum(axis=1).mean(), rtol=1e-5
    )


@pytest.mark.parametrize("information", [1.0, 0.25, 0.0])
def test_both_players_of_infogan_have_less_the_bound_in_their_loss(information):
    game = info(information)
    values = {}
    for player in game.players:
        move, state, batch, _ = begun(game, "info", player)
        parts = game.players[player].loss.keywords["parts"]
        z = moves.latents(begun(game, "info", player)[0], parts)
        fake = applied(game, state, "generator", z)
        (real, _), (made, (category, means)) = (
            applied(game, state, "discriminator", jnp.asarray(x, jnp.float32)) for x in (batch["image"], fake)
        )
        z = np.asarray(z, np.float64)
        bound = (z[:, 4:8] * log_softmax(category, axis=1)).sum(axis=1).mean() + np.log(4)
        bound -= 0.5 * np.square(z[:, 8:] - means).sum(axis=1).mean()
        values[player] = game.players[player].loss(move)
        source = softplus(-made).mean() if player == "generator" else softplus(-real).mean() + softplus(made).mean()
        want = source - (information if player == "generator" else 1.0) * bound
        np.testing.assert_allclose(values[player][0], want, rtol=1e-4)
        np.testing.assert_allclose(values[player][1]["objective"], want, rtol=1e-4)
        np.testing.assert_allclose(values[player][1]["loss"], source, rtol=1e-4)


POINTS_WITH_LABELS = SimpleNamespace(features={"image": Feature((2,)), "label": Feature((), classes=3)})


def test_packs_hold_the_labels_of_their_examples_and_labels_may_be_vectors():
    fields = {"game.conditional.packing": 2, "game.conditional.embedding": 5, "batch_size": 8, "latent_dim": 4}
    small = {f"{role}.mlp.widths": (6,) for role in ("generator", "discriminator")}
    config = load_values({"game.name": "conditional", "generator.mlp.output": "linear", **small, **fields})
    game = build_game(config, POINTS_WITH_LABELS)
    state = init_state(game, jax.random.key(0), build_hyper(config))
    kernels = {path: leaf.shape for path, leaf in flatten_dict(state.params["discriminator"], sep="/").items()}
    assert kernels["code/embedding"] == (3, 5)
    assert kernels["network/hidden_0/kernel"] == (2 * (2 + 5), 6)
    x, label = jnp.ones((4, 4)), jnp.array([[0, 1], [0, 2], [1, 1], [0, 1]])
    logits = applied(game, state, "discriminator", x, label)
    assert logits[0] == logits[3]
    assert len({*logits[:3].tolist()}) == 3  # the first and the second of a pack
    step = jax.jit(make_step(game, local_batch=8))
    batch = normal_batch(POINTS_WITH_LABELS.features, jax.random.key(1), (1, 8))
    after, _ = step(state, batch)
    assert bool(after.alive)
    assert relative_error(after.params, state.params) > 0


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"game.name": "conditional", "game.conditional.uniform": False, "loss.name": "relativistic"},
         "uniform=False has no effect: the generator's loss or a penalty of it reads real examples"),
        ({"game.name": "conditional", "game.conditional.embedding": 3, "discriminator.name": "mirza"},
         "discriminator.name='mirza' reads the label of one example itself; allowed: the game's embedding=0"),
        ({"game.name": "conditional", "game.conditional.packing": 2, "discriminator.name": "mirza"},
         "discriminator.name='mirza' reads the label of one example itself"),
        ({"game.name": "projection", "discriminator.name": "mirza"}, "takes a label, which game.name='projection'"),
        ({"game.name": "gan", "generator.name": "mirza"}, "takes a label, which game.name='gan' does not give it"),
        ({"game.name": "auxiliary", "game.auxiliary.weight": 0.0, "game.auxiliary.classify_fakes": False},
         "classify_fakes=False has no effect: with weight=0"),
        ({"game.name": "semi_supervised"}, "needs data with a feature 'labelled_label'.*data.labelled=0"),
    ],
)  # fmt: skip
def test_what_has_no_effect_or_no_labels_is_refused(fields, says):
    with pytest.raises(ConfigError, match=says):
        build_game(load_values({"generator.mlp.output": "linear", **fields}), POINTS_WITH_LABELS)


def test_a_classifier_starts_from_data_so_that_units_are_standardized():
    module = heads.Discriminator(salimans.Discriminator((2,), (16, 8)), heads.Classes(3, heads.Layer(weight_norm=True)))
    game = dataclasses.replace(semi_supervised(), networks={**semi_supervised().networks, "discriminator": module},
                               starts=moves.starts(module))  # fmt: skip
    assert game.starts == {"discriminator": "image"}
    x = 3.0 + 2.0 * jax.random.normal(jax.random.key(1), (500, 2))
    state = init_state(game, jax.random.key(0), {"steps": 1.0}, {"image": x})
    logits = applied(game, state, "discriminator", x)
    np.testing.assert_allclose(logits.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(logits.std(axis=0), 1.0, rtol=1e-3)
    own = state.params["discriminator"]["trunk"]["hidden_0"]
    v = np.asarray(own["kernel"], np.float64)
    first = (np.asarray(x) + 1) / 2 @ (v / np.linalg.norm(v, axis=0)) * np.asarray(own["scale"]) + np.asarray(
        own["bias"]
    )
    np.testing.assert_allclose(first.std(axis=0), 1.0, rtol=1e-3)
    slope = jax.grad(lambda p: jnp.sum(module.apply({"params": p}, x)))(state.params["discriminator"])
    assert np.array_equal(slope["trunk"]["hidden_0"]["scale"], np.zeros(16))  # of a head alone it is learned
    assert np.abs(slope["head"]["output"]["scale"]).max() > 0


def test_a_row_of_a_code_changes_that_code_alone():
    game = info()
    assert [*game.outputs] == ["image", "category", "code_1", "code_2"]
    state = state_of(game)

    def latents(name):
        """What an output hands to the generator."""
        made = to_draw(game, state.params, state.stats, jax.random.key(3), 20)
        move = Move({"generator": Identity()}, {"generator": {}}, {"generator": {}}, {}, made.context, train=False)
        return np.asarray(game.outputs[name].draw(move, 20))

    z, category = latents("code_2"), latents("category")
    assert np.array_equal(z[0, :9], z[9, :9])
    np.testing.assert_allclose(z[:10, 9], np.linspace(-2.0, 2.0, 10), atol=1e-6)
    assert not np.array_equal(z[0, :4], z[10, :4])
    assert np.array_equal(category[:8, 4:8], np.tile(np.eye(4), (2, 1)))
    assert np.array_equal(category[0, :4], category[3, :4])
    assert np.array_equal(category[0, 8:], category[3, 8:])


class Identity:
    def apply(self, variables, z, **how):
        return z
