"""Evaluation while a run trains: its records, its best checkpoint, and what a stop in between leaves."""

import shutil

import pytest
from support.commands import checkpoints, events, here, result, tiny_run, train_flags

import gan_jax
from gan_jax.evaluation import records as evaluations

FLAGS = (
    "evaluation.metrics=('frechet_pixels','modes')", "evaluation.every=10", "evaluation.num=200",
    "evaluation.best=frechet_pixels",
)  # fmt: skip


def values(workdir, metric="frechet_pixels"):
    """{step: value} of what training recorded."""
    found = [r for r in evaluations.read(workdir) if r["metric"] == metric and r["by"] == "train"]
    assert len({r["step"] for r in found}) == len(found), "a step is there twice"
    return {r["step"]: r["value"] for r in found}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "reference"
    ended = here(*train_flags(workdir, *FLAGS))
    assert ended.status == 0, ended.err
    assert "step 20/60  frechet_pixels" in ended.err
    return workdir


def test_every_evaluation_is_recorded(reference):
    assert list(values(reference)) == [10, 20, 30, 40, 50, 60]
    assert list(values(reference, "modes_captured")) == [10, 20, 30, 40, 50, 60]
    steps, scalars = events(reference)
    for step, value in values(reference).items():
        assert scalars["evaluation/frechet_pixels", step] == pytest.approx(value, rel=1e-6)
    assert steps["evaluation/modes_captured"] == [10, 20, 30, 40, 50, 60]
    record = evaluations.read(reference)[0]
    assert (record["n_real"], record["n_fake"], record["split"], record["checkpoint"]) == (200, 200, "drawn", "step")


def test_the_best_checkpoint_is_kept_beside_the_last(reference):
    by_step = values(reference)
    best = min(by_step, key=by_step.get)
    assert result(reference)["best"] == {"metric": "frechet_pixels", "value": by_step[best], "step": best}
    assert [p.name for p in (reference / "best").iterdir() if p.name.isdigit()] == [str(best)]
    assert checkpoints(reference) == [40, 50, 60]
    assert int(gan_jax.load_run(reference, "best").state.step) == best


def test_evaluation_does_not_touch_the_training(reference, tmp_path_factory):
    plain = tiny_run(tmp_path_factory)
    assert result(plain)["params_sha256"] == result(reference)["params_sha256"]
    assert result(plain)["best"] is None
    assert not (plain / "evaluation.jsonl").exists()


def test_a_stopped_run_ends_with_the_same_evaluations(reference, tmp_path):
    """Also where records and the best checkpoint are ahead of the checkpoint that it continues from."""
    workdir = tmp_path / "run"
    shutil.copytree(reference, workdir)
    for step in (50, 60):
        shutil.rmtree(workdir / "checkpoints" / str(step))
    (workdir / "result.json").unlink()
    with open(workdir / "evaluation.jsonl", "a") as file:
        file.write('{"metric": "frechet')
    ended = here(*train_flags(workdir, *FLAGS))
    assert ended.status == 0, ended.err
    assert "continuing" in ended.err
    assert values(workdir) == values(reference)
    assert values(workdir, "modes_captured") == values(reference, "modes_captured")
    assert result(workdir)["best"] == result(reference)["best"]
    assert events(workdir)[0] == events(reference)[0]


def test_a_run_may_be_continued_with_other_evaluations(reference, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(reference, workdir)
    flags = ("evaluation.metrics=('modes',)", "evaluation.every=10", "steps=70")
    assert here(*train_flags(workdir, *flags)).status == 0
    assert list(values(workdir)) == [10, 20, 30, 40, 50, 60]
    assert list(values(workdir, "modes_captured")) == [10, 20, 30, 40, 50, 60, 70]


def test_the_command_measures_what_training_measured(reference):
    ended = here("evaluate", f"--workdir={reference}", "--metrics=frechet_pixels", "--checkpoint=50,60", "--num=200")
    assert ended.status == 0, ended.err
    commanded = {r["step"]: r for r in evaluations.read(reference) if r["by"] == "evaluate"}
    trained = {
        r["step"]: r for r in evaluations.read(reference) if r["metric"] == "frechet_pixels" and r["by"] == "train"
    }
    for step in (50, 60):
        assert commanded[step]["value"] == trained[step]["value"]
        assert commanded[step]["protocol"] == trained[step]["protocol"]


def test_the_best_and_the_last_may_be_one_step(reference, tmp_path):
    """Their values stand in columns of their own: one of them was chosen by such a value."""
    workdir = tmp_path / "run"
    shutil.copytree(reference, workdir)
    best = result(workdir)["best"]["step"]
    flags = (f"--workdir={workdir}", "--metrics=frechet_pixels", "--num=200", f"--checkpoint=best,{best}")
    if best not in checkpoints(workdir):
        shutil.copytree(workdir / "best" / str(best), workdir / "checkpoints" / str(best))
    ended = here("evaluate", *flags)
    assert ended.status == 0, ended.err
    head, row, *said = ended.out.splitlines()
    assert head.split() == ["frechet_pixels", "[1]", "frechet_pixels", "[2]"]
    assert row.split()[-1] == row.split()[-2] != "-"
    assert "checkpoint best by frechet_pixels of 200 on ring test" in "".join(said)
