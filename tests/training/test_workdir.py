"""What a run writes, and what happens when it cannot, or when its numbers overflow."""

import contextlib
import itertools
import json
import os
import resource
import shutil
import subprocess

import jax
import numpy as np
import pytest
from support.commands import (
    checkpoints,
    contents,
    elsewhere,
    events,
    here,
    records,
    refused,
    result,
    tiny_run,
    train_flags,
)

import gan_jax

BIG = ("generator.mlp.widths=(200,200)", "discriminator.mlp.widths=(200,200)")  # 2 MB a checkpoint


def test_the_files_of_a_run(tmp_path_factory):
    workdir = tiny_run(tmp_path_factory)
    names = {path.name.split(".")[0] for path in workdir.iterdir() if not path.name.startswith(".")}
    assert names == {"config", "data", "environment", "metrics", "events", "samples", "checkpoints", "result"}
    environment = json.loads((workdir / "environment.json").read_text())
    assert environment["versions"]["jax"] == jax.__version__
    assert environment["command"] == ["gan-jax", *train_flags(workdir)]
    assert {"git_revision", "devices", "backend", "processes"} <= set(environment)
    config = json.loads((workdir / "config.json").read_text())
    assert config["checkpoint_every"] == 10
    assert config["generator"]["mlp"]["widths"] == [16, 16]

    rows = records(workdir)
    assert [r["step"] for r in rows] == list(range(5, 61, 5))
    assert [r["images_seen"] for r in rows] == [32 * r["step"] for r in rows]  # the generator's rounds read none
    assert all(a["seconds"] <= b["seconds"] for a, b in itertools.pairwise(rows))
    for name in ("discriminator/loss", "generator/loss", "images_per_second"):
        assert all(np.isfinite(r[name]) for r in rows)
    assert sorted(p.name for p in (workdir / "samples").iterdir()) == ["20.png", "40.png", "60.png"]
    assert checkpoints(workdir) == [40, 50, 60]

    steps, scalars = events(workdir)
    assert steps["samples"] == [20, 40, 60]
    assert {tag for tag in steps if tag != "samples"} == set(rows[0]) - {"step"}
    for row in rows:
        for name, value in row.items():
            if name != "step":
                assert scalars[name, row["step"]] == pytest.approx(value, rel=1e-6, abs=1e-30)


def test_the_result(tmp_path):
    workdir = tmp_path / "run"
    config = gan_jax.load_config(str(train_flags(workdir)[1]).removeprefix("--config="), {"steps": 7})
    returned = gan_jax.train(config, workdir, progress=False)
    assert returned.status == "finished"
    assert returned.step == 7
    assert len(returned.params_sha256) == 64
    assert returned.seconds > 0
    assert returned.sample_grid == str(workdir / "samples" / "7.png")
    assert returned.metrics == {k: v for k, v in records(workdir)[-1].items() if "/" in k}
    assert result(workdir) == {
        "status": "finished", "step": 7, "params_sha256": returned.params_sha256, "seconds": returned.seconds,
        "metrics": returned.metrics, "sample_grid": returned.sample_grid, "best": None, "health": [], "reason": "",
    }  # fmt: skip


def test_periods_of_zero_mean_only_at_the_end(tmp_path):
    workdir = tmp_path / "run"
    assert here(*train_flags(workdir, "log_every=0", "sample_every=0", "checkpoint_every=0", "steps=13")).status == 0
    assert [r["step"] for r in records(workdir)] == [13]
    assert [p.name for p in (workdir / "samples").iterdir()] == ["13.png"]
    assert checkpoints(workdir) == [13]


def limit_files(size):
    """For a child process: a file that grows beyond ``size`` bytes fails, as on a full disk."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def assert_full(ended, workdir, last_good):
    assert ended.status == 1, ended
    # Threads of TensorStore may complain when Orbax has given up before them, even after our line; none of ours does.
    assert "gan_jax/" not in ended.err.replace(str(workdir), ""), ended.err
    [ours] = [line for line in ended.err.splitlines() if line.startswith("gan-jax: ")]
    assert str(workdir / "checkpoints" / str(last_good)) in ours


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_written_whole_loses_nothing(tmp_path):
    workdir = tmp_path / "run"
    assert here(*train_flags(workdir, *BIG, "steps=20")).status == 0
    ended = elsewhere(*train_flags(workdir, *BIG, "steps=40"), preexec_fn=limit_files(400_000))
    assert_full(ended, workdir, 20)
    assert int(gan_jax.load_run(workdir).state.step) == 20
    assert here(*train_flags(workdir, *BIG, "steps=40")).status == 0
    assert result(workdir)["status"] == "finished"
    assert [r["step"] for r in records(workdir)] == list(range(5, 41, 5))


def test_records_that_cannot_be_written_lose_nothing(tmp_path):
    workdir = tmp_path / "run"
    assert here(*train_flags(workdir, "steps=20")).status == 0
    before = contents(workdir / "checkpoints")
    with open(workdir / "metrics.jsonl") as file:
        size = len(file.read()) + 300  # room for less than one more record; checkpoints are larger still
    ended = elsewhere(*train_flags(workdir, "steps=40"), preexec_fn=limit_files(size))
    assert_full(ended, workdir, 20)
    assert contents(workdir / "checkpoints") == before
    assert here(*train_flags(workdir, "steps=40")).status == 0


@contextlib.contextmanager
def small_disk(path, size):
    """A file system of its own on ``path``, where the test may make one."""
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounts a file system")
def test_a_full_disk(tmp_path):
    with small_disk(tmp_path / "disk", "16m") as disk:
        workdir = disk / "run"
        assert here(*train_flags(workdir, "steps=20")).status == 0
        free = shutil.disk_usage(disk).free
        with open(disk / "ballast", "wb") as file:
            file.write(b"x" * (free - 900_000))
        ended = here(*train_flags(workdir, "steps=40"))
        assert_full(ended, workdir, 20)
        assert "MiB free" in ended.err
        (disk / "ballast").unlink()
        assert here(*train_flags(workdir, "steps=40")).status == 0
        assert checkpoints(workdir)[-1] == 40


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounts a file system")
def test_a_disk_that_fills_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", "16m") as disk:
        workdir = disk / "run"
        assert here(*train_flags(workdir, *BIG, "steps=20")).status == 0
        free = shutil.disk_usage(disk).free
        with open(disk / "ballast", "wb") as file:
            file.write(b"x" * (free - 1_000_000))
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 0, 10**12))
        ended = here(*train_flags(workdir, *BIG, "steps=40"))
        monkeypatch.undo()
        assert_full(ended, workdir, 20)
        assert int(gan_jax.load_run(workdir).state.step) == 20
        (disk / "ballast").unlink()
        assert here(*train_flags(workdir, *BIG, "steps=40")).status == 0


EXPLODING = ("optimizer.generator.learning_rate=1e30", "checkpoint_every=1")


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    workdir = tmp_path / "run"
    lines = []
    for _ in range(2):  # the same command repeats the same failure from the last good checkpoint
        ended = here(*train_flags(workdir, *EXPLODING))
        assert ended.status == 3, ended
        assert "Traceback" not in ended.err
        line = ended.err.splitlines()[-1]
        lines.append(line)
        found = result(workdir)
        bad = found["step"] + 1
        assert line.startswith("gan-jax: ")
        assert any(name in line for name in ("discriminator/loss is", "generator/loss is"))
        assert f"at step {bad}" in line
        assert f"last good checkpoint: {workdir / 'checkpoints' / str(found['step'])}" in line
        assert found["status"] == "non_finite"
        assert any(isinstance(value, str) for value in found["metrics"].values())
        state = gan_jax.load_run(workdir).state
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
        assert int(state.step) == found["step"]
    assert lines[0] == lines[1]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_parameters_that_are_not_finite_are_never_saved(tmp_path):
    workdir = tmp_path / "run"
    # Finite loss and gradient, but the step overflows float32.
    flags = ("optimizer.generator.learning_rate=1e39", "steps=1")
    ended = here(*train_flags(workdir, *flags, "checkpoint_every=1"))
    assert ended.status == 3, ended
    assert "params/generator/" in ended.err.splitlines()[-1]
    assert "optimizer.generator.learning_rate" in ended.err.splitlines()[-1]
    assert "there is no checkpoint yet" in ended.err.splitlines()[-1]
    assert result(workdir)["status"] == "non_finite"
    assert checkpoints(workdir) == []


def test_python_raises_what_the_command_line_prints(tmp_path):
    config = gan_jax.load_config(
        train_flags(tmp_path)[1].removeprefix("--config="), [flag for flag in EXPLODING if "every" not in flag]
    )
    with pytest.raises(gan_jax.NonFiniteError, match="there is no checkpoint yet"):
        gan_jax.train(config, tmp_path / "run", progress=False)


@pytest.mark.parametrize("place", ["below a file", "a file"])
def test_a_work_directory_that_cannot_be(tmp_path, place):
    file = tmp_path / "file"
    file.write_text("mine")
    workdir = file / "run" if place == "below a file" else file
    line = refused(*train_flags(workdir), status=1)
    assert str(workdir) in line
    assert file.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
