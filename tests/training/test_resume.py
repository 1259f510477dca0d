"""A run that is killed, stopped, damaged or continued ends as one that never was, bit for bit."""

import contextlib
import os
import random
import shutil
import signal
import sys
import time

import jax
import pytest
from support.commands import (
    assert_same_run,
    checkpoints,
    contents,
    elsewhere,
    event_times,
    finish,
    here,
    kill,
    records,
    refused,
    result,
    running,
    start,
    tiny_run,
    train_flags,
    untimed,
    wait_until,
)

import gan_jax
from gan_jax.training.checkpoints import Checkpoints
from gan_jax.training.events import Journal


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The tiny run without a break."""
    workdir = tiny_run(tmp_path_factory)
    assert [r["step"] for r in records(workdir)] == list(range(5, 61, 5))
    assert checkpoints(workdir) == [40, 50, 60]
    return workdir


@pytest.fixture
def copy(reference, tmp_path):
    """A copy of the finished run, to be damaged."""
    return shutil.copytree(reference, tmp_path / "copy")


def saving(workdir):
    """Whether a checkpoint is being written now."""
    folder = workdir / "checkpoints"
    return folder.exists() and any("tmp" in p.name or not (p / "commit_success.txt").exists() for p in folder.iterdir())


def kill_repeatedly(workdir, flags, kills, last_record, rng):
    """SIGKILL one command at random moments, at times right while a checkpoint is written."""
    for number in range(kills):
        process = start(*flags, devices=2)
        try:
            have = len(records(workdir))
            target = rng.randint(have + 1, have + max(1, (last_record - have) // 2))
            wait_until(lambda target=target: len(records(workdir)) >= target, process)
            if number % 3 != 2:
                wait_until(lambda: saving(workdir), process)
                time.sleep(rng.uniform(0, 0.02))
            else:
                time.sleep(rng.uniform(0, 0.05))
            assert process.poll() is None, "the run ended before it was killed"
        finally:
            kill(process)
        assert finish(process).status == -signal.SIGKILL
        assert not (workdir / "result.json").exists()


@pytest.mark.slow
def test_killed_ten_times_on_two_devices_with_all_that_a_state_can_hold(tmp_path):
    fields = (
        "steps=240", "sample_every=60", "generator.mlp.batch_norm=True", "discriminator.mlp.dropout=0.3",
        "ema.decay=0.9", "penalties.lecam.weight=0.1", "rule.name=optimistic", "schedule.discriminator_steps=2",
        "optimizer.generator.schedule=cosine", "optimizer.generator.clip=1.0",
        "optimizer.discriminator.schedule=staircase", "optimizer.discriminator.decay_steps=50",
        "optimizer.discriminator.weight_decay=0.01",
    )  # fmt: skip
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for workdir in (whole, broken):
        flags = train_flags(workdir, *fields)
        if workdir is broken:
            kill_repeatedly(workdir, flags, kills=10, last_record=44, rng=random.Random(1))
        ended = elsewhere(*flags, devices=2)
        assert ended.status == 0, ended.err
        assert ("continuing" in ended.err) == (workdir is broken)
    assert_same_run(broken, whole)


def assert_interrupted(ended, status, workdir):
    assert ended.status == status, ended.err
    assert "Traceback" not in ended.err
    assert "the same command continues" in ended.err.splitlines()[-1]
    stopped = result(workdir)
    assert stopped["status"] == "interrupted"
    assert stopped["step"] in checkpoints(workdir)
    assert 15 <= stopped["step"] < 60


def test_a_second_process_is_refused_and_sigterm_saves_what_the_first_has(reference, tmp_path):
    workdir = tmp_path / "run"
    flags = train_flags(workdir)
    with running(*flags) as process:
        wait_until(lambda: len(records(workdir)) >= 3, process)
        process.send_signal(signal.SIGSTOP)  # so that it is there for as long as the second takes
        line = refused(*flags, status=1)
        assert f"in use by process {process.pid}" in line
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        assert_interrupted(finish(process), 143, workdir)
    assert here(*flags).status == 0
    assert_same_run(workdir, reference)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_ctrl_c_and_a_hang_up_save_and_the_same_command_continues(reference, tmp_path, monkeypatch, number, status):
    workdir, record = tmp_path / "run", Journal.record

    def interrupting(output, step, *arguments):
        if step == 25:
            signal.raise_signal(number)
            if number == signal.SIGHUP:  # the system sends one, and the shell another; and nobody reads any more
                signal.raise_signal(number)
                monkeypatch.setattr(sys.stderr, "write", lambda text: os.write(-1, text.encode()))
        return record(output, step, *arguments)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) if status == 129 else contextlib.nullcontext():
        patch.setattr(Journal, "record", interrupting)
        ended = here(*train_flags(workdir))
    if status == 130:
        assert_interrupted(ended, 130, workdir)
    assert result(workdir)["status"] == "interrupted"
    later = time.time() + 1e6
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        assert here(*train_flags(workdir)).status == 0
    assert_same_run(workdir, reference)
    times = event_times(workdir)  # what is replayed keeps its own
    assert {step for step, when in times if when < later} == {5, 10, 15, 20, 25, 30}
    assert {step for step, when in times if when == later} == set(range(35, 61, 5))


def test_more_steps_continue_and_equal_a_longer_run(copy, tmp_path):
    longer = tmp_path / "longer"
    assert here(*train_flags(longer, "steps=80")).status == 0
    assert here(*train_flags(copy, "steps=80")).status == 0
    assert_same_run(copy, longer)


def test_a_finished_run_is_left_as_it_is(copy):
    before = contents(copy)
    ended = here(*train_flags(copy))
    assert ended.status == 0
    assert ended.out.strip() == str(copy / "samples" / "60.png")
    after = contents(copy)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert {name.split(".")[0] for name in changed} <= {"events", "environment", "result"}
    assert result(copy)["metrics"] == {k: v for k, v in untimed(copy)[-1].items() if "/" in k}


def test_fewer_steps_than_done_are_refused(copy):
    before = contents(copy)
    line = refused(*train_flags(copy, "steps=30"))
    assert "steps" in line
    assert "60" in line
    assert "30" in line
    assert contents(copy) == before


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("batch_size", "32", "64"),
        ("optimizer.generator.learning_rate", "0.001", "0.01"),
        ("generator.mlp.widths", "(16, 16)", "(16, 8)"),
        ("loss.name", "'non_saturating'", "'minimax'"),
        ("seed", "0", "1"),
    ],
)
def test_another_configuration_is_refused(copy, field, old, new):
    before = contents(copy)
    line = refused(*train_flags(copy, f"{field}={new.strip(chr(39))}"))
    assert f"{field}: {old} there, {new} now" in line
    assert contents(copy) == before


def data_files(step_folder):
    """The files of a checkpoint that hold arrays, the largest first.

    Some of their bytes are what Orbax's merge of its files has left over, and which ones differs from run to run: so
    damage goes to each file, near its beginning.
    """
    return sorted(
        (p for p in (step_folder / "state").rglob("d/*") if p.is_file()), key=lambda p: p.stat().st_size, reverse=True
    )


def truncate(folder):
    for path in data_files(folder):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 16])


def flip_a_bit(folder):
    for path in data_files(folder):
        content = bytearray(path.read_bytes())
        content[len(content) // 16] ^= 1
        path.write_bytes(content)


def lose_the_files(folder):
    for path in data_files(folder):
        path.unlink()


def lose_the_digests(folder):
    shutil.rmtree(folder / "sha256")


def change_a_digest(folder):
    path = folder / "sha256" / "metadata"
    text = path.read_text()
    path.write_text(text.replace(text[-20:-10], "0" * 10))


DAMAGE = [truncate, flip_a_bit, lose_the_files, lose_the_digests, change_a_digest]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_checkpoint_is_put_aside(copy, damage):
    damage(copy / "checkpoints" / "60")
    said = []
    with contextlib.closing(Checkpoints(copy)) as found:
        step, state = found.restore_newest(gan_jax.load_run(copy, "50").state, said.append)
        assert step == state.step == 50
        assert found.steps() == [40, 50]
    [line] = said
    assert str(copy / "checkpoints" / "60") in line
    assert "falling back" in line
    assert (copy / "damaged" / "60").is_dir()


def test_two_damaged_checkpoints_fall_back_twice(copy, reference):
    for step in (50, 60):
        flip_a_bit(copy / "checkpoints" / str(step))
    ended = here(*train_flags(copy))
    assert ended.status == 0, ended.err
    assert "Traceback" not in ended.err
    for step, line in zip((60, 50), ended.err.splitlines()):
        assert line.startswith(f"checkpoint {copy / 'checkpoints' / str(step)} ")
        assert f"moved to {copy / 'damaged' / str(step)}, falling back" in line
    assert f"continuing {copy} from step 40" in ended.err
    assert_same_run(copy, reference)


def test_all_checkpoints_damaged_is_an_error_that_loses_nothing(copy):
    for step in (40, 50, 60):
        flip_a_bit(copy / "checkpoints" / str(step))
    before = contents(copy)
    for _ in range(2):  # the same command once more must not start from nothing over what is there
        line = refused(*train_flags(copy), status=1)
        assert line.startswith(f"gan-jax: every checkpoint in {copy / 'checkpoints'} is damaged")
        assert contents(copy) == before


def test_a_damaged_checkpoint_is_not_sampled(copy, tmp_path):
    flip_a_bit(copy / "checkpoints" / "60")
    before = contents(copy)
    line = refused("sample", f"--workdir={copy}", f"--out={tmp_path / 'x.npy'}", status=1)
    assert str(copy / "checkpoints" / "60") in line
    assert contents(copy) == before
    assert not (tmp_path / "x.npy").exists()
    assert here("sample", f"--workdir={copy}", f"--out={tmp_path / 'x.npy'}", "--checkpoint=50").status == 0


def test_an_unreadable_configuration_is_an_error_that_loses_nothing(copy):
    (copy / "config.json").write_text("{")
    before = contents(copy)
    assert "config.json cannot be read" in refused(*train_flags(copy), status=1)
    assert contents(copy) == before


def test_a_last_line_cut_short_is_written_again(copy, reference):
    shutil.rmtree(copy / "checkpoints" / "60")
    path = copy / "metrics.jsonl"
    path.write_text(path.read_text()[:-20])
    assert here(*train_flags(copy)).status == 0
    assert_same_run(copy, reference)


def test_steps_per_call_does_not_change_a_bit(reference, tmp_path):
    workdir = tmp_path / "run"
    assert here(*train_flags(workdir, "steps_per_call=3")).status == 0
    assert result(workdir)["params_sha256"] == result(reference)["params_sha256"]
    assert untimed(workdir) == untimed(reference)


def test_another_seed_is_another_run(reference, tmp_path):
    workdir = tmp_path / "run"
    assert here(*train_flags(workdir, "seed=1")).status == 0
    assert result(workdir)["params_sha256"] != result(reference)["params_sha256"]


def test_the_complete_state_is_restored(reference):
    run = gan_jax.load_run(reference)
    assert int(run.state.step) == 60
    assert sorted(run.state.params) == ["discriminator", "generator"]
    assert bool(run.state.alive)
    leaves = jax.tree_util.tree_flatten_with_path(run.state.opt)[0]
    assert [int(leaf) for path, leaf in leaves if "count" in str(path[-1])] == [60, 60]
