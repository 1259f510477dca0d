"""Two processes under jax.distributed train each run of a sweep together, as one process does.

A process of jax.distributed does not hear SIGTERM: whatever goes wrong, these tests end it with SIGKILL.
"""

import contextlib
import signal
import socket

import pytest
from support.commands import finish, kill, records, result, start, wait_until
from support.sweeping import (
    RATE,
    assert_same_params,
    digests,
    folders,
    statuses,
    sweep_flags,
    sweep_json,
    train_sweep,
    write_sweep,
)

from gan_jax.errors import ConfigError
from gan_jax.evaluation import records as evaluations
from gan_jax.sweeps import load
from gan_jax.sweeps.space import Halving

pytestmark = pytest.mark.slow

VALUES = {RATE: [1e-3, 5e-3]}
LIMIT = 180


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@contextlib.contextmanager
def two_processes(workdir, file):
    """Both processes of a sweep, started; killed at the end if they are still there."""
    address = f"127.0.0.1:{free_port()}"
    processes = []
    for number in range(2):
        own = (f"--coordinator_address={address}", "--num_processes=2", f"--process_id={number}")
        processes.append(start(*sweep_flags(workdir, file, *own)))
    try:
        yield processes
    finally:
        for process in processes:
            kill(process)
            process.communicate()


def run_two(workdir, file):
    with two_processes(workdir, file) as processes:
        return [finish(process, LIMIT) for process in processes]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The sweep's file."""
    return write_sweep(tmp_path_factory.mktemp("files") / "sweep.py", VALUES, seeds=1, metric="near_modes")


@pytest.fixture(scope="module")
def two(tmp_path_factory, file):
    """The sweep by two processes, and how they ended."""
    workdir = tmp_path_factory.mktemp("sweeps") / "two"
    return workdir, run_two(workdir, file)


def test_two_processes_train_the_sweep_that_one_does(two, tmp_path):
    assert train_sweep(tmp_path / "one", VALUES) == {"finished": 2}
    workdir, (first, second) = two
    assert (first.status, second.status) == (0, 0), (first, second)
    said = [[line for line in one.out.splitlines() if not line.startswith("[Gloo]")] for one in (first, second)]
    assert said[0][0] == "2 runs: 2 finished"
    assert said[1] == []  # only the first process reports
    assert "Traceback" not in first.err + second.err
    assert sweep_json(workdir)["runs"] == sweep_json(tmp_path / "one")["runs"]
    for point, run in folders(workdir).items():
        other = folders(tmp_path / "one")[point]
        assert result(run)["status"] == "finished"
        assert_same_params(run, other)
        assert [row["step"] for row in records(run)] == [5, 10, 15, 20]
        for a, b in zip(records(run), records(other), strict=True):
            assert a["generator/loss"] == pytest.approx(b["generator/loss"], rel=1e-4)
        names = [[(r["metric"], r["step"]) for r in evaluations.read(x)] for x in (run, other)]
        assert names[0] == names[1]
    assert len(load(workdir)) == len(load(tmp_path / "one")) == 4
    assert (workdir / "report.html").exists()


def test_killed_and_continued_what_was_done_is_left_alone(file, two, tmp_path):
    workdir = tmp_path / "sweep"
    with two_processes(workdir, file) as processes:
        wait_until(lambda: list(workdir.glob("runs/*/result.json")), processes[0])
        for process in processes:
            kill(process)
        assert [finish(process).status for process in processes] == [-signal.SIGKILL] * 2
    (done,) = workdir.glob("runs/*/result.json")
    written = done.stat().st_mtime_ns
    ends = run_two(workdir, file)
    assert [ended.status for ended in ends] == [0, 0], ends
    assert done.stat().st_mtime_ns == written
    assert set(statuses(workdir).values()) == {"finished"}
    assert digests(workdir) == digests(two[0])


def test_halving_over_hosts_is_refused(tmp_path):
    options = {"metric": "near_modes", "halving": Halving(5, 2), "over_hosts": True}
    with pytest.raises(
        ConfigError, match=r"halving=Halving\(.*\) with several processes; allowed: halving=None, or one"
    ):
        train_sweep(tmp_path / "sweep", VALUES, **options)
    assert not (tmp_path / "sweep").exists()
