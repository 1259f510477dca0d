"""``gan-jax evaluate``: tables with their protocol, several runs and checkpoints, one line for every mistake."""

import json
import shutil
from pathlib import Path

import pytest
from support.commands import contents, here, image_run, refuse_training, refused, tiny_run, write

from gan_jax.cli import commands
from gan_jax.evaluation import records as evaluations
from gan_jax.evaluation.protocol import FIELDS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on points."""
    return shutil.copytree(tiny_run(tmp_path_factory), tmp_path_factory.mktemp("runs") / "ring")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run on images of 8 x 8 pixels, with averaged parameters."""
    return shutil.copytree(image_run(tmp_path_factory), tmp_path_factory.mktemp("runs") / "digits")


def test_a_table_with_its_protocol(run):
    ended = here("evaluate", f"--workdir={run}", "--metrics=frechet_pixels,modes,prdc_pixels", "--num=300")
    assert ended.status == 0, ended.err
    head, row, *said = ended.out.splitlines()
    assert head.split()[0] == "frechet_pixels"
    assert {"modes_captured", "precision_pixels", "coverage_pixels"} <= set(head.split())
    assert row.startswith(f"{run} step 60 ")
    assert "n_real 300, n_fake 300, parameters current, batch_norm none, checkpoint last" in said[0]
    made = evaluations.read(run)
    assert set(FIELDS) <= set(made[0])
    assert {r["step"] for r in made} == {60}
    for record in made:
        assert record["protocol"] in ended.out
    for line in (run / "evaluation.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


def test_several_runs_and_checkpoints(run, digits):
    ended = here("evaluate", f"--workdir={run},{digits}", "--metrics=frechet_pixels", "--num=100", "--split=train",
                 "--repeats=2", "--checkpoint=latest")  # fmt: skip
    assert ended.status == 0, ended.err
    assert "not comparable with one another" in ended.out
    assert "parameters ema" in ended.out
    assert "±" in ended.out
    before = len(evaluations.read(run))
    ended = here("evaluate", f"--workdir={run}", "--metrics=frechet_pixels", "--num=100", "--checkpoint=all")
    assert [line.split()[:3] for line in ended.out.splitlines()[1:4]] == [
        [str(run), "step", step] for step in ("40", "50", "60")
    ]
    assert len(evaluations.read(run)) == before + 3


def test_the_same_command_gives_the_same_numbers(run):
    command = ("evaluate", f"--workdir={run}", "--metrics=sliced_wasserstein_pixels", "--num=200", "--seed=7")
    first, second = here(*command), here(*command)
    assert first.out == second.out
    assert first.status == 0


def test_a_metric_of_images_where_there_are_images(digits):
    assert here("evaluate", f"--workdir={digits}", "--metrics=frechet_pixels", "--num=50", "--split=train").status == 0
    line = refused("evaluate", f"--workdir={digits}", "--metrics=ms_ssim", "--num=50", "--split=train", status=1)
    assert "ms_ssim: images have the shape [50, 8, 8, 1]; allowed: " in line
    assert "H and W at least 22" in line


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--metrics=fid_lenet"], ["there is no metric 'fid_lenet'", "allowed:"]),
        (["--metrics=frechet"], ["metric 'frechet' names no extractor", "frechet_lenet", "frechet_own"]),
        (["--metrics=frechet_lent"], ["frechet_lenet"]),
        (["--metrics="], ["--metrics= is not possible", "frechet_E", "lenet"]),
        (["--metrics=modes,modes"], ["--metrics=modes,modes names 'modes' twice; allowed: each metric once"]),
        (["--metrics=frechet_lenet"], ["frechet_lenet: ring has points; allowed: pixels"]),
        (["--metrics=parzen"], ["parzen is for images; ring has points"]),
        (["--metrics=frechet_pixels", "--checkpoint=70"], ["checkpoint='70'", "allowed: latest, all, 40, 50, 60"]),
        (["--metrics=frechet_pixels", "--checkpoint=best"], ["checkpoint='best'", "allowed: latest, all, 40, 50, 60"]),
        (["--metrics=frechet_pixels", "--num=0"], ["--num=0 is not possible"]),
        (["--metrics=frechet_pixels", "--repeats=0"], ["--repeats=0 is not possible"]),
        (["--metric=frechet_pixels"], ["--metric is not a flag of `evaluate`", "did you mean 'metrics'"]),
        (["extra"], ["'extra' is not understood"]),
    ],
)
def test_mistakes(run, flags, says):
    before = contents(run)
    line = refused("evaluate", f"--workdir={run}", *flags)
    for part in says:
        assert part in line
    assert contents(run) == before


def test_a_split_that_there_is_not(digits):
    line = refused("evaluate", f"--workdir={digits}", "--metrics=frechet_pixels")
    assert "split 'test' of the real examples: digits has one split, 'train'" in line


@pytest.mark.parametrize(
    ("metric", "status", "says"),
    [
        ("accuracy_lenet", 2, ["lenet"]),  # trained on images of 28 x 28
        ("accuracy_pixels", 2, ["output 'image' takes no 'label'"]),
        ("inception_score_pixels", 2, ["inception_score_pixels", "has no classes"]),
        ("frechet_inception", 2, ["pt_inception-2015-12-05-6726825d.pth", "https://", "6726825d"]),
        ("modes", 2, ["modes needs a known distribution; digits is none"]),
        ("parzen", 2, ["parzen fits a number on validation examples"]),
    ],
)
def test_metrics_that_do_not_fit(digits, metric, status, says):
    before = contents(digits)
    line = refused("evaluate", f"--workdir={digits}", f"--metrics={metric}", "--split=train", "--num=50", status=status)
    for part in says:
        assert part in line
    assert contents(digits) == before


def test_too_few_examples(run):
    line = refused("evaluate", f"--workdir={run}", "--metrics=kid_pixels", "--num=10", status=1)
    assert "1000" in line


def test_no_run(empty_folder):
    assert "--workdir is missing" in refused("evaluate")
    assert "holds no run" in refused("evaluate", "--workdir=nowhere", status=1)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("evaluation.every=10",), "evaluation.every=10 with evaluation.metrics=()"),
        (("evaluation.best=modes_captured",), "evaluation.best='modes_captured' is not measured"),
        (("evaluation.every=10", "evaluation.metrics=('modes',)", "evaluation.best=frechet_pixels"), "is not measured"),
        (("evaluation.every=10", "evaluation.metrics=('frechet_own',)"), "evaluation.extractor=''"),
        (("evaluation.every=10", "evaluation.metrics=('frechet_lenet',)"), "ring has points"),
        (("evaluation.every=10", "evaluation.metrics=('modes','inception_score_pixels')"), "has no classes"),
        (("evaluation.every=10", "evaluation.metrics=(1,)"), "evaluation.metrics=(1,) is not possible"),
    ],
)
def test_refused_before_a_run_begins(empty_folder, flags, says):
    assert says in refuse_training(*flags)


def test_names_of_runs(empty_folder, monkeypatch):
    for name in ("a", "b", "lr=0.1,seed=3", "lr=0.1,seed=4"):
        (empty_folder / name).mkdir()
    (empty_folder / "sweep").mkdir()
    write("sweep/sweep.json", "{}")
    paths = lambda *names: [Path(name) for name in names]
    assert commands._runs(["a,b"]) == paths("a", "b")
    assert commands._runs(["lr=0.1,seed=3"]) == paths("lr=0.1,seed=3")
    assert commands._runs(["lr=0.1,seed=3", "a", "lr=0.1,seed=4"]) == paths("lr=0.1,seed=3", "a", "lr=0.1,seed=4")
    monkeypatch.setenv("HOME", str(empty_folder))
    assert commands._runs(["~/a,~/b"]) == paths(empty_folder / "a", empty_folder / "b")
    flags = ("evaluate", "--metrics=modes")
    for given, status, says in [
        (["a,"], 2, "--workdir=a, has an empty name; allowed: --workdir=DIR or --workdir=DIR,DIR"),
        ([""], 2, "--workdir= has an empty name"),
        (["a,b,./a"], 2, "--workdir=a,b,./a names './a' twice; allowed: each run once"),
        (["a", f"{empty_folder}/a"], 2, "a' twice"),
        (["lr=0.2,seed=3"], 1, "--workdir=lr=0.2,seed=3: there is no folder 'lr=0.2'; commas separate runs"),
        (["sweep"], 1, "'sweep' holds a sweep, not a run; give the --workdir of one of its runs, sweep/runs/NAME"),
    ]:
        assert says in refused(*flags, *(f"--workdir={one}" for one in given), status=status)


def test_an_extractor_of_ones_own(empty_folder, digits):
    write("mine.py", "def brightness(x):\n    return x.mean((1, 2))\n")
    flags = (f"--workdir={digits}", "--metrics=frechet_own", "--num=50", "--split=train")
    assert here("evaluate", *flags, "--extractor=mine:brightness").status == 0
    assert evaluations.read(digits)[-1]["extractor"] == "mine:brightness"
    assert "evaluation.extractor='' is not possible; allowed: package.module:attribute" in refused("evaluate", *flags)
    write("mine2.py", "def brightness(x):\n    return x.mean()\n")
    assert "must return features float32 [32, n]" in refused("evaluate", *flags, "--extractor=mine2:brightness")
