"""A folder of images that does not fit the memory limit: trained from a stream, with the same numbers."""

import json

import numpy as np
import pytest
from PIL import Image

import gan_jax
from gan_jax.config import default_config, validate


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    place.mkdir()
    rng = np.random.default_rng(0)
    for i in range(30):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(place / f"{i:02d}.png")
    return place


def config_for(folder, limit, steps=12):
    config = default_config()
    with config.unlocked():
        config.data.name = f"folder:{folder}"
        config.data.folder.memory_limit_mb = limit
        config.steps, config.batch_size, config.latent_dim = steps, 8, 4
        config.generator.mlp.widths = config.discriminator.mlp.widths = (8,)
        config.log_every, config.sample_every, config.checkpoint_every = 5, 0, 5
        config.sample_count = 4
    return validate(config)


def losses_of(workdir):
    return [json.loads(line)["discriminator/loss"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_a_stream_trains_as_resident_data_do(folder, tmp_path):
    resident = gan_jax.train(config_for(folder, 2048), tmp_path / "resident", progress=False)
    streamed = gan_jax.train(config_for(folder, 0), tmp_path / "streamed", progress=False)
    np.testing.assert_allclose(losses_of(tmp_path / "streamed"), losses_of(tmp_path / "resident"), rtol=1e-5)
    assert (resident.step, streamed.step) == (12, 12)


def test_a_stream_continues_where_it_stopped(folder, tmp_path):
    whole = gan_jax.train(config_for(folder, 0), tmp_path / "whole", progress=False)
    gan_jax.train(config_for(folder, 0, steps=7), tmp_path / "parts", progress=False)
    parts = gan_jax.train(config_for(folder, 0), tmp_path / "parts", progress=False)
    assert parts.params_sha256 == whole.params_sha256
