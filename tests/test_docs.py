"""What the documentation shows, run as it stands there."""

import fnmatch
import importlib.util
import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import gan_jax
from gan_jax import data
from gan_jax.config import default_config, load_values, validate
from gan_jax.extractors import of_callable
from gan_jax.fields import all_fields
from gan_jax.metrics.table import EXTRACTOR_NAMES, OF_EXAMPLES, OF_FEATURES, load
from gan_jax.registry import resolve_reference
from gan_jax.verification.checks import failures
from gan_jax.verification.run import verify

DOCS = Path(__file__).parent.parent / "docs"
TINY = {
    "data.name": "ring", "steps": 3, "batch_size": 8, "latent_dim": 4, "log_every": 1, "generator.mlp.output": "linear",
    "generator.mlp.widths": (8,), "discriminator.mlp.widths": (8,), "sample_count": 16, "health.samples": 0,
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
    for name in files_of("extending.md"):
        name = name.removesuffix(".py")
        sys.modules.pop(name, None)


def config_with(**changes):
    config = default_config()
    with config.unlocked():
        own = "generator.name" in changes
        base = {path: value for path, value in TINY.items() if not (own and path.startswith("generator.mlp."))}
        for path, value in {**base, **changes}.items():
            *parents, leaf = path.split(".")
            inner = config
            for parent in parents:
                inner = inner[parent]
            inner[leaf] = value
    return validate(config)


# Everything that extending.md shows is in one of these runs: parts of different kinds go together.
RUNS = {
    "options": {
        "loss.name": "my_losses:margin", "loss.options": {"margin": 2.0},
        "penalties.own.name": "my_penalties:checked", "penalties.own.weight": 0.001,
        "penalties.own.options": {"power": 3.0},
        "rule.name": "my_rules:lookahead", "rule.options": {"weight": 0.5},
        "generator.name": "my_networks:Residual", "generator.options": {"width": 16},
        "generator.mlp.widths": (256, 256), "generator.mlp.output": "tanh",  # of mlp, which it is not: as by default
        "optimizer.generator.name": "my_optimizers:lion", "optimizer.generator.options": {"b1": 0.5},
        "optimizer.generator.schedule": "my_optimizers:warmup",
        "optimizer.generator.schedule_options": {"share": 0.5},
    },
    "a game, a pair of functions, a plain function": {
        "loss.name": "my_losses:hinge", "penalties.own.name": "my_penalties:drift", "penalties.own.weight": 0.001,
        "game.name": "my_games:matching_means", "game.options": {"weight": 10.0},
    },
}  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_extending_works_as_written(user_files, run):
    changes = RUNS[run]
    result = gan_jax.train(config_with(**changes), user_files / "run", progress=False)
    assert result.status == "finished"
    assert all(np.isfinite(v) for v in result.metrics.values())
    assert ("generator/distance" in result.metrics) == ("game.name" in changes)
    assert result.metrics["discriminator/own"] >= 0
    assert gan_jax.load_run(user_files / "run").sample(3).shape == (3, 2)


# name of the game -> (lines that it may take, what else is set)
OWN_GAMES = {
    "my_conditional:build": (60, {"data.name": "digits", "generator.mlp.output": "tanh"}),
    "my_three:build": (80, {"recognition.name": "maxout", "game.options": {"information": 0.5}}),
}


SCORED = {
    "game.name": "my_classifier:build", "data.name": "digits", "evaluation.split": "train", "steps": 100,
    "discriminator.mlp.widths": (32,), "optimizer.discriminator.learning_rate": 1e-2, "evaluation.every": 50,
    "evaluation.metrics": ("score:accuracy",), "evaluation.best": "score:accuracy",
}  # fmt: skip


@pytest.mark.parametrize("name", OWN_GAMES)
def test_a_game_of_extending_trains(user_files, name):
    most, changes = OWN_GAMES[name]
    assert len(files_of("extending.md")[name.replace(":build", ".py")].splitlines()) < most
    config = load_values({**TINY, "game.name": name, **changes})
    result = gan_jax.train(config, user_files / "run", progress=False)
    assert all(np.isfinite(v) for v in result.metrics.values())
    assert ("recognition/loss" in result.metrics) == (name == "my_three:build")
    run = gan_jax.load_run(user_files / "run")
    if name == "my_conditional:build":
        assert run.sample(3, labels=[0, 1, 2]).shape == (3, 8, 8, 1)
        assert not np.array_equal(run.sample(3, labels=0), run.sample(3, labels=1))


def test_the_game_with_scores_of_extending_learns(user_files):
    result = gan_jax.train(load_values(SCORED), user_files / "run", progress=False)
    assert result.best["metric"] == "score:accuracy"
    assert result.best["value"] > 0.5


def test_everything_that_extending_shows_is_run_or_verified(user_files):
    text = (DOCS / "extending.md").read_text()
    shown = {name for name in re.findall(r"\bmy_\w+:\w+", text) if not name.startswith("my_features")}
    run = {value for changes in RUNS.values() for value in changes.values() if isinstance(value, str) and ":" in value}
    assert shown == {*run, *OWN_GAMES, SCORED["game.name"]}


# A pair of functions and a loss that claims more; test_the_loss_of_the_docs says what the pair is.
@pytest.mark.parametrize("name", ["my_losses:paper_2014", "my_penalties:checked", "my_rules:lookahead"])
def test_what_extending_shows_is_verified(user_files, name):
    for _, checks in verify(name):
        assert not failures(checks)


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


def test_every_metric_is_documented():
    text = (DOCS / "evaluation.md").read_text()
    for name in (*OF_FEATURES, *OF_EXAMPLES):
        row = re.search(rf"^\| `{name}(_E)?` \|.*$", text, re.MULTILINE)
        assert row, name
        for value in load(name).values:
            shown = f"`{value}_E`" if row[1] else f"`{value}`"
            assert shown in row[0] or "the same" in row[0] or f"`...{value.removeprefix(name)}_E`" in row[0], value
    for extractor in EXTRACTOR_NAMES:
        assert f"| `{extractor}` |" in text


def test_the_data_of_the_docs(user_files):
    import my_data

    for name, num in (("photos", 3), ("paintings", 4)):
        (user_files / name).mkdir()
        for index in range(num):
            Image.fromarray(np.full((9, 8), 20 * index, np.uint8)).save(user_files / name / f"{index}.png")
    folders = [user_files / name for name in ("photos", "paintings")]
    source, key = my_data.two_folders(*folders, 4), jax.random.key(0)
    named = data.load(f"a=folder:{folders[0]},b=folder:{folders[1]}", folder={"resolution": 4})
    batches = [one.fetch(one.arrays, key, np.arange(12)) for one in (source, named)]
    assert {name: value.shape for name, value in batches[0].items()} == {"a": (12, 4, 4, 1), "b": (12, 4, 4, 1)}
    assert all(np.array_equal(batches[0][name], batches[1][name]) for name in "ab")
    image = np.arange(5, dtype=np.uint8)[:, None, None, None]
    masked = my_data.images_and_masks(image, 2 * image).stored(key, 3)
    assert np.array_equal(2 * masked["image"], masked["mask"])
    assert my_data.hundred_labels("test").parts["labelled"].features["label"].frequencies == (0.1,) * 10


def test_the_extractor_of_the_docs(user_files):
    made = of_callable(resolve_reference("extractor", "my_features:quadrants"), "quadrants")
    images = np.random.default_rng(0).uniform(-1, 1, (3, 8, 6, 1)).astype(np.float32)
    features, logits = made.apply(images)
    expected = [images[:, a : a + 4, b : b + 3].mean((1, 2, 3)) for a in (0, 4) for b in (0, 3)]
    np.testing.assert_allclose(features, np.stack(expected, 1), rtol=1e-5, atol=1e-7)
    assert logits is None


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_losses_is_the_generated_one(generator):
    assert (DOCS / "losses.md").read_text() == generator.losses_page(), "run `make docs`"


def test_tables_of_the_page_of_losses_are_well_formed():
    cells = None
    for line in (DOCS / "losses.md").read_text().splitlines():
        if not line.startswith("|"):
            cells = None
            continue
        found = len(re.findall(r"(?<!\\)\|", line))
        cells = cells or found
        assert found == cells, line


def test_fields_that_the_page_of_losses_names_exist():
    text = (DOCS / "losses.md").read_text().split("## Regularizers")[1]
    named = re.findall(r"`([a-z_]+(?:\.(?:[a-z_]+|<[a-z]+>))+)`", text)
    assert len(named) > 15
    for name in named:
        assert fnmatch.filter(all_fields(), re.sub(r"<\w+>", "*", name)), name


def test_a_docstring_without_a_part_is_refused(generator):
    def nothing():
        """Says nothing.

        Formula: 1
        """

    with pytest.raises(ValueError, match="nothing has no part"):
        generator._references(nothing)


def test_escapes_in_tables(generator):
    assert generator.plain("|v|^2 D* a_b <v> `x|y*`") == r"\|v\|^2 D\* a\_b \<v\> `x\|y*`"
