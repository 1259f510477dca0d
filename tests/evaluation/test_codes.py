"""Outputs that hand codes beside their examples: drawn as others, and read by the metrics that ask for codes."""

import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.commands import here, refused

import gan_jax
from gan_jax import data
from gan_jax.config import load_values
from gan_jax.errors import ConfigError
from gan_jax.evaluation import records as evaluations
from gan_jax.game import Output, image_of
from gan_jax.games import GAMES
from gan_jax.metrics.strokes import slant
from gan_jax.metrics.table import values_of

CODED = {
    "data.name": "digits", "game.name": "coded_games:coded", "evaluation.split": "train", "steps": 2, "batch_size": 16,
    "latent_dim": 4, "generator.mlp.widths": (8,), "discriminator.mlp.widths": (8,), "sample_count": 4,
    "health.samples": 8,
}  # fmt: skip


def coded(setup):
    """The usual game, whose output hands the sign and the value of its latent variables."""
    base = GAMES["gan"](setup)
    latents = setup.latents()

    def draw(move, num):
        z = latents.draw(move.keys("latent"), move.context.example_index, num)
        return {"image": move("generator", z), "category": (z[:, 0] > 0).astype(jnp.int32), "code": z[:, 1:]}

    def read(move, num):
        """Real images themselves, and the category that the darker half of them has."""
        image = move.batch["image"]
        bright = (jnp.mean(image, axis=(1, 2, 3)) > -0.4).astype(jnp.int32)
        return {"image": image, "category": bright}

    outputs = {"image": Output(draw), "found": Output(read, reads=("image",))}
    return dataclasses.replace(base, outputs=outputs)


def uneven(setup):
    base = GAMES["gan"](setup)
    draw = lambda move, num: {"image": base.outputs["image"].draw(move, num), "code": jnp.zeros((1, 2))}
    return dataclasses.replace(base, outputs={"image": Output(draw)})


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setitem(sys.modules, "coded_games", sys.modules[__name__])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    sys.modules["coded_games"] = sys.modules[__name__]
    workdir = tmp_path_factory.mktemp("codes") / "run"
    config = load_values({**CODED, "evaluation.metrics": ("code_correlation",), "evaluation.every": 2,
                          "evaluation.num": 600})  # fmt: skip
    assert gan_jax.train(config, workdir, progress=False).status == "finished"
    return workdir


def test_an_output_with_codes_is_drawn_as_others(run):
    stored = gan_jax.load_run(run)
    x = stored.sample(5, seed=1)
    assert x.shape == (5, 8, 8, 1)
    from gan_jax.training.sampling import draw_all

    whole = draw_all(stored.sampler, stored.weights, 600, 1)
    assert {name: value.shape for name, value in whole.items()} == {
        "image": (600, 8, 8, 1), "category": (600,), "code": (600, 3)
    }  # fmt: skip
    np.testing.assert_allclose(whole["image"][:5], x, rtol=1e-5, atol=1e-6)
    assert (run / "samples" / "2.png").exists()


def test_metrics_read_the_codes_of_their_own_examples(run):
    """That of the training, from what its seed draws: the same by command, and by hand."""
    (trained, _) = (r for r in evaluations.read(run) if r["by"] == "train")
    from scipy.stats import spearmanr

    from gan_jax.training.sampling import draw_all

    stored = gan_jax.load_run(run)
    whole = draw_all(stored.sampler, stored.weights, 600, 0)
    expected = max(abs(spearmanr(code, slant(whole["image"])).statistic) for code in whole["code"].T)
    assert trained["metric"] == "slant_correlation"
    assert trained["value"] == pytest.approx(expected)
    assert trained["options"] == {"variables": 3}


def test_categories_that_an_output_finds_in_real_images(run):
    ended = here("evaluate", f"--workdir={run}", "--metrics=found:recognition", "--split=train", "--num=3000")
    assert ended.status == 0, ended.err
    found = {r["metric"]: r for r in evaluations.read(run) if r["by"] == "evaluate"}
    digits = data.load("digits")
    image, label = digits.arrays["image"].astype(np.float64) / 127.5 - 1, digits.arrays["label"]
    bright = image.mean(axis=(1, 2, 3)) > -0.4
    best = max(
        np.sum(bright & (label == a)) + np.sum(~bright & (label == b)) for a in range(10) for b in range(10) if a != b
    )
    assert found["found:recognition_error"]["value"] == pytest.approx(1 - best / len(label), abs=1e-3)
    assert found["found:recognition_error"]["n_fake"] == len(label)


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("recognition", "recognition needs an output that is made from real examples; this one reads none"),
        ("found:code_correlation", "needs an output that hands 'code' beside its examples; this game's does not"),
        ("clustering_pixels", "the extractor pixels has no classes"),
        ("intra_frechet_pixels", "output 'image' takes no 'label'"),
    ],
)
def test_what_an_output_does_not_hand_is_refused(run, metric, says):
    assert says in refused("evaluate", f"--workdir={run}", f"--metrics={metric}", "--split=train", "--num=50")


def test_labels_that_the_data_do_not_have(tmp_path):
    config = load_values({"data.name": "ring", "steps": 1, "generator.mlp.output": "linear", "evaluation.every": 1,
                          "evaluation.metrics": ("intra_frechet_pixels",)})  # fmt: skip
    with pytest.raises(ConfigError, match="intra_frechet_pixels needs labels; ring has none"):
        gan_jax.train(config, tmp_path / "run", progress=False)


def test_codes_of_another_length_are_refused_before_anything_runs(tmp_path):
    config = load_values({**CODED, "game.name": "coded_games:uneven"})
    with pytest.raises(ConfigError, match=r"'code' of 2 samples of output 'image' is float32 of shape \(1, 2\); allow"):
        gan_jax.train(config, tmp_path / "run", progress=False)


@pytest.mark.slow
def test_metrics_within_classes_of_a_conditional_game(tmp_path):
    config = load_values({**CODED, "game.name": "conditional", "evaluation.every": 2, "evaluation.num": 600,
                          "evaluation.metrics": ("intra_frechet_pixels", "class_coverage_pixels")})  # fmt: skip
    gan_jax.train(config, tmp_path / "run", progress=False)
    records = {r["metric"]: r for r in evaluations.read(tmp_path / "run")}
    assert {*records} == {*values_of("intra_frechet_pixels"), *values_of("class_coverage_pixels")}
    options = records["intra_frechet_pixels"]["options"]
    assert (options["classes"], options["fewest_fake"]) == (10, 60)
    assert all(np.isfinite(record["value"]) for record in records.values())


def test_the_image_of_what_was_drawn():
    x = jax.numpy.ones((2, 3))
    assert image_of(x) is x
    assert image_of({"image": x, "code": 1}) is x
