"""Two processes under jax.distributed train as one does, each on a stream of its own examples; only the first writes.

A process of jax.distributed does not hear SIGTERM: whatever goes wrong, these tests end it with SIGKILL.
"""

import contextlib
import signal
import socket

import numpy as np
import pytest
from PIL import Image
from support.commands import (
    contents,
    finish,
    here,
    kill,
    records,
    result,
    start,
    train_flags,
    wait_until,
)

import gan_jax
from gan_jax.training.checkpoints import leaves_of

FLAGS = (
    "steps=40", "log_every=5", "sample_every=20", "checkpoint_every=5", "data.folder.memory_limit_mb=0",
    "generator.mlp.output=tanh",
)  # fmt: skip
TOLERANCE = 1e-5
LIMIT = 180


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The flag of a folder of images of 8x8 pixels."""
    folder, pixels = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for i in range(40):
        Image.fromarray(pixels.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{i:02}.png")
    return f"data.name=folder:{folder}"


@contextlib.contextmanager
def two_processes(workdir, *flags, by_environment=False):
    """Both processes of one run, started; killed at the end if they are still there."""
    address, processes = f"127.0.0.1:{free_port()}", []
    for number in range(2):
        arguments, variables = train_flags(workdir, *FLAGS, *flags), {}
        if by_environment:
            variables = {
                "JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": str(number),
            }  # fmt: skip
        else:
            arguments += [f"--coordinator_address={address}", "--num_processes=2", f"--process_id={number}"]
        processes.append(start(*arguments, env=variables))
    try:
        yield processes
    finally:
        for process in processes:
            kill(process)
            process.communicate()


def run_two(workdir, *flags, **options):
    with two_processes(workdir, *flags, **options) as processes:
        return [finish(process, LIMIT) for process in processes]


def params(workdir):
    return leaves_of(gan_jax.load_run(workdir).state.params)


def assert_close(a, b):
    a, b = params(a), params(b)
    assert sorted(a) == sorted(b)
    for name in b:
        assert np.max(np.abs(a[name] - b[name])) <= TOLERANCE * np.max(np.abs(b[name])), name


@pytest.fixture(scope="module")
def one(tmp_path_factory, images):
    """The same run by one process, this one."""
    workdir = tmp_path_factory.mktemp("runs") / "one"
    ended = here(*train_flags(workdir, *FLAGS, images))
    assert ended.status == 0, ended.err
    return workdir


@pytest.fixture(scope="module")
def two(tmp_path_factory, images):
    """The run by two processes, given by flags."""
    workdir = tmp_path_factory.mktemp("runs") / "two"
    ends = run_two(workdir, images)
    assert [ended.status for ended in ends] == [0, 0], ends
    assert "step 40/40" in ends[0].err
    assert "step" not in ends[1].err  # only the first process reports
    return workdir


@pytest.mark.slow
def test_two_processes_equal_one(one, two):
    assert_close(two, one)
    ours, theirs = records(two), records(one)
    assert [row["step"] for row in ours] == [row["step"] for row in theirs] == list(range(5, 41, 5))
    for a, b in zip(ours, theirs, strict=True):
        assert a["images_seen"] == b["images_seen"]
        assert a["discriminator/loss"] == pytest.approx(b["discriminator/loss"], rel=1e-4)
    assert result(two)["status"] == "finished"


@pytest.mark.slow
def test_only_the_first_process_writes(one, two):
    def names(workdir):
        return {name.split(".tfevents")[0] for name in contents(workdir) if not name.startswith("checkpoints/")}

    assert names(two) == names(one)
    assert {p.name for p in (two / "checkpoints").iterdir()} == {p.name for p in (one / "checkpoints").iterdir()}


@pytest.mark.slow
def test_one_process_samples_what_two_have_trained(one, two, tmp_path):
    for name, workdir in (("one", one), ("two", two)):
        ended = here("sample", f"--workdir={workdir}", f"--out={tmp_path / name}.npy", "--num=20")
        assert ended.status == 0, ended.err
    a, b = np.load(tmp_path / "one.npy"), np.load(tmp_path / "two.npy")
    np.testing.assert_allclose(b, a, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_killed_and_continued_by_environment_variables(two, images, tmp_path):
    workdir = tmp_path / "run"
    with two_processes(workdir, images, by_environment=True) as processes:
        # Orbax writes a checkpoint under another name that begins with its step, too, and renames it at the end.
        wait_until(lambda: any(p.name.isdigit() for p in workdir.glob("checkpoints/*")), processes[0])
        for process in processes:
            kill(process)
        assert [finish(process).status for process in processes] == [-signal.SIGKILL] * 2
    assert not (workdir / "result.json").exists()
    ends = run_two(workdir, images, by_environment=True)
    assert [ended.status for ended in ends] == [0, 0], ends
    assert "continuing" in ends[0].err
    assert result(workdir)["params_sha256"] == result(two)["params_sha256"]
    assert [row["step"] for row in records(workdir)] == list(range(5, 41, 5))


@pytest.mark.slow
def test_both_end_where_the_first_is_refused(two, images):
    before = contents(two)
    ends = run_two(two, images, "seed=1")
    assert ends[0].status == 2, ends
    assert ends[1].status != 0
    assert "seed: 0 there, 1 now" in ends[0].err
    assert contents(two) == before
