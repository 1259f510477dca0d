"""Small games, two of them no GANs, that the battery plays beside the registered ones."""

import dataclasses
import zlib
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gan_jax.data import Feature
from gan_jax.figures.dirac import Point, Slope
from gan_jax.game import Game, Player, Score, alternating, simultaneous
from gan_jax.games import GAMES
from gan_jax.networks import mlp
from gan_jax.setup import Number
from support.given import Given


class Dense(nn.Module):
    """One linear map."""

    features: int

    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return nn.Dense(self.features)(x)


class BatchNormDense(nn.Module):
    """Dense layers around a synchronized batch norm, with per-example noise."""

    features: int

    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        x = nn.Dense(8, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, axis_name=axis_name, use_fast_variance=False)(x)
        if train:
            x = x + 0.1 * jax.vmap(lambda key: jax.random.normal(key, (8,)))(keys)
        return nn.Dense(self.features)(jnp.tanh(x))


def gan(**kwargs):
    return GAMES["gan"](
        Given(mlp.Generator((2,), (8,), output="linear"), mlp.Discriminator((2,), (8,), dropout=0.3), **kwargs)
    )


def gan_five_steps():
    return gan(schedule=alternating("discriminator", "generator", steps=5))


def gan_simultaneous():
    return gan(schedule=simultaneous("discriminator", "generator"))


def gan_batch_norm():
    class Logit(nn.Module):
        @nn.compact
        def __call__(self, x, *, train=False, keys=None, axis_name=None):
            x = jnp.tanh(
                nn.Dense(6)(x)
            )  # else the norm would cancel the generator's output bias, whose gradient is rounding
            return BatchNormDense(1)(x, train=train, keys=keys, axis_name=axis_name)[:, 0]

    return GAMES["gan"](Given(BatchNormDense(2), Logit()))


def dirac(loss, schedule, rate=0.2, psi=1.0):
    """Mescheder et al. 2018: data at 0, generator at theta (from 1), discriminator psi x."""
    made = GAMES["gan"](
        Given(Point(), Slope(start=psi), loss=loss, schedule=schedule, shape=(1,), latent_dim=1, batch_size=1)
    )
    players = {name: Player(p.owns, p.loss, optax.sgd(rate), p.reads_data) for name, p in made.players.items()}
    return Game(made.networks, made.inputs, players, made.schedule, made.outputs)


class Told(nn.Module):
    """One linear map of an input and a label, or its only output as a logit."""

    features: int

    @nn.compact
    def __call__(self, x, label, *, train=False, keys=None, axis_name=None):
        y = nn.Dense(self.features)(jnp.concatenate([jnp.tanh(x), jax.nn.one_hot(label, 3)], axis=-1))
        return y[:, 0] if self.features == 1 else y


class Logit(nn.Module):
    """One linear map to a logit."""

    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        return nn.Dense(1)(jnp.tanh(x))[:, 0]


def conditional():
    features = {"image": Feature((2,)), "label": Feature((), classes=3)}
    return GAMES["conditional"](Given(Told(2), Told(1), features=features))


CLASSES = 3


def trunk():
    return mlp.Discriminator((2,), (8,), activation="tanh")


def labelled_points(*names):
    """Features of points with labels; "labelled" are points beside them."""
    shapes = {"image": Feature((2,)), "other": Feature((2,)), "labelled": Feature((2,))}
    return {name: shapes.get(name, Feature((), classes=CLASSES)) for name in names}


def projection():
    return GAMES["projection"](Given(Told(2), trunk(), features=labelled_points("image", "label")))


def auxiliary(**options):
    numbers = {"weight": Number("game.auxiliary.weight", 0.7)}
    made = GAMES["auxiliary"](Given(Told(2), trunk(), features=labelled_points("image", "label")), **numbers, **options)
    return dataclasses.replace(made, numbers=numbers)


def semi_supervised(unlabelled=0.5, matching=True):
    numbers = {"unlabelled": Number("game.semi_supervised.unlabelled", unlabelled)}
    features = labelled_points("image", "other", "labelled", "labelled_label")
    made = GAMES["semi_supervised"](
        Given(mlp.Generator((2,), (8,), output="linear"), trunk(), features=features, loss="minimax"),
        **numbers, matching=matching,
    )  # fmt: skip
    return dataclasses.replace(made, numbers=numbers)


def info(information=1.0):
    numbers = {"information": Number("game.info.information", information)}
    generator = mlp.Generator((2,), (8,), output="linear")
    made = GAMES["info"](Given(generator, trunk()), categories=4, continuous=2, hidden=6, **numbers)
    return dataclasses.replace(made, numbers=numbers)


def cycle():
    """Four networks, two players, two domains; a pool that the judges carry."""
    features = {"a": Feature((2,)), "b": Feature((2,))}
    options = {"cycle": Number("game.cycle.cycle", 10.0), "identity": Number("game.cycle.identity", 0.5)}
    made = GAMES["cycle"](Given(Dense(2), Logit(), features=features), **options, pool=20)
    return dataclasses.replace(made, numbers=options)


def gradient_reversal(rate=0.05, weight=0.7):
    """Ganin & Lempitsky 2015 as a game: features and label head against a domain head, in one simultaneous round."""

    def terms(move):
        image = move.batch["image"]
        x, label, domain = image[:, :3], image[:, 3], image[:, 4]
        hidden = jnp.tanh(move("features", x))
        y, d = move("label_head", hidden), move("domain_head", hidden)
        return jnp.mean(jnp.square(y[:, 0] - label)), jnp.mean(
            optax.sigmoid_binary_cross_entropy(d[:, 0], (domain > 0).astype(jnp.float32))
        )

    def learner_loss(move):
        label, domain = terms(move)
        return label - weight * domain, {}

    def critic_loss(move):
        return terms(move)[1], {}

    spec = jax.ShapeDtypeStruct
    return Game(
        networks={"features": Dense(4), "label_head": Dense(1), "domain_head": Dense(1)},
        inputs={
            "features": (spec((3,), jnp.float32),),
            "label_head": (spec((4,), jnp.float32),),
            "domain_head": (spec((4,), jnp.float32),),
        },
        players={
            "learner": Player(("features", "label_head"), learner_loss, optax.sgd(rate)),
            "critic": Player(("domain_head",), critic_loss, optax.sgd(rate)),
        },
        schedule=simultaneous("learner", "critic"),
    )


def frozen_teacher():
    """A generator that starts from a frozen network's output, as the second stage of a stacked GAN."""

    def loss(move):
        z = jax.vmap(lambda key: jax.random.normal(key, (2,)))(move.keys("latent", shared=True))
        target = move("first", z, train=False)
        return jnp.mean(jnp.square(move("second", target) - move.batch["image"][:, :2])), {}

    two = (jax.ShapeDtypeStruct((2,), jnp.float32),)
    return Game(
        networks={"first": Dense(2), "second": Dense(2)},
        inputs={"first": two, "second": two},
        players={"second": Player(("second",), loss, optax.sgd(0.1))},
        schedule=(("second",),),
        frozen=("first",),
    )


def pulled(setup, *, pull: float = 0.5, square: bool = True):
    """One player and no opponent: the generator is pulled to the mean of the data."""

    def loss(move):
        keys, index = move.keys("latent"), move.context.example_index
        x = move("generator", setup.latents().draw(keys, index, setup.batch_size))
        away = x - jnp.mean(move.batch["image"], axis=0, keepdims=True)
        return move.number("pull") * jnp.mean(jnp.square(away) if square else jnp.abs(away)), {}

    return Game(
        networks={"generator": setup.network("generator")},
        inputs={"generator": (jax.ShapeDtypeStruct((setup.latents().dim,), jnp.float32),)},
        players={"generator": Player(("generator",), loss, setup.optimizer("generator"))},
        schedule=(("generator",),),
    )


class Sorter(nn.Module):
    """Class logits of images."""

    classes: int

    @nn.compact
    def __call__(self, x, *, train=False, keys=None, axis_name=None):
        x = nn.Dense(16, use_bias=False)(x.reshape(x.shape[0], -1))
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, axis_name=axis_name, use_fast_variance=False)(x)
        return nn.Dense(self.classes)(nn.relu(x))


def sorting(setup):
    """One player that learns the classes of images; nothing to draw, two scores and one that knows its examples."""

    def cost(move):
        logits = move("sorter", move.batch["image"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, move.batch["label"])

    def right(move):
        logits = move("sorter", move.batch["image"])
        return (jnp.argmax(logits, axis=1) == move.batch["label"]).astype(jnp.float32)

    def loss(move):
        value = jnp.mean(cost(move))
        return value, {"loss": value}

    image = setup.feature("image").shape
    return Game(
        networks={"sorter": Sorter(setup.feature("label").classes)},
        inputs={"sorter": (jax.ShapeDtypeStruct(image, jnp.float32),)},
        players={"sorter": Player(("sorter",), loss, setup.optimizer("discriminator"))},
        schedule=(("sorter",),),
        scores={
            "accuracy": Score(right),
            "cross_entropy": Score(cost, better="lower"),
            "brightness": Score(lambda move: jnp.mean(move.batch["image"], axis=(1, 2, 3)), ("image",)),
        },
    )


def normal_batch(features, key, lead):
    """Random examples {feature: [*lead, ...]}, other ones of each feature; classes in their range."""
    keys = {name: jax.random.fold_in(key, zlib.crc32(name.encode())) for name in features}
    return {
        name: jax.random.normal(keys[name], (*lead, *feature.shape))
        if feature.classes is None
        else jax.random.randint(keys[name], lead, 0, feature.classes)
        for name, feature in features.items()
    }


POINTS = {"image": Feature((2,))}


def data_of(shape):
    """What a game asks of data that are examples of one shape."""
    return SimpleNamespace(features={"image": Feature(shape, (-1.0, 1.0) if len(shape) == 3 else None)})


# name -> (builder, features of a real example)
GAMES_UNDER_TEST = {
    "gan": (gan, POINTS),
    "gan_five_steps": (gan_five_steps, POINTS),
    "gan_simultaneous": (gan_simultaneous, POINTS),
    "gan_batch_norm": (gan_batch_norm, POINTS),
    "conditional": (conditional, {**POINTS, "label": Feature((), classes=3)}),
    "projection": (projection, labelled_points("image", "label")),
    "auxiliary": (auxiliary, labelled_points("image", "label")),
    "semi_supervised": (semi_supervised, labelled_points("image", "other", "labelled", "labelled_label")),
    "info": (info, POINTS),
    "cycle": (cycle, {"a": Feature((2,)), "b": Feature((2,))}),
    "gradient_reversal": (gradient_reversal, {"image": Feature((5,))}),
    "frozen_teacher": (frozen_teacher, POINTS),
}
