"""A run that shares its program with others ends as it would alone, and leaves the same files."""

import json

import jax
import numpy as np
import pytest
from helpers import HARD_LIMIT, elsewhere, environment, events, records, result, samples
from PIL import Image
from sweeping import TOLERANCE, assert_same_params, base, error, folders, groups, params, sweep_json, train_sweep

import gan_jax
from gan_jax.evaluation import records as evaluations
from gan_jax.game import STREAMS
from gan_jax.sweeps.space import zipped
from gan_jax.training import shared as shared_module

# Numbers that vary inside one program: a rate of each player, an average, a target, a penalty's weight.
SETTINGS = {
    "optimizer.generator.learning_rate": [1e-3, 1e-2],
    "optimizer.discriminator.learning_rate": [2e-3, 5e-4],
    "ema.decay": [0.9, 0.5],
    "loss.non_saturating.real_target": [1.0, 0.8],
    "penalties.r1.weight": [0.1, 2.0],
}
MEASURED = ("evaluation.metrics=('modes',)", "evaluation.every=10", "evaluation.num=200", "evaluation.best=modes_captured")
SEEDS = (0, 5)
COUNTED = ("step", "images_seen")


def config():
    return base("ema.decay=0.9", "penalties.r1.weight=1.0", *MEASURED)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Four runs, three at once on one device; the fourth shares its call with copies that are dead."""
    workdir = tmp_path_factory.mktemp("sweeps") / "three"
    assert train_sweep(workdir, zipped(SETTINGS), seeds=SEEDS, config=config(), width=3) == {"finished": 4}
    return workdir


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The same runs, one at a time."""
    workdir = tmp_path_factory.mktemp("sweeps") / "one"
    assert train_sweep(workdir, zipped(SETTINGS), seeds=SEEDS, config=config(), width=1) == {"finished": 4}
    return workdir


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """{run's name: (work directory by ``gan_jax.train``, Result)}, of three of the four."""
    made = {}
    folder = tmp_path_factory.mktemp("alone")
    for point, seed in ((0, 0), (1, 0), (1, 5)):
        own = config()
        with own.unlocked():
            own.seed = seed
            for path, values in SETTINGS.items():
                *sections, leaf = path.split(".")
                section = own
                for name in sections:
                    section = section[name]
                section[leaf] = values[point]
        run = gan_jax.sweeps.space.run_name(gan_jax.config.validate(own))
        made[run] = (folder / run, gan_jax.train(own, folder / run, progress=False))
    return made


def test_the_runs_that_are_compared_are_those_of_the_sweep(three, one, alone):
    assert list(folders(one).values())[0].parent.parent == one
    assert sweep_json(one)["runs"] == sweep_json(three)["runs"]
    assert set(alone) < set(sweep_json(three)["runs"])
    assert sweep_json(three)["fields"] == list(SETTINGS)
    ((group, ended),) = groups(three).values()
    assert (group["width"], group["way"], ended["programs"]) == (3, "vmap", 1)
    ((group, ended),) = groups(one).values()
    assert (group["width"], group["way"], ended["programs"]) == (1, "one by one", 1)


@pytest.mark.parametrize("width", ["three", "one"])
def test_a_run_among_others_equals_the_run_alone(width, alone, request):
    workdir = request.getfixturevalue(width)
    for run, (folder, done) in alone.items():
        mine = workdir / "runs" / run
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


def test_the_average_is_that_of_the_run_alone(three, alone):
    for run, (folder, _) in alone.items():
        ours, theirs = (gan_jax.load_run(path).state.ema for path in (three / "runs" / run, folder))
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            assert np.max(np.abs(np.asarray(a) - np.asarray(b))) <= TOLERANCE * np.max(np.abs(np.asarray(b)))


@pytest.mark.parametrize("width", ["three", "one"])
def test_a_run_of_a_sweep_has_an_ordinary_work_directory(width, alone, request):
    workdir = request.getfixturevalue(width)
    for run, (folder, _) in alone.items():
        mine = workdir / "runs" / run
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


@pytest.mark.parametrize("width", ["three", "one"])
def test_the_sample_grids_show_the_same_examples(width, alone, request):
    workdir = request.getfixturevalue(width)
    for run, (folder, _) in alone.items():
        mine = workdir / "runs" / run
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


def test_a_run_is_loaded_sampled_and_continued_by_nobody_else(three):
    for folder in folders(three).values():
        run = gan_jax.load_run(folder)
        assert int(run.state.step) == 20
        assert bool(run.state.alive)
        drawn = run.sample(7, seed=1)
        assert drawn.shape == (7, 2)
        assert np.isfinite(np.asarray(drawn)).all()


def test_what_the_group_kept_for_itself_is_gone(three):
    (group,) = (three / "groups").iterdir()
    assert sorted(path.name for path in group.rglob("*") if path.is_file()) == ["group.json", "result.json"]


# Data and latent variables, exactly.


def spying(state, batch):
    """A step that trains nothing and says what it was given: pixels of each example, and bits of its key."""
    pixels = batch["image"][0].reshape(batch["image"].shape[1], -1)[:, 10:50:7]
    key = jax.random.fold_in(jax.random.fold_in(state.key, STREAMS["train"]), state.step)
    bits = jax.random.bits(key, (4,), np.uint32) >> np.uint32(9)  # exact as float32
    seen = {f"pixel/{i}/{j}": pixels[i, j] for i in range(pixels.shape[0]) for j in range(pixels.shape[1])}
    return state.replace(step=state.step + 1), {**seen, **{f"key/{i}": bits[i].astype(np.float32) for i in range(4)}}


def test_every_run_sees_the_examples_and_keys_that_it_sees_alone(tmp_path, monkeypatch):
    fields = ("log_every=1", "steps=6", "steps_per_call=2", "sample_every=0", "checkpoint_every=0", "batch_size=8")
    shared_config = base(*fields, "health.samples=0", variant="digits")
    monkeypatch.setattr(shared_module, "make_step", lambda game, local_batch: spying)
    rates = {"optimizer.generator.learning_rate": [1e-3, 2e-3]}
    assert train_sweep(tmp_path / "sweep", rates, seeds=2, config=shared_config, width=3) == {"finished": 4}
    monkeypatch.undo()
    seen = {}
    for seed in (0, 1):
        own = base(*fields, f"seed={seed}", "health.samples=0", variant="digits")
        gan_jax.train(own, tmp_path / f"{seed}", progress=False, step=spying)
        seen[seed] = [{k: v for k, v in row.items() if k.startswith(("pixel", "key"))} for row in records(tmp_path / f"{seed}")]
        assert len(seen[seed]) == 6
        assert all(len(row) == 8 * 6 + 4 for row in seen[seed])
        assert all(a != b for a, b in zip(seen[seed], seen[seed][1:], strict=False))
    assert seen[0][0] != seen[1][0]
    for (_, seed), folder in folders(tmp_path / "sweep").items():
        rows = [{k: v for k, v in row.items() if k.startswith(("pixel", "key"))} for row in records(folder)]
        assert rows == seen[seed]


# Several devices.

PROGRAM = """
import sys
from pathlib import Path

sys.path[:0] = sys.argv[2].split(":")
import jax

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_threefry_partitionable", True)
from gan_jax.sweeps.space import zipped
from sweeping import train_sweep
from test_together import SEEDS, SETTINGS, config

for width in (1, 2):
    workdir = Path(sys.argv[1]) / str(width)
    print(train_sweep(workdir, zipped(SETTINGS), seeds=(*SEEDS[:1], 9, SEEDS[1]), config=config(), width=width), jax.device_count())
"""


@pytest.mark.slow
def test_runs_spread_over_two_devices_equal_those_on_one(three, tmp_path):
    # Six runs: three calls of two with one a device, then one of four and one of two, of which two are padding.
    (tmp_path / "program.py").write_text(PROGRAM)
    here = str(pytest.importorskip("sweeping").__file__).rsplit("/", 1)[0]
    cli = str(pytest.importorskip("helpers").__file__).rsplit("/", 1)[0]
    with environment(JAX_PLATFORMS="cpu"):
        ended = elsewhere(tmp_path / "program.py", tmp_path, f"{here}:{cli}", python=True, devices=2, limit=HARD_LIMIT)
    assert ended.status == 0, ended.err
    assert ended.out.splitlines() == ["{'finished': 6} 2"] * 2
    for width, at_once in ((1, 2), (2, 4)):
        workdir = tmp_path / str(width)
        ((group, done),) = groups(workdir).values()
        assert (group["width"], done["programs"]) == (at_once, 1)
        for run in sweep_json(three)["runs"]:
            assert_same_params(workdir / "runs" / run, three / "runs" / run)
            assert [row["step"] for row in records(workdir / "runs" / run)] == [5, 10, 15, 20]
