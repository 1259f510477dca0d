"""What a game asks of a configuration, and what becomes of what it never asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.states import QUICKLY

import gan_jax
from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.config import load_values
from gan_jax.errors import ConfigError
from gan_jax.sweeps import Sweep, grid
from gan_jax.sweeps.driver import sweep
from gan_jax.sweeps.executors import LOCAL
from gan_jax.sweeps.layout import structure_of
from gan_jax.training.state import init_state
from gan_jax.training.step import make_step

OWN = {
    "data.name": "ring", "game.name": "support.toys:pulled", "generator.mlp.widths": (4,), "latent_dim": 3,
    "generator.mlp.output": "linear", "optimizer.generator.learning_rate": 0.5, "optimizer.generator.name": "sgd",
    "batch_size": 8,
}  # fmt: skip


def built(**fields):
    config = load_values({**OWN, **{name.replace("__", "."): value for name, value in fields.items()}})
    return config, build_game(config, build_source(config))


@pytest.mark.parametrize(
    ("field", "value", "section"),
    [
        ("loss.name", "hinge", "loss"),
        ("loss.non_saturating.real_target", 0.9, "loss"),
        ("penalties.r1.weight", 10.0, "penalties of the discriminator"),
        ("penalties.zcr_generator.weight", 10.0, "penalties of the generator"),
        ("discriminator.mlp.widths", (8,), "discriminator"),
        ("optimizer.discriminator.learning_rate", 0.1, "optimizer.discriminator"),
        ("instance_noise.std", 0.1, "instance_noise"),
        ("schedule.discriminator_steps", 5, "schedule"),
        ("sample_statistics", "batch", "sample_statistics"),
    ],
)
def test_a_field_that_a_game_never_asked_for_is_refused(field, value, section):
    with pytest.raises(ConfigError) as refused:
        built(**{field.replace(".", "__"): value})
    assert str(refused.value) == (
        f"{field}={value!r} has no effect: game.name='support.toys:pulled' asks for no {section}; "
        "it asks for generator, latent, optimizer.generator"
    )


def test_a_penalty_of_ones_own_is_refused_too():
    own = {"penalties__own__name": "gan_jax.penalties.gradient:r1", "penalties__own__weight": 1.0}
    with pytest.raises(ConfigError, match=r"^penalties\.own\.\w+=.* has no effect: .* penalties of the discriminator"):
        built(**own)


def test_a_games_numbers_vary_without_another_program():
    states, programs = [], []
    for options, pull in (({}, 0.5), ({"pull": 2}, 2.0)):  # the default; a whole number
        config, game = built(game__options=options)
        programs.append(structure_of(config))
        assert build_hyper(config)["game.options.pull"] == pull
        states.append(init_state(game, jax.random.key(0), build_hyper(config)))
    assert programs[0] == programs[1]
    step = jax.jit(make_step(game, local_batch=8), compiler_options=QUICKLY)
    batch = {"image": jnp.ones((1, 8, 2))}
    moved = [
        jax.tree.map(lambda a, b: a - b, step(state, batch)[0].params, state.params)["generator"]["output"]["bias"]
        for state in states
    ]
    np.testing.assert_allclose(moved[1], 4.0 * moved[0], rtol=1e-4)
    assert step._cache_size() == 1


def test_other_options_and_a_number_that_is_zero_are_structure():
    one, other, zero = (
        structure_of(built(game__options=options)[0]) for options in ({"pull": 1.0}, {"square": False}, {"pull": 0.0})
    )
    assert len({one, other, zero}) == 3
    config, game = built(game__options={"pull": 0.0})
    assert "game.options.pull" not in build_hyper(config)
    assert not game.numbers["pull"]
    assert game.numbers["pull"].value == 0.0


def test_an_option_that_a_game_does_not_take_is_refused():
    with pytest.raises(ConfigError, match=r"support\.toys:pulled.*unexpected keyword argument 'push'"):
        built(game__options={"push": 1.0})
    for value in ("far", True, None):
        with pytest.raises(ConfigError, match=rf"^game\.options\.pull={value!r} is not possible; allowed: a number$"):
            built(game__options={"pull": value})


@pytest.mark.parametrize(("field", "value", "default"), [
    ("health.samples", 8, 256), ("sample_every", 10, 1000), ("sample_count", 9, 64),
])  # fmt: skip
def test_a_field_of_samples_is_refused_where_nothing_is_drawn(tmp_path, field, value, default):
    config = load_values({**OWN, "steps": 4, field: value})
    rates = Sweep(grid({"optimizer.generator.learning_rate": [0.1, 0.2]}))
    for begin in (
        lambda: gan_jax.train(config, tmp_path / "run", progress=False),
        lambda: sweep(rates, config, tmp_path / "run", LOCAL, progress=False),
    ):
        with pytest.raises(ConfigError) as refused:
            begin()
        assert str(refused.value) == (
            f"{field}={value} has no effect: game.name='support.toys:pulled' has nothing to draw; "
            f"allowed: {default}, the default"
        )
        assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("*.json"))


def test_a_game_with_nothing_to_draw_trains_and_goes_on(tmp_path):
    config = load_values({**OWN, "steps": 4, "log_every": 2, "ema.decay": 0.5})
    result = gan_jax.train(config, tmp_path / "run", progress=False)
    assert (result.status, result.sample_grid) == ("finished", None)
    longer = load_values({**OWN, "steps": 8, "log_every": 2, "ema.decay": 0.5})
    assert gan_jax.train(longer, tmp_path / "run", progress=False).step == 8
    with pytest.raises(ConfigError, match="nothing to draw"):
        gan_jax.load_run(tmp_path / "run").sample(3)
