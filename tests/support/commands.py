"""Running gan-jax in this process and in others, and reading what a run wrote."""

import collections
import contextlib
import dataclasses
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from gan_jax.cli import entry as cli

TINY = Path(__file__).with_name("tiny.py")
TIMED = ("seconds", "images_per_second")  # of a record: the only values that may differ between two runs
HARD_LIMIT = 240  # seconds, after which a process is killed


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended, in this process or in another."""

    status: int
    out: str
    err: str


def train_flags(workdir: Path, *flags: str, config: object = TINY) -> list[str]:
    """``train`` of the tiny configuration, with further ``FIELD=VALUE``."""
    return ["train", f"--config={config}", f"--workdir={workdir}", *(f"--config.{flag}" for flag in flags)]


def here(*arguments: object) -> Ended:
    """Run a command in this process, as the console script would."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli._run(["gan-jax", *map(str, arguments)])
    return Ended(status, out.getvalue(), err.getvalue())


def refused(*arguments: object, status: int = 2) -> str:
    """Run a command that must be refused with one line; returns that line."""
    ended = here(*arguments)
    assert ended.status == status, ended
    assert ended.out == ""
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("gan-jax: ")
    assert "Traceback" not in lines[0]
    return lines[0]


def start(*arguments: object, devices: int = 1, python: bool = False, **options: object) -> subprocess.Popen:
    """Start a command (or a Python file) in a process group of its own; its output goes to pipes."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **options.pop("env", {})}
    flags = os.environ.get("XLA_FLAGS", "")  # as this process compiles, whose bits are compared with the other's
    environment["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={devices}"
    program = [sys.executable] if python else [sys.executable, "-m", "gan_jax"]
    return subprocess.Popen(
        [*program, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        env=environment, start_new_session=True, **options,
    )  # fmt: skip


def finish(process: subprocess.Popen, limit: float = HARD_LIMIT) -> Ended:
    """Wait for a process; SIGKILL to its whole group after ``limit`` seconds."""
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        kill(process)
        out, err = process.communicate()
        raise AssertionError(f"did not end within {limit} s: {process.args}\n{out}\n{err}") from None
    return Ended(process.returncode, out, err)


def kill(process: subprocess.Popen) -> None:
    """SIGKILL to a process and what it started; a jax.distributed process hears nothing else."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def elsewhere(*arguments: object, limit: float = HARD_LIMIT, **options: object) -> Ended:
    """Run a command in a process of its own."""
    return finish(start(*arguments, **options), limit)


@contextlib.contextmanager
def running(*arguments: object, **options: object) -> Iterator[subprocess.Popen]:
    """A started command that does not outlive the context."""
    process = start(*arguments, **options)
    try:
        yield process
    finally:
        kill(process)
        process.communicate()


def wait_until(ready: Callable[[], object], process: subprocess.Popen, limit: float = 120) -> None:
    """Wait for a condition on files that a process writes; fails if the process ends before."""
    begun = time.monotonic()
    while not ready():
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode} too early:\n{process.stderr.read()}")
        assert time.monotonic() - begun < limit, "waited too long"
        time.sleep(0.004)


def tiny_run(tmp_path_factory) -> Path:
    """The tiny run, without a break: trained once in a session, by this process; who changes it takes a copy."""
    workdir = tmp_path_factory.getbasetemp() / "tiny_run"
    if not workdir.exists():
        ended = here(*train_flags(workdir))
        assert ended.status == 0, ended.err
        assert ended.out.strip() == str(workdir / "samples" / "60.png")
    return workdir


def image_run(tmp_path_factory) -> Path:
    """Ten steps on images, with averaged parameters and batch statistics; trained and shared as ``tiny_run``."""
    workdir = tmp_path_factory.getbasetemp() / "image_run"
    if not workdir.exists():
        flags = ("steps=10", "sample_every=0", "checkpoint_every=5", "ema.decay=0.5", "generator.mlp.batch_norm=True")
        ended = here(*train_flags(workdir, *flags, config=f"{TINY}:digits"))
        assert ended.status == 0, ended.err
    return workdir


def records(workdir: Path) -> list[dict]:
    """The complete lines of metrics.jsonl."""
    path = workdir / "metrics.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def untimed(workdir: Path) -> list[dict]:
    """The records without what depends on the clock."""
    return [{k: v for k, v in record.items() if k not in TIMED} for record in records(workdir)]


def result(workdir: Path) -> dict:
    """result.json, which must be strict JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads((workdir / "result.json").read_text(), parse_constant=refuse)


def events(workdir: Path) -> tuple[dict[str, list[int]], dict[tuple[str, int], float]]:
    """Steps of every tag, and every scalar, in all of a run's TensorBoard files together."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    steps, scalars = collections.defaultdict(list), {}
    for path in sorted(workdir.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                steps[value.tag].append(event.step)
                if value.metadata.plugin_data.plugin_name == "scalars":
                    scalars[value.tag, event.step] = float(tensor_util.make_ndarray(value.tensor))
    return dict(steps), scalars


def event_times(workdir: Path) -> set[tuple[int, float]]:
    """Step and time of every event that has a value."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = [event for path in workdir.glob("events.out.tfevents.*") for event in EventFileLoader(str(path)).Load()]
    return {(event.step, event.wall_time) for event in found if event.summary.value}


def samples(workdir: Path) -> dict[str, bytes]:
    """Every file in samples/."""
    return {path.name: path.read_bytes() for path in (workdir / "samples").iterdir()}


def contents(workdir: Path) -> dict[str, str]:
    """sha256 of every file below a directory but the lock, and every folder."""
    return {
        str(path.relative_to(workdir)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(workdir.rglob("*"))
        if path.name != ".lock"
    }


def checkpoints(workdir: Path) -> list[int]:
    """Steps of the checkpoints that are there."""
    return sorted(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())


def assert_same_run(workdir: Path, reference: Path) -> None:
    """Two finished runs left the same results, bit for bit, whatever happened on the way."""
    ours, theirs = result(workdir), result(reference)
    assert ours["status"] == theirs["status"] == "finished"
    assert ours["params_sha256"] == theirs["params_sha256"]
    assert ours["metrics"] == theirs["metrics"]
    assert ours["step"] == theirs["step"]
    assert untimed(workdir) == untimed(reference)
    assert samples(workdir) == samples(reference)
    steps, scalars = events(workdir)
    expected_steps, expected_scalars = events(reference)
    assert steps == expected_steps
    for key, value in expected_scalars.items():
        assert scalars[key] == value or key[0] in TIMED, key
    assert not list(workdir.rglob("*.tmp")), "an unfinished file was left"


def environment(**variables: str) -> contextlib.AbstractContextManager:
    """Environment variables of this process, for a while."""
    return mock.patch.dict(os.environ, variables)


def refuse_training(*flags, config=TINY, status=2):
    """``train`` must be refused before a work directory is made; returns the line."""
    line = refused(*train_flags("run", *flags, config=config), status=status)
    assert not os.path.exists("run")
    return line


def write(name, text):
    """A file in the current folder."""
    with open(name, "w") as file:
        file.write(text)
