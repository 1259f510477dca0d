"""What penalties, rules and layers carry between moves survives a stop: the same bits as without one."""

import json

import numpy as np

import gan_jax
from gan_jax.config import load_values

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
    "penalties.r1.weight": 0.1,
    "update.name": "optimistic",
    "sample_count": 4,
    "log_every": 2,
}


def test_stopped_and_continued_gives_the_same_bits(tmp_path):
    whole = gan_jax.train(load_values({**FIELDS, "steps": 8}), tmp_path / "whole", progress=False)
    gan_jax.train(load_values({**FIELDS, "steps": 4}), tmp_path / "parts", progress=False)
    parts = gan_jax.train(load_values({**FIELDS, "steps": 8}), tmp_path / "parts", progress=False)
    assert parts.step == whole.step == 8
    assert parts.params_sha256 == whole.params_sha256
    one, other = ((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1] for name in ("whole", "parts"))
    kept = {"discriminator/lecam", "generator/historical_averaging_generator", "discriminator/r1"}
    assert kept <= set(json.loads(one))
    assert all(json.loads(one)[name] == json.loads(other)[name] for name in kept)
    images = gan_jax.load_run(tmp_path / "parts").sample(5)  # of a generator that carries its reference batch
    assert np.isfinite(images).all()
