"""What penalties, rules and layers carry between moves survives a stop: the same bits as without one."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gan_jax
from gan_jax.build import build_game, build_hyper, build_source
from gan_jax.config import load_values
from gan_jax.errors import WorkdirError
from gan_jax.training.checkpoints import leaves_of, restored_like
from gan_jax.training.state import init_state

FIELDS = {
    "data.name": "ring",
    "batch_size": 8,
    "latent_dim": 2,
    "generator.mlp.widths": (4,),
    "generator.mlp.output": "linear",
    "generator.mlp.batch_norm": True,
    "generator.mlp.reference": 4,
    "discriminator.mlp.widths": (4,),
    "discriminator.mlp.spectral_norm": True,
    "penalties.lecam.weight": 0.1,
    "penalties.historical_averaging_generator.weight": 0.1,
    "rule.name": "optimistic",
    "sample_count": 4,
    "log_every": 2,
    "health.samples": 0,
}


def test_numbers_that_follow_from_the_configuration_need_not_be_in_a_checkpoint():
    """As where a later version has more of them than the one that wrote it."""
    config = load_values({**FIELDS, "steps": 8})
    state = init_state(build_game(config, build_source(config)), jax.random.key(1), build_hyper(config))
    leaves = leaves_of(state)
    del leaves["hyper/penalties.lecam.weight"]
    leaves["hyper/steps"] = np.float32(4.0)
    restored = restored_like(state.replace(step=jnp.int32(7)), leaves, but=("hyper/",))
    assert restored.hyper == state.hyper
    assert int(restored.step) == 0
    del leaves["params/generator/output/bias"]
    with pytest.raises(WorkdirError, match="params/generator/output/bias"):
        restored_like(state, leaves, but=("hyper/",))


def test_stopped_and_continued_gives_the_same_bits(tmp_path):
    whole = gan_jax.train(load_values({**FIELDS, "steps": 8}), tmp_path / "whole", progress=False)
    gan_jax.train(load_values({**FIELDS, "steps": 4}), tmp_path / "parts", progress=False)
    parts = gan_jax.train(load_values({**FIELDS, "steps": 8}), tmp_path / "parts", progress=False)
    assert parts.step == whole.step == 8
    assert parts.params_sha256 == whole.params_sha256
    one, other = ((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1] for name in ("whole", "parts"))
    kept = {"discriminator/lecam", "generator/historical_averaging_generator"}
    assert kept <= set(json.loads(one))
    assert all(json.loads(one)[name] == json.loads(other)[name] for name in kept)
    images = gan_jax.load_run(tmp_path / "parts").sample(5)  # of a generator that carries its reference batch
    assert np.isfinite(images).all()
