"""A sweep on a Ray cluster is the sweep on one machine, bit for bit, whatever happens to its workers."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from support.commands import environment, finish, here, records, running, wait_until
from support.sweeping import base, digests, folders, groups, statuses, sweep_flags, train_sweep, write_sweep

from gan_jax.sweeps.sweep import Resources

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="workers are found in /proc"),
]

VALUES = {"checkpoint_keep": [2, 3]}  # two groups, which need no compiling twice
FIELDS = ("steps=300", "steps_per_call=0", "checkpoint_every=20", "sample_every=0", "evaluation.every=0")
STEPS = list(range(5, 301, 5))
LIMIT = 300


def ray_flags(workdir, file):
    return sweep_flags(workdir, file, "--executor=ray", fields=FIELDS)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The sweep in this process."""
    workdir = tmp_path_factory.mktemp("ray") / "local"
    assert train_sweep(workdir, VALUES, config=base(*FIELDS), seeds=3) == {"finished": 6}
    return workdir


def assert_same_sweep(workdir, reference):
    """Every run is there once, with the bits of the reference."""
    assert set(statuses(workdir).values()) == {"finished"}
    assert digests(workdir) == digests(reference)
    for run in folders(workdir).values():
        assert [row["step"] for row in records(run)] == STEPS
    assert all(ended["status"] == "done" for _, ended in groups(workdir).values())


def worker(workdir):
    """The process that trains a run now, by the lock that it holds; None where there is none."""
    for lock in workdir.glob("runs/*/.lock"):
        pid = lock.read_text().strip()
        if pid and is_worker(pid) and len(records(lock.parent)) >= 2:
            return int(pid)
    return None


def is_worker(pid):
    """Whether a process is one of Ray's that is at work."""
    with contextlib.suppress(OSError):  # it may be gone
        return b"ray::" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def kill_a_worker(workdir, driver):
    """SIGKILL to one that has made records."""
    found = []

    def there():
        time.sleep(0.02)
        found[:] = filter(None, [worker(workdir)])
        return found

    wait_until(there, driver)
    os.kill(found[0], signal.SIGKILL)


def test_a_worker_that_is_killed_loses_nothing_and_the_sweep_is_that_of_one_machine(local, tmp_path):
    workdir = tmp_path / "sweep"
    file = write_sweep(tmp_path / "sweep.py", VALUES, seeds=3)
    with running(*ray_flags(workdir, file)) as driver:
        kill_a_worker(workdir, driver)
        ended = finish(driver, LIMIT)
    assert ended.status == 0, ended.err
    assert "Traceback" not in ended.err
    assert "6 runs: 6 finished" in ended.out.splitlines()  # Ray itself says that a worker died
    assert_same_sweep(workdir, local)


def test_a_worker_that_dies_too_often_is_said_and_any_executor_continues(local, tmp_path):
    workdir = tmp_path / "sweep"
    file = write_sweep(tmp_path / "sweep.py", VALUES, seeds=3, resources=Resources(retries=0))
    with running(*ray_flags(workdir, file)) as driver:
        kill_a_worker(workdir, driver)
        ended = finish(driver, LIMIT)
    assert ended.status == 1, ended.err
    line = ended.err.splitlines()[-1]
    assert line.startswith("gan-jax: groups whose workers died more than 0 times: ")
    assert line.endswith("; the same command continues")
    assert "Traceback" not in ended.err
    time.sleep(1)
    assert train_sweep(workdir, VALUES, config=base(*FIELDS), seeds=3) == {"finished": 6}
    assert_same_sweep(workdir, local)


def test_more_than_the_cluster_has_is_one_line(tmp_path, monkeypatch):
    for name, does in (
        ("init", lambda **how: None),
        ("shutdown", lambda: None),
        ("cluster_resources", lambda: {"CPU": 2.0}),
    ):
        monkeypatch.setattr(f"ray.{name}", does)
    file = write_sweep(tmp_path / "sweep.py", VALUES, resources=Resources(gpus=64))
    with environment(XLA_FLAGS="--xla_force_host_platform_device_count=1"):
        ended = here(*ray_flags(tmp_path / "sweep", file))
    assert ended.status == 2
    line = ended.err.splitlines()[-1]
    assert line == "gan-jax: resources.gpus=64 are more than the cluster has; allowed: at most 0"
    assert not list((tmp_path / "sweep").glob("runs/*/metrics.jsonl"))
