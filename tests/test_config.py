"""Configurations: storing, comparing, overriding from Python."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gan_jax
from gan_jax.config import default_config, difference, flatten, from_json, load_config, load_values, to_json, validate
from gan_jax.errors import ConfigError
from gan_jax.fields import all_fields

MNIST = "experiments/mnist/config.py"


def changed(path, value):
    config = default_config()
    *parents, leaf = path.split(".")
    inner = config
    with config.unlocked():
        for parent in parents:
            inner = inner[parent]
        inner[leaf] = value
    return config


def test_the_default_is_valid_and_survives_storing():
    config = validate(default_config())
    assert difference(config, from_json(to_json(config))) == {}
    assert set(flatten(config)) == set(all_fields())


def test_a_field_that_an_older_run_lacks_takes_its_default():
    text = to_json(validate(default_config())).replace('  "latent_scale": 1.0,\n', "")
    assert from_json(text).latent_scale == 1.0


@given(
    st.sampled_from(["optimizer.generator.b1", "optimizer.discriminator.learning_rate", "ema.decay"]),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_numbers_are_accepted_exactly_where_the_rule_allows(path, value):
    allowed = 0 <= value < 1 if path != "optimizer.discriminator.learning_rate" else 0 <= value < float("inf")
    if allowed:
        assert flatten(validate(changed(path, value)))[path] == value
    else:
        with pytest.raises(ConfigError, match=path):
            validate(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("steps", 1.5),
        ("steps", "10"),
        ("steps", True),
        ("profile", 1),
        ("loss.name", 3),
        ("generator.mlp.widths", (1.5, 2)),
    ],
)
def test_types_are_exact(path, value):
    with pytest.raises(ConfigError, match=path):
        validate(untyped(path, value))


def untyped(path, value):
    """A plain dict, since a ConfigDict refuses some wrong types by itself."""
    config = default_config().to_dict()
    *parents, leaf = path.split(".")
    inner = config
    for parent in parents:
        inner = inner[parent]
    inner[leaf] = value
    return config


def test_a_whole_number_serves_as_a_float_and_a_list_as_a_tuple():
    stored = to_json(validate(changed("optimizer.generator.learning_rate", 1.0)))
    assert (
        from_json(stored.replace('"learning_rate": 1.0', '"learning_rate": 1')).optimizer.generator.learning_rate == 1.0
    )
    assert from_json(stored).generator.mlp.widths == (256, 256)


def test_load_config_overrides_from_python():
    config = gan_jax.load_config(
        MNIST, {"loss.name": "minimax", "generator.mlp.widths": (32,), "steps": 7, "profile": True}
    )
    assert (config.loss.name, config.generator.mlp.widths, config.steps, config.profile) == ("minimax", (32,), 7, True)
    assert gan_jax.load_config(MNIST + ":dcgan", ["batch_size=64"]).batch_size == 64


NUMBERS = [
    (np.float64(0.001), 0.001),
    (np.float32(0.1), 0.10000000149011612),
    (jnp.float32(0.1), 0.10000000149011612),
    (jnp.bfloat16(0.5), 0.5),
    (np.array(0.25), 0.25),
    (np.longdouble(0.25), 0.25),
    (np.int64(1), 1.0),
]


@pytest.mark.parametrize(("given", "number"), NUMBERS)
def test_numbers_of_numpy_and_jax_are_those_of_python(given, number):
    path = "optimizer.generator.learning_rate"
    configs = [load_config(MNIST, {path: given}), load_values({path: given}), validate(changed(path, given))]
    for config in configs:
        value = flatten(config)[path]
        assert (type(value), value) == (float, number)
        assert from_json(to_json(config)).optimizer.generator.learning_rate == number


def test_numbers_of_numpy_in_other_fields():
    values = {
        "steps": np.int64(7),
        "profile": np.bool_(True),
        "loss.name": np.str_("hinge"),
        "generator.mlp.widths": np.array([8, 4]),
        "discriminator.mlp.widths": [np.int32(8), jnp.int32(4)],
        "penalties.own.options": {"a": np.float32(0.5), "b": (np.uint8(3), [jnp.int32(1)])},
    }
    for config in (load_config(MNIST, values), load_values(values)):
        assert (config.steps, config.profile, config.loss.name) == (7, True, "hinge")
        assert config.generator.mlp.widths == config.discriminator.mlp.widths == (8, 4)
        assert config.penalties.own.options.to_dict() == {"a": 0.5, "b": (3, [1])}
        json.loads(to_json(config))
    for wrong in (np.float64(3.0), np.float32(3), np.bool_(True), np.array([3, 4]), np.datetime64("2020")):
        for load in (load_values, lambda values: load_config(MNIST, values)):
            with pytest.raises(ConfigError, match=r"^steps=.*allowed: a whole number"):
                load({"steps": wrong})


def test_every_shipped_experiment_is_valid():
    for variant in ("mlp", "dcgan", "maxout"):
        gan_jax.load_config(f"{MNIST}:{variant}")
    gan_jax.load_config("experiments/ring/config.py")
    for variant in ("yunjey", "udacity", "wiseodd", "keras_dcgan", "jang", "aylien"):
        gan_jax.load_config(f"experiments/tutorials/config.py:{variant}")


def test_difference_names_fields_and_both_values():
    assert difference(default_config(), changed("steps", 5)) == {"steps": (20_000, 5)}
