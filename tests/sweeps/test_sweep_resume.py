"""A sweep that is killed, stopped or extended ends as one that never was, bit for bit, and repeats nothing."""

import random
import signal
import time

import pytest
from support.commands import (
    environment,
    finish,
    here,
    kill,
    records,
    result,
    running,
    samples,
    start,
    untimed,
    wait_until,
)
from support.sweeping import (
    RATE,
    digests,
    folders,
    groups,
    statuses,
    sweep_flags,
    sweep_json,
    train_sweep,
    write_sweep,
)

from gan_jax.evaluation import records as evaluations
from gan_jax.sweeps import load

pytestmark = pytest.mark.slow

# Two groups, which need no compiling twice; four runs a group in calls of three and of one; 40 records a run.
VALUES = {"checkpoint_keep": [2, 3]}
FIELDS = ("steps=200", "steps_per_call=0", "checkpoint_every=20", "sample_every=100", "evaluation.every=100")
STEPS, RUNS = list(range(5, 201, 5)), 8


def flags_for(workdir, file):
    return sweep_flags(workdir, file, fields=FIELDS)


def on_one_device(flags):
    """The command in this process, with as many devices as the processes that are killed have."""
    with environment(XLA_FLAGS="--xla_force_host_platform_device_count=1"):
        return here(*flags)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The sweep's file."""
    return write_sweep(tmp_path_factory.mktemp("files") / "sweep.py", VALUES, seeds=4)


@pytest.fixture(scope="module")
def reference(tmp_path_factory, file):
    """The sweep without a break."""
    workdir = tmp_path_factory.mktemp("sweeps") / "reference"
    ended = on_one_device(flags_for(workdir, file))
    assert ended.status == 0, ended.err
    assert ended.out.startswith("8 runs: 8 finished\n")
    return workdir


def all_records(workdir):
    """Records of all runs."""
    return sum(path.read_bytes().count(b"\n") for path in workdir.glob("runs/*/metrics.jsonl"))


def wait_for(count, workdir, process):
    """Wait until there are so many records."""
    wait_until(lambda: time.sleep(0.02) or all_records(workdir) >= count, process)


def ends(workdir):
    """{run that has ended: when its result was written}."""
    return {path.parent.name: path.stat().st_mtime_ns for path in workdir.glob("runs/*/result.json")}


def assert_same_sweep(workdir, reference):
    """Every run finished once, with the bits of the reference."""
    assert set(statuses(workdir).values()) == {"finished"}
    assert digests(workdir) == digests(reference)
    assert len(digests(workdir)) == RUNS
    for point, run in folders(workdir).items():
        other = folders(reference)[point]
        assert [row["step"] for row in records(run)] == STEPS
        assert untimed(run) == untimed(other)
        assert samples(run) == samples(other)
        ours, theirs = ([(r["metric"], r["step"], r["value"]) for r in evaluations.read(x)] for x in (run, other))
        assert ours == theirs
        assert [r["step"] for r in evaluations.read(run) if r["metric"] == "near_modes"] == [100, 200]
        assert result(run)["metrics"] == result(other)["metrics"]
    assert {name: group["runs"] for name, (group, _) in groups(workdir).items()} == {
        name: group["runs"] for name, (group, _) in groups(reference).items()
    }
    assert all(ended["status"] == "done" for _, ended in groups(workdir).values())
    assert not list(workdir.glob("groups/*/chunks/*"))
    assert not [path for path in workdir.rglob("*") if path.name.endswith(".tmp")]
    ours, theirs = ([frame.drop(columns="seconds")] for frame in (load(workdir), load(reference)))
    assert ours[0].equals(theirs[0])


def test_killed_at_three_random_moments(reference, file, tmp_path):
    rng, workdir = random.Random(0), tmp_path / "sweep"
    flags, done = flags_for(workdir, file), {}
    for first, last in ((5, 100), (125, 150), (180, 260)):  # of three runs at once, of one, of the other group
        target = max(rng.randint(first, last), all_records(workdir) + 5)
        process = start(*flags)
        try:
            wait_for(target, workdir, process)
            time.sleep(rng.uniform(0, 0.1))
            assert process.poll() is None, "the sweep ended before it was killed"
        finally:
            kill(process)
        assert finish(process).status == -signal.SIGKILL
        now = ends(workdir)
        assert {run: now[run] for run in done} == done  # what was done before is not touched
        done = now
    assert 0 < len(done) < RUNS
    ended = on_one_device(flags)
    assert ended.status == 0, ended.err
    assert "Traceback" not in ended.err
    assert {run: ends(workdir)[run] for run in done} == done
    assert_same_sweep(workdir, reference)
    assert (workdir / "report.html").exists()
    again = ends(workdir)
    ended = on_one_device(flags)
    assert ended.status == 0, ended.err
    assert "nothing is left to do" in ended.err
    assert ends(workdir) == again
    assert sweep_json(workdir)["commands"] == [["gan-jax", *flags]]


def test_signals_save_and_the_same_command_continues(reference, file, tmp_path):
    workdir = tmp_path / "sweep"
    flags, saved = flags_for(workdir, file), 0
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with running(*flags) as process:
            wait_for(all_records(workdir) + 20, workdir, process)
            process.send_signal(number)
            ended = finish(process)
        assert ended.status == status, ended.err
        assert "Traceback" not in ended.err
        assert not saved or f"continuing 3 runs from step {saved}" in ended.err
        saved = max(int(path.name) for path in workdir.glob("groups/*/chunks/*/checkpoints/*") if path.name.isdigit())
        assert saved == max(records(run)[-1]["step"] for run in folders(workdir).values() if records(run))
        assert set(load(workdir)["status"]) <= {"running", "missing", "finished"}
        assert (workdir / "results.csv").exists()
    ended = on_one_device(flags)
    assert ended.status == 0, ended.err
    assert f"continuing 3 runs from step {saved}" in ended.err
    assert_same_sweep(workdir, reference)


def test_added_values_and_seeds_train_the_new_runs_alone(tmp_path):
    few, more = {RATE: [1e-3, 2e-3, 3e-3]}, {RATE: [1e-3, 2e-3, 3e-3, 4e-3]}
    assert train_sweep(tmp_path, few) == {"finished": 3}
    before = digests(tmp_path)
    old = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/*") if path.name != ".lock"}
    assert train_sweep(tmp_path, more, seeds=2, about={"command": ["again"]}) == {"finished": 8}
    assert {path: path.stat().st_mtime_ns for path in old} == old
    assert {point: digest for point, digest in digests(tmp_path).items() if point in before} == before
    assert sorted(len(group["runs"]) for group, _ in groups(tmp_path).values()) == [3, 5]
    laid_out = sweep_json(tmp_path)
    assert laid_out["seeds"] == [0, 1]
    assert laid_out["commands"] == [[], ["again"]]


def test_a_second_command_meanwhile_is_refused_and_the_first_goes_on(file, tmp_path):
    workdir = tmp_path / "sweep"
    flags = sweep_flags(workdir, file, fields=(*FIELDS, "steps=1000000"))
    with running(*flags) as process:
        wait_for(4, workdir, process)
        ended = on_one_device(flags)
        assert ended.status == 1
        assert ended.err.count("\n") == 1
        assert f"in use by process {process.pid}" in ended.err
        wait_for(all_records(workdir) + 3, workdir, process)
