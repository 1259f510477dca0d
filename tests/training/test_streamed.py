"""A folder of images that does not fit the memory limit: trained from a stream, with the same numbers."""

import json

import numpy as np
import pytest
from PIL import Image

import gan_jax
from gan_jax.config import default_config, validate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("images")
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
        config.sample_count, config.health.samples = 4, 0
    return validate(config)


def losses_of(workdir):
    return [json.loads(line)["discriminator/loss"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def streamed(folder, tmp_path_factory):
    """(work directory, result) of a run on the stream, without a break."""
    workdir = tmp_path_factory.mktemp("runs") / "streamed"
    return workdir, gan_jax.train(config_for(folder, 0), workdir, progress=False)


def test_a_stream_trains_as_resident_data_do(folder, streamed, tmp_path):
    resident = gan_jax.train(config_for(folder, 2048), tmp_path / "resident", progress=False)
    workdir, done = streamed
    np.testing.assert_allclose(losses_of(workdir), losses_of(tmp_path / "resident"), rtol=1e-5)
    assert (resident.step, done.step) == (12, 12)


def test_a_stream_continues_where_it_stopped(folder, streamed, tmp_path):
    gan_jax.train(config_for(folder, 0, steps=7), tmp_path / "parts", progress=False)
    parts = gan_jax.train(config_for(folder, 0), tmp_path / "parts", progress=False)
    assert parts.params_sha256 == streamed[1].params_sha256
