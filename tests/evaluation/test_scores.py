"""What games score on labelled data: each example once, in a run and afterwards, better as the game says."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.commands import elsewhere, events, here, refused, result, train_flags
from support.sweeping import folders, train_sweep
from support.toys import sorting

import gan_jax
from gan_jax import data
from gan_jax.build import build_game, build_source
from gan_jax.config import load_values
from gan_jax.errors import ConfigError, MetricError
from gan_jax.evaluation import records as evaluations
from gan_jax.evaluation import scores
from gan_jax.evaluation.scores import Labelled, Scored, measure
from gan_jax.game import Output, Score
from gan_jax.metrics.metric import BY_GAME
from gan_jax.metrics.table import better_of, parse, values_of
from gan_jax.reporting import summary
from gan_jax.sweeps import load, summarize
from gan_jax.sweeps.sweep import Halving

SORTING = {
    "game.name": "support.toys:sorting", "data.name": "digits", "evaluation.split": "train", "batch_size": 32,
    "optimizer.discriminator.learning_rate": 1e-2, "log_every": 0, "sample_every": 0, "ema.decay": 0.9,
}  # fmt: skip
MEASURED = ("score:accuracy", "score:cross_entropy")
WHOLE = {
    **SORTING, "steps": 30, "checkpoint_every": 10, "evaluation.metrics": MEASURED, "evaluation.every": 10,
    "evaluation.num": 50, "evaluation.best": "score:cross_entropy",
}  # fmt: skip


def train(workdir):
    """By command, from a file beside the work directory."""
    file = workdir.parent / "sorting.py"
    file.write_text(
        f"from gan_jax.config import load_values\n\n\ndef get_config():\n    return load_values({WHOLE!r})\n"
    )
    return here(*train_flags(workdir, config=file))


def trained(workdir, metric="score:accuracy"):
    """{step: record} of what training measured."""
    return {r["step"]: r for r in evaluations.read(workdir) if (r["metric"], r["by"]) == (metric, "train")}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("scores") / "run"
    ended = train(workdir)
    assert ended.status == 0, ended.err
    assert "step 10/30  score:accuracy" in ended.err
    return workdir


def by_hand(stored):
    """Class logits of all digits by the averaged parameters, in float64, with statistics by one pass over the data."""
    network = {name: np.asarray(leaf, np.float64) for name, leaf in flat(stored.weights.params["sorter"]).items()}
    kept = {name: np.asarray(leaf, np.float64) for name, leaf in flat(stored.weights.stats["sorter"]).items()}
    digits = data.load("digits")
    x = digits.arrays["image"].reshape(digits.num_examples, -1).astype(np.float64) / 127.5 - 1
    hidden = x @ network["Dense_0/kernel"]
    scaled = (hidden - kept["batch_stats/BatchNorm_0/mean"]) / np.sqrt(kept["batch_stats/BatchNorm_0/var"] + 1e-5)
    hidden = np.maximum(scaled * network["BatchNorm_0/scale"] + network["BatchNorm_0/bias"], 0)
    return hidden @ network["Dense_1/kernel"] + network["Dense_1/bias"], digits.arrays["label"]


def flat(tree, prefix=""):
    """{path: leaf}."""
    if not hasattr(tree, "items"):
        return {prefix[1:]: tree}
    return {path: leaf for name, part in tree.items() for path, leaf in flat(part, f"{prefix}/{name}").items()}


def test_a_score_in_training_is_that_of_the_whole_split_by_hand(run):
    record = trained(run)[30]
    logits, label = by_hand(gan_jax.load_run(run))
    right = logits.argmax(axis=1) == label
    assert record["value"] == pytest.approx(right.mean(), abs=2 / len(label))  # float32 may decide a close one
    assert record["spread"] == pytest.approx(np.sqrt(record["value"] * (1 - record["value"]) / len(label)))
    cost = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(label)), label]
    assert trained(run, "score:cross_entropy")[30]["value"] == pytest.approx(cost.mean(), rel=1e-4)
    assert record["value"] > 0.3


def test_the_record_says_how_it_was_measured(run):
    record = trained(run)[30]
    assert (record["n_real"], record["n_fake"], record["dataset"], record["split"]) == (1797, 0, "digits", "train")
    assert record["options"] == {"better": "higher", "reads": ["image", "label"]}
    assert (record["parameters"], record["batch_norm"], record["checkpoint"]) == ("ema", "anew from 2000", "step")
    assert record["spread_over"] == "examples (standard error)"
    assert (record["extractor"], record["pixels"], record["resize"]) == ("none", "float", "none")
    assert list(trained(run)) == [10, 20, 30]
    assert ("evaluation/score_accuracy", 30) in events(run)[1]  # TensorBoard has no ":" in names


def test_the_best_checkpoint_is_the_one_that_the_game_calls_better(run):
    by_step = {step: record["value"] for step, record in trained(run, "score:cross_entropy").items()}
    best = min(by_step, key=by_step.get)
    assert result(run)["best"] == {"metric": "score:cross_entropy", "value": by_step[best], "step": best}
    assert int(gan_jax.load_run(run, "best").state.step) == best


def test_the_command_measures_what_training_measured(run, tmp_path):
    workdir = shutil.copytree(run, tmp_path / "run")
    ended = here("evaluate", f"--workdir={workdir}", "--metrics=score:accuracy,score:brightness", "--split=train",
                 "--checkpoint=20,30", "--repeats=2")  # fmt: skip
    assert ended.status == 0, ended.err
    assert ended.out.split()[:2] == ["score:accuracy", "score:brightness"]
    commanded = {r["step"]: r for r in evaluations.read(workdir) if (r["metric"], r["by"]) == (MEASURED[0], "evaluate")}
    for step in (20, 30):
        assert commanded[step]["value"] == trained(run)[step]["value"]
        assert commanded[step]["protocol"] == trained(run)[step]["protocol"]
    bright = data.load("digits").arrays["image"].astype(np.float64).mean() / 127.5 - 1
    assert f"{bright:.4g}" in ended.out


@pytest.mark.slow
def test_two_devices_measure_the_same(run, tmp_path):
    workdir = shutil.copytree(run, tmp_path / "run")
    command = ("evaluate", f"--workdir={workdir}", f"--metrics={MEASURED[1]}", "--split=train")
    ended = elsewhere(*command, devices=2, env={"PYTHONPATH": str(Path(__file__).parent.parent)})
    assert ended.status == 0, ended.err
    (found,) = (r for r in evaluations.read(workdir) if r["by"] == "evaluate")
    assert found["value"] == pytest.approx(trained(run, MEASURED[1])[30]["value"], rel=1e-5)
    assert found["n_real"] == 1797


@pytest.mark.slow
def test_a_stopped_run_ends_with_the_same_scores(run, tmp_path):
    workdir = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(workdir / "checkpoints" / "30")
    (workdir / "result.json").unlink()
    ended = train(workdir)
    assert ended.status == 0, ended.err
    assert "continuing" in ended.err
    for metric in MEASURED:
        assert {s: r["value"] for s, r in trained(workdir, metric).items()} == {
            s: r["value"] for s, r in trained(run, metric).items()
        }
    assert result(workdir)["best"] == result(run)["best"]


def test_a_run_from_python_without_averages_says_so(tmp_path):
    config = load_values({**SORTING, "steps": 2, "ema.decay": 0.0, "evaluation.metrics": MEASURED[:1],
                          "evaluation.every": 2})  # fmt: skip
    gan_jax.train(config, tmp_path / "run", progress=False)
    record = trained(tmp_path / "run")[2]
    assert (record["parameters"], record["batch_norm"]) == ("current", "running")


@pytest.mark.slow
def test_a_sweep_halves_and_ranks_by_the_direction_that_the_game_says(tmp_path):
    own = {**SORTING, "steps": 16, "ema.decay": 0.0, "evaluation.every": 8, "evaluation.metrics": MEASURED}
    values = {"optimizer.discriminator.learning_rate": [1e-5, 1e-2]}
    ended = train_sweep(
        tmp_path / "sweep", values, config=load_values(own), width=2, metric="score:accuracy", halving=Halving(8, 2)
    )
    assert ended == {"finished": 1, "eliminated": 1}
    by_rate = {key[0]: trained(folder) for key, folder in folders(tmp_path / "sweep").items()}
    assert by_rate[1e-2][8]["value"] > by_rate[1e-5][8]["value"]
    assert [*by_rate[1e-5]] == [8]
    frame = load(tmp_path / "sweep")
    assert frame.attrs["better"] == {"score:accuracy": "higher", "score:cross_entropy": "lower"}
    assert summarize(frame, "score:cross_entropy").attrs["better"] == "lower"
    assert here("report", f"--workdir={tmp_path / 'sweep'}").status == 0
    ranking = summary.stored(tmp_path / "sweep")["ranking"]
    assert (ranking["metric"], ranking["better"]) == ("score:accuracy", "higher")
    assert ranking["tables"][0]["rows"][0]["mean"] == by_rate[1e-2][16]["value"]


# Each example once.


def labelled(num):
    return Labelled("made", "test", {"label": np.arange(num, dtype=np.int32)}, "")


@pytest.mark.parametrize("num", [1, 7, 499, 500, 501, 1203])
def test_every_example_counts_once_whatever_the_calls(monkeypatch, num):
    values, sizes = np.random.default_rng(0).normal(size=num), []

    def of(name, batch, call):
        sizes.append(len(batch["label"]))
        return values[batch["label"]]

    made = []
    for chunk in (500, 1, 64, 5000):
        monkeypatch.setattr(scores, "CHUNK", chunk)
        value, protocol = measure("own", Score(None, ("label",)), labelled(num), Scored(of, "current", "none", "last"))
        made.append(value)
        assert len({*sizes}) == 1  # one program
        sizes.clear()
        assert (protocol.metric, protocol.n_real) == ("score:own", num)
    assert made[0].value == pytest.approx(values.mean(), rel=1e-12)
    assert made[0].spread == pytest.approx(values.std() / np.sqrt(num))
    assert made.count(made[0]) == 4


def test_what_is_no_number_for_each_example_is_refused():
    how = Scored(lambda name, batch, call: np.where(batch["label"] == 501, np.nan, 1.0), "current", "none", "last")
    with pytest.raises(MetricError, match=r"^score:own: it must be a finite number .* got nan for example 501 of "):
        measure("own", Score(None), labelled(600), how)
    whole = how._replace(of=lambda name, batch, call: np.float32(1.0))
    with pytest.raises(ConfigError, match=r"score 'own' has the shape \(\) for 500 examples; allowed: \(500,\)"):
        measure("own", Score(None), labelled(600), whole)


def read(name, reads, split="train"):
    return scores.load(name, "own", reads, split, 50, data_dir=None, options={})


def test_the_examples_are_those_of_the_whole_split():
    digits = read("digits", ("image", "label"))
    assert {name: value.shape for name, value in digits.features.items()} == {
        "image": (1797, 8, 8, 1),
        "label": (1797,),
    }
    assert digits.sha256 != read("digits", ("label",)).sha256
    ring = read("ring", ("image",))
    assert (ring.split, ring.features["image"].shape) == ("drawn", (50, 2))


@pytest.mark.parametrize(
    ("name", "reads", "says"),
    [
        ("digits", ("depth",), "reads the feature 'depth'; data.name='digits', split 'train', has image, label"),
        ("digits", (), "score 'own' reads nothing"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused(name, reads, says):
    with pytest.raises(ConfigError) as refusal:
        read(name, reads)
    assert says in str(refusal.value)


def test_features_of_parts(monkeypatch):
    """All of a part, also beside an endless one; no two of different lengths."""
    assert len(read("a=digits,b=ring", ("a_label",)).features["a_label"]) == 1797
    few = data.resident("few", {"image": np.zeros((7, 8, 8, 1), np.uint8)})
    monkeypatch.setattr(scores, "source_of", lambda *_: data.joined({"a": data.load("digits"), "b": few}))
    with pytest.raises(ConfigError, match="reads 1,797 of 'a', 7 of 'b'; allowed: as many examples of each feature"):
        read("two", ("a", "b"))
    assert len(read("two", ("b",)).features["b"]) == 7


# Names and mistakes.


def test_names():
    assert parse("score:accuracy") == ("score", "accuracy", "")
    assert parse("score:accuracy").full == "score:accuracy"
    assert values_of("score:accuracy") == {"score:accuracy": BY_GAME}
    assert better_of("score:accuracy") == BY_GAME
    for wrong in ("score:", "score:a b", "score"):
        with pytest.raises(ConfigError, match="there is no metric"):
            parse(wrong)


def test_mistakes_are_one_line(run, tmp_path):
    line = refused("evaluate", f"--workdir={run}", "--metrics=score:acuracy", "--split=train")
    assert "the game has no score 'acuracy' (did you mean 'accuracy'?); allowed: accuracy, cross_entropy" in line
    line = refused("evaluate", f"--workdir={run}", "--metrics=frechet_pixels", "--split=train")
    assert "nothing to draw" in line
    line = refused("evaluate", f"--workdir={run}", "--metrics=score:accuracy")
    assert "split 'test' of the real examples" in line
    flags = ("evaluation.metrics=('score:own',)", "evaluation.every=10")
    line = refused(*train_flags(tmp_path / "other", *flags))
    assert "the game has no score 'own'; allowed: none, since it states no scores" in line
    assert not (tmp_path / "other").exists()


def toy(**fields):
    config = load_values({**SORTING, "game.name": "gan", "optimizer.discriminator.learning_rate": 1e-3})
    game = build_game(config, build_source(config))
    return dataclasses.replace(game, **fields)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"outputs": {"score": Output(None)}}, "output 'score' cannot be told apart in a metric's name; allowed: "),
        ({"outputs": {"train": Output(None)}}, "other than score, train"),
        ({"outputs": {"a:b": Output(None)}}, "output 'a:b'"),
        ({"scores": {"a:b": Score(None)}}, "score 'a:b' cannot be told apart"),
        ({"scores": {"own": Score(None, better="more")}}, "score 'own' has better='more'; allowed: higher, lower"),
    ],
)  # fmt: skip
def test_names_and_directions_that_are_none(fields, says):
    with pytest.raises(ConfigError) as refusal:
        toy(**fields)
    assert says in str(refusal.value)


def wrong(setup):
    game = sorting(setup)
    return dataclasses.replace(game, scores={"accuracy": Score(lambda move: move("sorter", move.batch["image"]))})


def blind(setup):
    return dataclasses.replace(sorting(setup), scores={"accuracy": Score(lambda move: 0.0, ("depth",))})


@pytest.mark.parametrize(
    ("game", "says"),
    [
        ("wrong", "score 'accuracy' of 2 examples is float32 of shape (2, 10); allowed: float of shape (2,)"),
        ("blind", "score 'accuracy' names the feature 'depth'; the data have image, label"),
    ],
)
def test_a_game_of_ones_own_is_checked_before_it_runs(tmp_path, monkeypatch, game, says):
    import sys

    monkeypatch.setitem(sys.modules, "scored_games", sys.modules[__name__])
    config = load_values({**SORTING, "game.name": f"scored_games:{game}", "steps": 2})
    with pytest.raises(ConfigError) as refusal:
        gan_jax.train(config, tmp_path / "run", progress=False)
    assert says in str(refusal.value)
    assert not (tmp_path / "run" / "config.json").exists()
