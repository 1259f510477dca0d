"""A backend that cannot start and settings that change every number: one line, nothing written."""

import jax
import pytest
from support.commands import TINY, elsewhere, here, refuse_training, refused

import gan_jax
from gan_jax.training import backend

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", f"--config={TINY}", "--workdir=run"),
        ("sample", "--workdir=run", "--out=a.npy"),
        ("evaluate", "--workdir=run", "--metrics=modes"),
        ("verify", "hinge"),
        ("figure", "costs", "--workdir=run"),
    ],
)
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (AssertionError(), "no such device was found"),
        (RuntimeError("no\nCUDA. (set JAX_PLATFORMS='')"), "no CUDA"),
    ],
)
def test_a_backend_that_cannot_start(monkeypatch, arguments, error, says):
    def fails(value):
        raise error

    monkeypatch.setattr(jax, "device_put", fails)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.delenv("JAX_DEFAULT_DEVICE", raising=False)
    assert refused(*arguments) == (
        f"gan-jax: JAX cannot start with JAX_PLATFORMS=cuda: {says}; "
        "allowed: JAX_PLATFORMS=cpu, or JAX_PLATFORMS='' for the best that there is"
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("jax_enable_x64", True, "False, as without it or with JAX_ENABLE_X64=0"),
        ("jax_default_prng_impl", "rbg", "'threefry2x32', as without it or with JAX_DEFAULT_PRNG_IMPL=threefry2x32"),
        ("jax_threefry_partitionable", False, "True, as without it or with JAX_THREEFRY_PARTITIONABLE=1"),
    ],
)
def test_settings_that_change_every_number(name, value, allowed):
    before = getattr(jax.config, name)
    backend.check_settings()
    jax.config.update(name, value)
    try:
        with pytest.raises(gan_jax.ConfigError) as error:
            backend.check_settings()
        line = refuse_training() if value is False else f"gan-jax: {error.value}"
    finally:
        jax.config.update(name, before)
    said = (
        f"JAX's setting {name}={value!r} changes the numbers of every run, so that it could not be repeated; allowed: "
    )
    assert line == f"gan-jax: {error.value}" == f"gan-jax: {said}{allowed}"


def test_a_variable_that_jax_does_not_take():
    ended = elsewhere("--version", env={"JAX_ENABLE_X64": "maybe"})
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith("gan-jax: an environment variable of JAX is not possible: ")
    assert "JAX_ENABLE_X64" in ended.err
    assert here("--version").status == 0
