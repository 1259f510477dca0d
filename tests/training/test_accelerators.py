"""The programs of accelerators, lowered without one: plain convolutions, nothing of the host, the state donated."""

import functools
import re
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest
from jax import export
from support import matrix
from support.play import SHAPE, fetch
from support.program_text import donated, lowered_pmap, of_the_host
from support.toys import data_of

from gan_jax import registry
from gan_jax.build import build_game, build_hyper
from gan_jax.config import load_values
from gan_jax.data import Feature, decode
from gan_jax.game import data_rounds
from gan_jax.training.parallel import device_mesh, make_loop, make_program
from gan_jax.training.sampling import make_sampler
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

PLATFORMS = ("cpu", "cuda", "tpu")
BATCH = matrix.BASE["batch_size"]


def pair(name, **fields):
    """Fields of a game whose networks are both of one family."""
    return {"generator.name": name, "discriminator.name": name, **fields}


DCGAN = pair("dcgan")
ALONE = {**DCGAN, "discriminator.dcgan.batch_norm": False}  # examples that do not see one another

# What is trained -> (its fields, convolution layers of the generator, of the discriminator, passes of the latter
# over real and generated examples)
GAMES = {
    "mlp with minibatch discrimination and spectral norm": (
        pair("mlp", **{"discriminator.mlp.minibatch_features": 2, "discriminator.mlp.spectral_norm": True}), 0, 0, 2,
    ),
    "maxout": (pair("maxout"), 0, 0, 1),
    "dcgan with virtual batch norm in bfloat16": (
        {**DCGAN, "generator.dcgan.reference": 4, "precision": "bfloat16"}, 2, 2, 2,
    ),
    "dcgan with spectral norm and no batch norm": ({**ALONE, "discriminator.dcgan.spectral_norm": True}, 2, 2, 1),
    "keras_dcgan": (pair("keras_dcgan"), 4, 4, 1),
}  # fmt: skip
SMALL = {"generator.maxout.widths": (4,), "generator.keras_dcgan.depth": 8, "discriminator.keras_dcgan.depth": 1}
PENALIZED = {**ALONE, "penalties.wgan_gp.weight": 10.0}


@functools.cache
def built(fields):
    """(game, the state's shapes, its loop) of fields, given as sorted pairs."""
    config = load_values({**matrix.BASE, **SMALL, **dict(fields)})
    game = build_game(config, data_of(SHAPE))
    state = jax.eval_shape(lambda: init_state(game, jax.random.key(0), build_hyper(config), ema=config.ema.decay > 0))
    return game, state, loop_of(game)


def of(fields):
    return built(tuple(sorted(fields.items())))


def loop_of(game, fetch=fetch, around=lambda step: step, **options):
    """The loop on one device; ``around`` puts something around its steps."""
    sizes = {"rounds": len(data_rounds(game)), "local_batch": BATCH, "batch_size": BATCH, "axis_name": None}
    return make_loop(around(make_step(game, local_batch=BATCH)), fetch, **sizes, **options)


COUNT = jax.ShapeDtypeStruct((), jnp.int32)


def lowered(program, *arguments):
    """{platform: StableHLO} of a jitted function, traced once."""
    traced = program.trace(*arguments)
    return {platform: traced.lower(lowering_platforms=(platform,)).as_text() for platform in PLATFORMS}


def convolutions(text):
    return text.count("stablehlo.convolution")


def in_a_step(generator, discriminator, passes):
    """Convolutions in a step of networks with so many layers of them, none done twice.

    In the discriminator's move: forward, and the gradients of kernels and of inputs but the images. In the generator's:
    the same of its own, and through the discriminator without kernels.
    """
    return generator + passes * (3 * discriminator - (discriminator > 0)) + 3 * generator + 2 * discriminator


def assert_of_devices_alone(texts, leaves):
    for platform, text in texts.items():
        assert not of_the_host(text), platform
        assert donated(text) == leaves, platform  # the run's key too, which goes through unchanged


def test_every_registered_network_and_game_is_here():
    fields = [fields for fields, *_ in GAMES.values()]
    of_cycle, of_labels = {"translator", "patch"}, {"mirza", "projection", "salimans"}
    for kind in ("generator", "discriminator"):
        assert {f[f"{kind}.name"] for f in fields} == set(registry.TABLES[kind]) - of_cycle - of_labels
    # "gan" is the default of every configuration here; the others are it with labels beside inputs, or other heads.
    others = {"conditional", "auxiliary", "info"}
    assert set(registry.TABLES["game"]) == {"gan", *others, *OF_LABELS, "cycle"}


@pytest.mark.parametrize("name", GAMES)
def test_a_training_program(name):
    fields, generator, discriminator, passes = GAMES[name]
    _, state, loop = of(fields)
    texts = lowered(jax.jit(loop, donate_argnums=0), state, {}, {}, COUNT)
    assert_of_devices_alone(texts, len(jax.tree.leaves(state)))
    expected = in_a_step(generator, discriminator, passes)
    assert [convolutions(texts[platform]) for platform in PLATFORMS] == [0, expected, expected]
    dtypes = re.findall(r"stablehlo\.convolution.*x(bf16|f32)>$", texts["cuda"], re.MULTILINE)
    assert set(dtypes) <= {"bf16" if fields.get("precision") == "bfloat16" else "f32"}
    assert len(dtypes) == convolutions(texts["cuda"])


LABEL = Feature((), classes=3)
OF_LABELS = {
    "projection": (pair("projection"), {"label": LABEL}),
    "semi_supervised": (
        {"generator.name": "mlp", "discriminator.name": "salimans"},
        {"other": None, "labelled": None, "labelled_label": LABEL},
    ),
}


@pytest.mark.parametrize("name", OF_LABELS)
def test_games_of_labels(name):
    fields, more = OF_LABELS[name]
    config, (image,) = load_values({**fields, "game.name": name, "batch_size": BATCH}), data_of(SHAPE).features.values()
    features = {"image": image, **{feature: own or image for feature, own in more.items()}}
    game = build_game(config, SimpleNamespace(features=features))
    state = jax.eval_shape(lambda: init_state(game, jax.random.key(0), build_hyper(config)))

    def given(*how):
        one = fetch(*how)["image"]
        return {n: one if f.classes is None else jnp.zeros(len(one), jnp.int32) for n, f in features.items()}

    texts = lowered(jax.jit(loop_of(game, given), donate_argnums=0), state, {}, {}, COUNT)
    assert_of_devices_alone(texts, len(jax.tree.leaves(state)))
    assert (convolutions(texts["cuda"]) > 0) == (convolutions(texts["tpu"]) > 0) == (name == "projection")


def test_translators_and_patches_with_a_pool():
    fields = {
        "game.name": "cycle", "game.cycle.pool": BATCH, "generator.name": "translator", "discriminator.name": "patch",
        "generator.translator.channels": 2, "generator.translator.blocks": 0, "discriminator.patch.channels": 2,
        "discriminator.patch.layers": 1, "batch_size": BATCH,
    }  # fmt: skip
    config, (image,) = load_values(fields), data_of(SHAPE).features.values()
    game = build_game(config, SimpleNamespace(features={"a": image, "b": image}))
    state = jax.eval_shape(lambda: init_state(game, jax.random.key(0), build_hyper(config)))
    one = lambda arrays, key, position: fetch(arrays, key, position)["image"]
    loop = loop_of(game, lambda *given: {"a": one(*given), "b": one(*given)})
    texts = lowered(jax.jit(loop, donate_argnums=0), state, {}, {}, COUNT)
    assert_of_devices_alone(texts, len(jax.tree.leaves(state)))
    assert convolutions(texts["cuda"]) == convolutions(texts["tpu"]) > 0


def test_second_order():
    """A gradient penalty differentiates convolutions twice; no derivative falls back to the products of CPUs."""
    _, state, loop = of(PENALIZED)
    texts = lowered(jax.jit(loop, donate_argnums=0), state, {}, {}, COUNT)
    assert_of_devices_alone(texts, len(jax.tree.leaves(state)))
    for platform in ("cuda", "tpu"):
        # For each layer at least: logits, their gradient in the images, and the reverse of both.
        assert convolutions(texts[platform]) >= in_a_step(2, 2, 1) + 2 * 4
        # CPUs have a product for each convolution; one that stayed beside it would show.
        assert texts[platform].count("dot_general") + convolutions(texts[platform]) == texts["cpu"].count("dot_general")
    assert convolutions(texts["cpu"]) == 0


def test_a_streamed_loop():
    game, state, _ = of(pair("mlp"))
    stream = {"image": jax.ShapeDtypeStruct((3, len(data_rounds(game)), BATCH, *SHAPE), jnp.uint8)}
    program = jax.jit(loop_of(game, decode, streamed=True), donate_argnums=0)
    assert_of_devices_alone(lowered(program, state, {}, stream, COUNT), len(jax.tree.leaves(state)))


def test_runs_side_by_side():
    _, state, loop = of(DCGAN)
    runs = jax.tree.map(lambda x: jax.ShapeDtypeStruct((2, *x.shape), x.dtype), state)
    together = jax.jit(jax.vmap(loop, in_axes=(0, None, None, None)), donate_argnums=0)
    texts = lowered(together, runs, {}, {}, COUNT)
    assert_of_devices_alone(texts, len(jax.tree.leaves(state)))
    assert [convolutions(texts[platform]) for platform in PLATFORMS] == [0, in_a_step(2, 2, 2), in_a_step(2, 2, 2)]


@pytest.mark.parametrize("name", [name for name in GAMES if "bfloat16" not in name])
def test_samples(name):
    fields, generator, _, _ = GAMES[name]
    game, state, _ = of(fields)
    texts = lowered(make_sampler(game, data_of(SHAPE)).sample, state.params, state.stats, state.key, 8, "image")
    assert [convolutions(texts[platform]) for platform in PLATFORMS] == [0, generator, generator]
    assert not any(of_the_host(text) for text in texts.values())


@pytest.mark.parametrize("primitive", ["pmap", "shard_map"])
def test_the_program_over_devices_donates_its_state(primitive, monkeypatch):
    _, state, loop = of(pair("mlp"))
    mesh, arguments = device_mesh(jax.devices()[:1]), (state, {}, {}, COUNT)
    if primitive == "pmap":
        texts = [lowered_pmap(monkeypatch, lambda: make_program(loop, mesh), *arguments)]
    else:
        texts = lowered(make_program(loop, mesh, primitive=primitive), *arguments).values()
    for text in texts:
        assert donated(text) == len(jax.tree.leaves(state))
        assert not of_the_host(text)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_program_can_be_exported(platform):
    """JAX's own check that a program calls nothing but what every installation has."""
    _, state, loop = of(ALONE)
    exported = export.export(jax.jit(loop, donate_argnums=0), platforms=[platform])(state, {}, {}, COUNT)
    assert convolutions(exported.mlir_module()) == in_a_step(2, 2, 1)


def test_a_callback_is_found():
    game, state, _ = of(pair("mlp"))

    def noisy(step):
        def spoken(state, batch, last):
            jax.debug.callback(lambda step: None, state.step)
            return step(state, batch, last)

        return spoken

    text = jax.jit(loop_of(game, around=noisy)).lower(state, {}, {}, COUNT).as_text()
    assert any("callback" in call for call in of_the_host(text))
    assert donated(text) == 0
