"""Two processes under jax.distributed train each run of a sweep together, as one process does.

A process of jax.distributed does not hear SIGTERM: whatever goes wrong, these tests end it with SIGKILL.
"""

import contextlib
import signal
import socket
import time

import jax
import pytest
from support.commands import finish, kill, records, result, start, wait_until
from support.sweeping import (
    RATE,
    assert_same_params,
    folders,
    sweep_flags,
    sweep_json,
    train_sweep,
    write_sweep,
)

from gan_jax.errors import ConfigError
from gan_jax.evaluation import records as evaluations
from gan_jax.sweeps import load
from gan_jax.sweeps.sweep import Halving

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


def test_killed_and_continued_two_processes_train_the_sweep_that_one_does(tmp_path):
    file = write_sweep(tmp_path / "sweep.py", VALUES, seeds=1, metric="near_modes")
    workdir = tmp_path / "two"
    with two_processes(workdir, file) as processes:
        wait_until(lambda: time.sleep(0.02) or [*workdir.glob("runs/*/result.json")], processes[0])
        for process in processes:
            kill(process)
        assert [finish(process).status for process in processes] == [-signal.SIGKILL] * 2
    (done,) = workdir.glob("runs/*/result.json")
    written = done.stat().st_mtime_ns
    with two_processes(workdir, file) as processes:
        first, second = (finish(process, LIMIT) for process in processes)
    assert (first.status, second.status) == (0, 0), (first, second)
    assert done.stat().st_mtime_ns == written  # what was done is left alone
    said = [[line for line in one.out.splitlines() if not line.startswith("[Gloo]")] for one in (first, second)]
    assert said[0][0] == "2 runs: 2 finished"
    assert said[1] == []  # only the first process reports
    assert "Traceback" not in first.err + second.err
    one = tmp_path / "one"  # with another rate, so that it has the program of other tests
    assert train_sweep(one, {RATE: [*VALUES[RATE], 3e-3]}) == {"finished": 3}
    ours, theirs = (sweep_json(x)["runs"] for x in (workdir, one))
    assert ours == {run: theirs[run] for run in ours}
    for point, run in folders(workdir).items():
        other = folders(one)[point]
        assert result(run)["status"] == "finished"
        assert_same_params(run, other)
        assert [row["step"] for row in records(run)] == [5, 10, 15, 20]
        for a, b in zip(records(run), records(other), strict=True):
            assert a["generator/loss"] == pytest.approx(b["generator/loss"], rel=1e-4)
        names = [[(r["metric"], r["step"]) for r in evaluations.read(x)] for x in (run, other)]
        assert names[0] == names[1]
    assert len(load(workdir)) == 4
    assert (workdir / "report.html").exists()


def test_halving_over_hosts_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    options = {"metric": "near_modes", "halving": Halving(5, 2)}
    with pytest.raises(
        ConfigError, match=r"halving=Halving\(.*\) with several processes; allowed: halving=None, or one"
    ):
        train_sweep(tmp_path / "sweep", VALUES, **options)
    assert not (tmp_path / "sweep").exists()
