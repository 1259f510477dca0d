"""A run that shares its program with others ends as it would alone, and leaves the same files."""

import itertools
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from support.commands import elsewhere, events, records, result, samples
from support.sweeping import (
    RATE,
    TOLERANCE,
    assert_same_params,
    base,
    error,
    folders,
    groups,
    params,
    stored,
    sweep_json,
    train_sweep,
)

import gan_jax
from gan_jax.evaluation import records as evaluations
from gan_jax.game import STREAMS
from gan_jax.sweeps.executors import train_groups
from gan_jax.sweeps.runs import run_name
from gan_jax.sweeps.space import zipped
from gan_jax.training import loop as loop_module

# Numbers that vary inside one program: a rate of each player, an average, a target, a penalty's weight.
SETTINGS = {
    "optimizer.generator.learning_rate": [1e-3, 1e-2],
    "optimizer.discriminator.learning_rate": [2e-3, 5e-4],
    "ema.decay": [0.9, 0.5],
    "loss.non_saturating.real_target": [1.0, 0.8],
    "penalties.lecam.weight": [0.1, 1.0],
}
SEEDS = (0, 5)
COUNTED = ("step", "images_seen")


def config():
    return base("sample_every=10", "evaluation.best=near_modes")


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Four runs, three at once on one device; the fourth shares its call with copies that are dead."""
    workdir = tmp_path_factory.mktemp("sweeps") / "three"
    options = {"seeds": SEEDS, "config": config(), "executor": train_groups, "pictures": True}
    assert train_sweep(workdir, zipped(SETTINGS), **options) == {"finished": 4}
    return workdir


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """{run's name: (work directory by ``gan_jax.train``, Result)}, of two of the four."""
    made = {}
    folder = tmp_path_factory.mktemp("alone")
    for point, seed in ((0, 5), (1, 5)):  # one among two others, one in the call that is padded
        own = config()
        with own.unlocked():
            own.seed = seed
            for path, values in SETTINGS.items():
                *sections, leaf = path.split(".")
                section = own
                for name in sections:
                    section = section[name]
                section[leaf] = values[point]
        run = run_name(gan_jax.config.validate(own))
        made[run] = (folder / run, gan_jax.train(own, folder / run, progress=False))
    return made


def test_the_runs_that_are_compared_are_those_of_the_sweep(three, alone):
    assert set(alone) < set(sweep_json(three)["runs"])
    assert sweep_json(three)["fields"] == list(SETTINGS)
    ((group, ended),) = groups(three).values()
    assert (group["width"], group["way"], ended["programs"]) == (3, "vmap", 1)


def test_a_run_among_others_equals_the_run_alone(three, alone):
    for run, (folder, done) in alone.items():
        mine = three / "runs" / run
        assert_same_params(mine, folder)
        ours, theirs = records(mine), records(folder)
        assert [row["step"] for row in ours] == [row["step"] for row in theirs] == [5, 10, 15, 20]
        for a, b in zip(ours, theirs, strict=True):
            assert list(a) == list(b)
            assert [a[name] for name in COUNTED] == [b[name] for name in COUNTED]
            for name in ("discriminator/loss", "generator/loss"):
                assert a[name] == pytest.approx(b[name], rel=TOLERANCE), (run, a["step"], name)
        last = result(mine)["metrics"]["generator/loss"]
        assert last == pytest.approx(done.metrics["generator/loss"], rel=TOLERANCE)


def test_runs_of_one_call_are_different_runs(three):
    ends = [params(folder) for folder in folders(three).values()]
    for index, end in enumerate(ends):
        for other in ends[:index]:
            assert error(end, other)[0] > 1e-2


def test_averages_moments_and_memory_are_those_of_the_run_alone(three, alone):
    for run, (folder, _) in alone.items():
        ours, theirs = stored(three / "runs" / run), stored(folder)
        kinds = {name.split("/")[0] for name in theirs}
        assert {"ema", "opt", "memory", "params", "step", "key"} <= kinds
        assert ours["key"].tolist() == theirs["key"].tolist()
        floats = [{k: v for k, v in x.items() if v.dtype.kind == "f"} for x in (ours, theirs)]
        worst, leaf = error(*floats)
        assert worst <= 3 * TOLERANCE, leaf
        for name in set(theirs) - set(floats[1]):
            np.testing.assert_array_equal(ours[name], theirs[name], name)


def test_a_run_of_a_sweep_has_an_ordinary_work_directory(three, alone):
    for run, (folder, _) in alone.items():
        mine = three / "runs" / run
        names = [
            {path.relative_to(at).as_posix().split(".tfevents")[0] for path in at.rglob("*") if path.is_file()}
            for at in (mine, folder)
        ]
        kept = [{name for name in own if not name.startswith(("checkpoints/", "best/"))} for own in names]
        assert kept[0] == kept[1]
        assert (mine / "config.json").read_text() == (folder / "config.json").read_text()
        ours, theirs = result(mine), result(folder)
        assert list(ours) == list(theirs)
        assert {type(value) for value in ours.values()} == {type(value) for value in theirs.values()}
        assert (ours["status"], ours["step"], ours["reason"]) == ("finished", 20, "")
        assert list(ours["metrics"]) == list(theirs["metrics"])
        assert ours["sample_grid"] == str(mine / "samples" / "20.png")
        assert ours["best"]["step"] == theirs["best"]["step"]
        assert list(json.loads((mine / "environment.json").read_text())) == list(
            json.loads((folder / "environment.json").read_text())
        )
        assert events(mine)[0] == events(folder)[0]


def test_the_sample_grids_show_the_same_examples(three, alone):
    for run, (folder, _) in alone.items():
        mine = three / "runs" / run
        assert set(samples(mine)) == set(samples(folder)) == {"10.png", "20.png"}
        for name in samples(mine):
            a, b = (np.asarray(Image.open(at / "samples" / name), np.int32) for at in (mine, folder))
            assert a.shape == b.shape
            assert (a != b).mean() < 0.01  # a dot of a scatter plot may fall on the next pixel


def test_evaluations_are_those_of_the_run_alone(three, alone):
    for run, (folder, _) in alone.items():
        ours, theirs = evaluations.read(three / "runs" / run), evaluations.read(folder)
        assert len(ours) == len(theirs) > 0
        for a, b in zip(ours, theirs, strict=True):
            assert list(a) == list(b)
            value, other = a.pop("value"), b.pop("value")
            assert a == b  # the metric, step, protocol and all
            assert float(value) == pytest.approx(float(other), abs=0.02)


def test_a_run_is_loaded_and_sampled(three):
    folder = list(folders(three).values())[-1]
    run = gan_jax.load_run(folder)
    assert int(run.state.step) == 20
    assert bool(run.state.alive)
    drawn = np.asarray(run.sample(7, seed=1))
    assert drawn.shape == (7, 2)
    assert np.isfinite(drawn).all()


def test_what_the_group_kept_for_itself_is_gone(three):
    (group,) = (three / "groups").iterdir()
    assert sorted(path.name for path in group.rglob("*") if path.is_file()) == ["group.json", "result.json"]


# Data and latent variables, exactly.


def spying(state, batch, last=True):
    """A step that trains nothing and says what it was given: numbers of each example, and bits of its key."""
    del last  # a user's own step does not know it
    images = batch["image"][0].reshape(batch["image"].shape[1], -1)
    every = max(1, images.shape[1] // 6)
    key = jax.random.fold_in(jax.random.fold_in(state.key, STREAMS["train"]), state.step)
    bits = jax.random.bits(key, (4,), np.uint32) >> np.uint32(9)  # exact as float32
    seen = {f"example/{i}/{j}": images[i, j] for i in range(images.shape[0]) for j in range(0, images.shape[1], every)}
    return state.replace(step=state.step + 1), {**seen, **{f"key/{i}": bits[i].astype(np.float32) for i in range(4)}}


def seen_by(workdir):
    """What ``spying`` said, step by step."""
    names = ("example/", "key/")
    return [{name: value for name, value in row.items() if name.startswith(names)} for row in records(workdir)]


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["ring", "digits"])
def test_every_run_sees_the_examples_and_keys_that_it_sees_alone(tmp_path, monkeypatch, variant):
    fields = (
        "log_every=1", "steps=6", "steps_per_call=2", "sample_every=0", "checkpoint_every=0", "batch_size=8",
        "evaluation.metrics=()", "evaluation.every=0", "health.samples=0",
    )  # fmt: skip
    monkeypatch.setattr(loop_module, "make_step", lambda game, **sizes: spying)
    rates, config = {RATE: [1e-3, 2e-3]}, base(*fields, variant=variant)
    assert train_sweep(tmp_path / "sweep", rates, seeds=2, config=config, executor=train_groups) == {"finished": 4}
    gan_jax.train(base(*fields, "seed=1", variant=variant), tmp_path / "alone", progress=False, step=spying)
    alone = seen_by(tmp_path / "alone")
    assert len(alone) == 6
    assert all(a != b for a, b in itertools.pairwise(alone))
    for (_, seed), folder in folders(tmp_path / "sweep").items():
        assert (seen_by(folder) == alone) is (seed == 1)


@pytest.mark.slow
def test_streamed_runs_are_trained_one_after_another(tmp_path):
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0)
    for i in range(48):
        Image.fromarray(pixels.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "images" / f"{i:02}.png")
    fields = (
        f"data.name=folder:{tmp_path / 'images'}", "data.folder.memory_limit_mb=0", "evaluation.metrics=()",
        "evaluation.every=0", "health.samples=0",
    )  # fmt: skip
    rates, config = {RATE: [1e-3, 2e-3]}, base(*fields, variant="digits")
    assert train_sweep(tmp_path / "sweep", rates, config=config) == {"finished": 2}
    gan_jax.train(base(*fields, f"{RATE}=0.002", variant="digits"), tmp_path / "alone", progress=False)
    mine = folders(tmp_path / "sweep")[2e-3, 0]
    assert result(mine)["params_sha256"] == result(tmp_path / "alone")["params_sha256"]
    ((_, ended),) = groups(tmp_path / "sweep").values()
    assert ended["status"] == "done"


# Several devices.

PROGRAM = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[2])
import jax

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_threefry_partitionable", True)
from gan_jax.sweeps.executors import train_groups
from gan_jax.sweeps.space import zipped
from support.sweeping import train_sweep
from test_together import SETTINGS, config

for width in (1, 2):
    workdir = Path(sys.argv[1]) / str(width)
    own = {"config": config(), "width": width, "executor": train_groups}
    counts = train_sweep(workdir, zipped(SETTINGS), seeds=(0, 9, 5), **own)
    print(counts, jax.device_count())
"""


@pytest.mark.slow
def test_runs_spread_over_two_devices_equal_those_on_one(three, tmp_path):
    # Six runs: three calls of two with one a device, then one of four and one of two, of which two are padding.
    (tmp_path / "program.py").write_text(PROGRAM)
    ended = elsewhere(tmp_path / "program.py", tmp_path, Path(__file__).parent, python=True, devices=2)
    assert ended.status == 0, ended.err
    assert ended.out.splitlines() == ["{'finished': 6} 2"] * 2
    for width, way, at_once in ((1, "one by one", 2), (2, "vmap", 4)):
        workdir = tmp_path / str(width)
        ((group, done),) = groups(workdir).values()
        assert (group["width"], group["way"], done["programs"]) == (at_once, way, 1)
        for run in sweep_json(three)["runs"]:
            assert_same_params(workdir / "runs" / run, three / "runs" / run)
            assert [row["step"] for row in records(workdir / "runs" / run)] == [5, 10, 15, 20]
