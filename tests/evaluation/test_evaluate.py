"""What is measured on what, and how repeats are put together. The metrics themselves: tests/metrics."""

import sys
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import ConfigError, MetricError
from gan_jax.evaluation.evaluate import Generated, evaluate, refuse
from gan_jax.evaluation.features import as_float, eight_bit, extractors_of
from gan_jax.evaluation.reference import load
from gan_jax.extractors.extractor import Extractor
from gan_jax.metrics import table
from gan_jax.metrics.metric import EXTRACTED, Metric, Value
from gan_jax.training.sampling import find_output

NUM = 40


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train", 60, data_dir=None, options={})


class Drawn:
    """Generated images of 8 x 8 that differ by seed, and a list of how they were asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, output, num, seed, given):
        assert output == ""
        self.asked.append((num, seed, given["label"].tolist() if given else None))
        return np.random.default_rng(seed).uniform(-1, 1, (num, 8, 8, 1)).astype(np.float32)


def run(monkeypatch, reference, function, name="probe", *, classes=True, **options):
    """The values that one metric, made of a function, gives; and what was drawn."""
    metric = Metric(function, {"a": "lower", "b": ""})
    monkeypatch.setitem(sys.modules, "probe", SimpleNamespace(METRIC=metric))
    of_features = set(EXTRACTED) & set(metric.reads)
    monkeypatch.setitem(table.OF_FEATURES if of_features else table.OF_EXAMPLES, "probe", "probe:METRIC")
    logits = lambda x: jnp.stack([x.min((1, 2, 3)), x.max((1, 2, 3))], 1) if classes else None
    flat = lambda x: (x.reshape(x.shape[0], -1), logits(x))
    drawn = Drawn()
    generated = Generated(drawn, "ema", "running", "last")
    extractors = {"pixels": Extractor("flat" if classes else "without classes", "", "none", flat)}
    refuse([name], {"": reference})
    made = evaluate(generated, [name], {"": reference}, {"": extractors}, num=NUM, **options)
    return {protocol.metric: (value, protocol) for value, protocol in made}, drawn.asked


def test_a_metric_is_given_what_it_names(monkeypatch, digits):
    seen = {}

    def probe(real_images, fake, key, order=2):
        seen.update(real=real_images, fake=fake, key=key)
        return {"a": Value(1.0), "b": Value(2.0, 0.5, "splits")}

    made, asked = run(monkeypatch, digits, probe, seed=5)
    np.testing.assert_array_equal(seen["real"], as_float(digits.examples))
    assert asked == [(NUM, 5, None)]
    np.testing.assert_array_equal(seen["fake"], Drawn()("", NUM, 5, {}))
    assert made["b"][0] == Value(2.0, 0.5, "splits")
    protocol = made["a"][1]
    assert (protocol.options, protocol.n_real, protocol.n_fake) == ({"order": 2}, 60, NUM)
    assert (protocol.dataset, protocol.split, protocol.reference_sha256) == ("digits", "train", digits.sha256)
    assert (protocol.extractor, protocol.pixels, protocol.parameters) == ("none", "float", "ema")
    assert (protocol.batch_norm, protocol.checkpoint) == ("running", "last")


def test_features_are_of_images_as_they_would_be_saved(monkeypatch, digits):
    seen = {}

    def probe(real_features, fake_features, fake_logits):
        seen.update(real=real_features, fake=fake_features, logits=fake_logits)
        return {"a": Value(0.0)}

    made, asked = run(monkeypatch, digits, probe, "probe_pixels")
    saved = as_float(eight_bit(Drawn()("", NUM, 0, {})))
    np.testing.assert_array_equal(seen["fake"], saved.reshape(NUM, -1))
    np.testing.assert_array_equal(seen["real"], as_float(digits.examples).reshape(60, -1))
    np.testing.assert_array_equal(seen["logits"], np.stack([saved.min((1, 2, 3)), saved.max((1, 2, 3))], 1))
    assert made["a_pixels"][1].pixels == "8 bit"
    assert made["a_pixels"][1].extractor == "flat"
    assert len(asked) == 1


def test_labels_are_those_that_were_asked_for(monkeypatch, digits):
    seen = {}

    def probe(fake_logits, fake_labels):
        seen.update(labels=fake_labels)
        return {"a": Value(0.0)}

    _, asked = run(monkeypatch, digits, probe, "probe_pixels")
    assert asked == [(NUM, 0, seen["labels"].tolist())]
    assert np.bincount(seen["labels"]).tolist() == [4] * 10


def test_repeats_are_sets_of_their_own_seeds(monkeypatch, digits):
    def probe(fake):
        return {"a": Value(float(fake.mean()), 99.0, "nothing")}

    made, asked = run(monkeypatch, digits, probe, repeats=3, seed=10)
    means = [Drawn()("", NUM, seed, {}).mean() for seed in (10, 11, 12)]
    assert asked == [(NUM, seed, None) for seed in (10, 11, 12)]
    assert made["a"][0].value == pytest.approx(np.mean(means))
    assert made["a"][0].spread == pytest.approx(np.std(means, ddof=1))
    assert made["a"][0].spread_over == "3 generated sets"


def test_what_the_data_do_not_have_is_refused(monkeypatch, digits):
    def of_density(density):
        return {"a": Value(0.0)}

    def of_validation(validation_images):
        return {"a": Value(0.0)}

    def of_labels(fake_logits, fake_labels):
        return {"a": Value(0.0)}

    with pytest.raises(ConfigError, match="probe needs a known distribution; digits is none"):
        run(monkeypatch, digits, of_density)
    with pytest.raises(ConfigError, match="fits a number on validation examples"):
        run(monkeypatch, digits, of_validation)
    ring = load("ring", "", 10, data_dir=None, options={})
    with pytest.raises(ConfigError, match="probe_pixels needs labels; ring has none"):
        run(monkeypatch, ring, of_labels, "probe_pixels")


def test_an_output_that_the_game_does_not_have_is_refused():
    game = SimpleNamespace(outputs={"a": None, "b": None})
    assert [find_output(game, name) for name in ("", "b")] == ["a", "b"]
    with pytest.raises(ConfigError, match=r"^the game has no output 'c'; allowed: a, b$"):
        find_output(game, "c")
    with pytest.raises(ConfigError, match="nothing to draw"):
        find_output(SimpleNamespace(outputs={}), "")


def test_an_extractor_without_classes_gives_no_logits(monkeypatch, digits):
    with pytest.raises(ConfigError, match="the extractor without classes has no classes"):
        run(monkeypatch, digits, lambda fake_logits: {"a": Value(0.0)}, "probe_pixels", classes=False)


def test_a_metric_without_a_value_says_of_which_examples(monkeypatch, digits):
    def probe(real_features, fake_features):
        raise MetricError("features must have more rows")

    fields = r"real are 60 of data\.name='digits', split 'train', fake are 40 \(evaluation\.num, or --num\)"
    with pytest.raises(MetricError, match=rf"^probe_pixels: features must have more rows; {fields}$"):
        run(monkeypatch, digits, probe, "probe_pixels")


def test_points_are_their_own_features():
    ring = load("ring", "", 10, data_dir=None, options={})
    made = extractors_of(["frechet_pixels"], ring, "", "")["pixels"]
    np.testing.assert_array_equal(made.apply(ring.examples)[0], ring.examples)
    with pytest.raises(ConfigError, match="frechet_lenet: ring has points; allowed: pixels"):
        extractors_of(["frechet_lenet"], ring, "", "")


def test_a_users_own_extractor(empty, digits):
    made = extractors_of(["frechet_own"], digits, "", "mine:brightness")["own"]
    assert made.name == "mine:brightness"
    assert len(made.sha256) == 64
    features, _ = made.apply(as_float(digits.examples))
    np.testing.assert_allclose(features[:, 0], as_float(digits.examples).mean((1, 2, 3)), rtol=1e-5)
    with pytest.raises(
        ConfigError, match=r"evaluation.extractor='mine:brightnes': mine has no attribute 'brightnes' \(did you"
    ):
        extractors_of(["frechet_own"], digits, "", "mine:brightnes")


@pytest.fixture
def empty(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def brightness(x):\n    return x.mean((1, 2, 3))[:, None]\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_a_metric_that_fits_a_number_says_on_what(monkeypatch):
    reference = load("digits", "train", 60, data_dir=None, options={}, validation="train")
    made, _ = run(monkeypatch, reference, lambda validation_images, size=3: {"a": Value(float(len(validation_images)))})
    assert made["a"][0].value == len(reference.validation) > 1000
    assert made["a"][1].options == {"size": 3, "validation": "train"}


def test_repeats_of_an_infinite_value_have_no_spread(monkeypatch, digits):
    made, _ = run(monkeypatch, digits, lambda fake: {"a": Value(float("inf"))}, repeats=2)
    assert made["a"][0] == Value(float("inf"), None, "2 generated sets")
