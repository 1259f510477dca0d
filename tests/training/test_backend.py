"""A backend that cannot start and settings that change every number: one line, nothing written."""

import json

import jax
import pytest
from support.commands import TINY, elsewhere, here, refuse_training, refused

import gan_jax
from gan_jax.training import process
from gan_jax.training.checks import _other_rounding as other_rounding
from gan_jax.training.records import write_environment

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
    process.check_settings()
    jax.config.update(name, value)
    try:
        with pytest.raises(gan_jax.ConfigError) as error:
            process.check_settings()
        line = refuse_training() if value is False else f"gan-jax: {error.value}"
    finally:
        jax.config.update(name, before)
    said = (
        f"JAX's setting {name}={value!r} changes the numbers of every run, so that it could not be repeated; allowed: "
    )
    assert line == f"gan-jax: {error.value}" == f"gan-jax: {said}{allowed}"


def test_a_variable_that_jax_does_not_take():
    ended = elsewhere("sample", "--workdir=run", "--out=x.png", env={"JAX_ENABLE_X64": "maybe"})
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert ended.err.startswith("gan-jax: an environment variable of JAX is not possible: ")
    assert "JAX_ENABLE_X64" in ended.err
    assert here("--version").status == 0


def test_variables_are_recorded_and_another_value_is_said(tmp_path, monkeypatch):
    for name in process.ROUNDING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    write_environment(tmp_path, ["gan-jax"], 0)
    stored = json.loads((tmp_path / "environment.json").read_text())
    assert process.differing(stored) == process.differing({}) == ""
    other = {**stored, "cores": 1000, "versions": {"jaxlib": "0.0.1"}}
    assert process.differing(other).startswith("cores=1000 then, ")
    assert "jaxlib='0.0.1' then, " in process.differing(other)
    monkeypatch.setenv("XLA_FLAGS", "--xla_a=1")
    monkeypatch.setenv("JAX_LOG_COMPILES", "0")  # changes no number
    assert other_rounding(tmp_path) == [
        "this run may go on with other last digits than it began: XLA_FLAGS='' then, '--xla_a=1' now"
    ]
    write_environment(tmp_path, ["gan-jax"], 5)
    assert other_rounding(tmp_path) == []
    stored = json.loads((tmp_path / "environment.json").read_text())
    assert stored["variables"]["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"
    assert [later["variables"].get("XLA_FLAGS") for later in stored["resumed"]] == ["--xla_a=1"]
    (tmp_path / "environment.json").write_text("{")
    with pytest.raises(gan_jax.WorkdirError, match=r"environment\.json cannot be read"):
        write_environment(tmp_path, ["gan-jax"], 5)


def test_python_takes_a_home_too():
    with pytest.raises(gan_jax.ConfigError, match="workdir='~nobody-at-all/x': there is no home directory"):
        gan_jax.train(gan_jax.load_config(TINY), "~nobody-at-all/x")
