"""What the documentation shows, run as it stands there."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import gan_jax
from gan_jax.config import default_config, validate
from gan_jax.fields import all_fields

DOCS = Path(__file__).parent.parent / "docs"
TINY = {
    "data.name": "ring", "steps": 3, "batch_size": 8, "latent_dim": 4, "log_every": 1, "generator.mlp.output": "linear",
    "generator.mlp.widths": (8,), "discriminator.mlp.widths": (8,), "sample_count": 16,
}  # fmt: skip


def files_of(page):
    """{file name: text} of the code blocks whose first line is a comment that names a file."""
    files = {}
    for block in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL):
        name = re.match(r"# (\w+\.py)", block)[1]
        files[name] = files.get(name, "") + block
    return files


@pytest.fixture
def user_files(tmp_path, monkeypatch):
    for name, text in files_of("extending.md").items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("my_losses", "my_networks", "my_games"):
        sys.modules.pop(name, None)


def config_with(**changes):
    config = default_config()
    with config.unlocked():
        for path, value in {**TINY, **changes}.items():
            *parents, leaf = path.split(".")
            inner = config
            for parent in parents:
                inner = inner[parent]
            inner[leaf] = value
    return validate(config)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss.name": "my_losses:hinge"},
        {"loss.name": "my_losses:margin", "loss.options": {"margin": 2.0}},
        {"generator.name": "my_networks:Residual", "generator.options": {"width": 16}},
        {"game.name": "my_games:matching_means", "game.options": {"weight": 10.0}},
    ],
)
def test_extending_works_as_written(user_files, changes):
    result = gan_jax.train(config_with(**changes), user_files / "run", progress=False)
    assert result.status == "finished"
    assert all(np.isfinite(v) for v in result.metrics.values())
    if "game.name" in changes:
        assert "generator/distance" in result.metrics
    assert gan_jax.load_run(user_files / "run").sample(3).shape == (3, 2)


def test_the_loss_of_the_docs_is_the_hinge_loss(user_files):
    import my_losses

    discriminator, generator = my_losses.hinge
    real, fake = np.array([0.5, 2.0], np.float32), np.array([-0.5, -3.0], np.float32)
    np.testing.assert_allclose(discriminator(real, fake), [1.0, 0.0])
    np.testing.assert_allclose(generator(real, fake), [0.5, 3.0])


def test_every_field_is_documented():
    text = (DOCS / "configuration.md").read_text()
    for path, field in all_fields().items():
        assert f"| `{path}` | `{field.default!r}` |" in text, f"run `make docs`: {path} is missing or old"
