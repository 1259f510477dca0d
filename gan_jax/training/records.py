"""Files of a work directory: its lock, config.json, environment.json, metrics.jsonl and TensorBoard events."""

import fcntl
import json
import os
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import jax
import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax import files
from gan_jax.errors import ConfigError, WorkdirError
from gan_jax.evaluation.records import versions
from gan_jax.stored import read_lines, read_object, reason_of, write_object
from gan_jax.training import process

PACKAGES = ("gan_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "tensorflow-datasets", "numpy")


@contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Hold a work directory alone, or refuse it; the system releases the lock however the process ends."""
    _check_path(workdir)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        handle = open(workdir / ".lock", "a+", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise WorkdirError(
            f"work directory {str(workdir)!r} cannot be written: {error.strerror}; choose another --workdir"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            owner = handle.read().strip() or "unknown"
            raise WorkdirError(
                f"work directory {str(workdir)!r} is in use by process {owner}; wait for it or choose another --workdir"
            ) from error
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def _check_path(workdir: Path) -> None:
    """Refuse paths in which Orbax and TensorStore see something else than a folder of that name."""
    path = str(workdir.absolute())
    found = [sign for sign in ("**", "\\", "gs:/", "s3:/") if sign in f"{path}/"]
    if any("\ud800" <= character <= "\udfff" for character in path):  # as Python keeps what it could not decode
        found.append("bytes that are not UTF-8")
    if found:
        raise WorkdirError(
            f"work directory {path!r} has {found[0]} in its path, which checkpoints cannot have; choose another"
        )


def read_config(workdir: Path) -> ConfigDict:
    """The configuration that a work directory stores."""
    config = stored_config(workdir)
    if config is not None:
        return config
    if (workdir / "sweep.json").exists():
        said = f"holds a sweep, not a run; give the --workdir of one of its runs, {workdir / 'runs' / 'NAME'}"
    else:
        said = "holds no run: there is no config.json; give the --workdir of a `gan-jax train`"
    raise WorkdirError(f"{str(workdir)!r} {said}")


def stored_config(workdir: Path) -> ConfigDict | None:
    """The same, None where there is none."""
    path = workdir / "config.json"
    try:
        return configs.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ConfigError, UnicodeDecodeError) as error:
        raise WorkdirError(f"{path} cannot be read: {reason_of(error)}") from error


def _git_revision() -> str | None:
    """Of this package, None where it lies in no repository or git is missing."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        git = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    except OSError:
        return None
    return git.stdout.strip() or None


def write_environment(workdir: Path, command: list[str], step: int) -> None:
    """Versions, devices and command of the first start; later starts are appended to its list ``resumed``."""
    path = workdir / "environment.json"
    now = {
        "command": command,
        "git_revision": _git_revision(),
        "versions": versions(PACKAGES),
        "backend": jax.default_backend(),
        "devices": [str(device) for device in jax.devices()],
        "processes": jax.process_count(),
        "cores": process.cores(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "variables": process.variables(),
    }
    first = read_object(path) if step > 0 else None
    if first is not None:
        now = {**first, "resumed": [*first.get("resumed", []), {"step": step, **now}]}
    write_object(path, now)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The complete records of a metrics.jsonl; a last line that a kill cut short is left out."""
    return read_lines(path, ("step",))


@contextmanager
def writing(workdir: Path, kept: Callable[[], str]) -> Iterator[None]:
    """An error of the file system, such as a full disk, becomes one line, which ends with what is ``kept`` there."""
    try:
        yield
    except OSError as error:
        raise WorkdirError(
            f"work directory {str(workdir)!r} cannot be written: {error.strerror or error}; {kept()}"
        ) from error


def grids(workdir: Path) -> dict[int, Path]:
    """The sample grids of a run by their steps, ascending."""
    found = {int(path.stem): path for path in (workdir / "samples").glob("*.png") if path.stem.isdigit()}
    return dict(sorted(found.items()))


class Recorder:
    """Appends to metrics.jsonl and to TensorBoard events; records, events and samples begin cut back to ``step``.

    Events are begun anew, since they follow from the other records: these are replayed, with the times of the earlier.
    """

    def __init__(self, workdir: Path, step: int, evaluated: Sequence[Mapping[str, Any]] = ()) -> None:
        # Not SummaryWriter: its thread dies on a full disk, and the next event then waits for it for ever.
        from tensorboardX.event_file_writer import EventsWriter

        path = workdir / "metrics.jsonl"
        self.kept = [record for record in read_metrics(path) if record["step"] <= step]
        self.last = self.kept[-1] if self.kept else {}
        self.seconds = self.last["seconds"] if self.kept else 0.0
        files.replace({path: "".join(json.dumps(record) + "\n" for record in self.kept).encode()})
        images = grids(workdir)
        for number in [number for number in images if number > step]:
            images.pop(number).unlink()
        earlier = sorted(workdir.glob("events.out.tfevents.*"))
        self._times = {step: when for path in earlier for step, when in _times(path)}
        for events in earlier:
            events.unlink()
        self._events = EventsWriter(str(workdir / "events"))
        self._file: TextIO = open(path, "a", encoding="utf-8")  # noqa: SIM115
        for record in self.kept:
            self._scalars(record)
        self.evaluation(evaluated)
        for number, image in images.items():
            self.image(number, image)
        self._times = {}  # all that was recorded earlier is written; from here on it is now
        self.flush()

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Append one record; it survives a kill of the process from here on."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        self.last = dict(record)
        self._scalars(record)

    def evaluation(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Add the values of an evaluation to the events."""
        for record in records:
            self._scalars({"step": record["step"], f"evaluation/{record['metric']}": float(record["value"])})

    def image(self, step: int, path: Path) -> None:
        """Add a sample grid that was written to ``path`` to the events."""
        from PIL import Image
        from tensorboardX import summary

        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._write(step, summary.image("samples", pixels, dataformats="HWC"))

    def _scalars(self, record: Mapping[str, Any]) -> None:
        from tensorboardX import summary

        for name, value in record.items():
            if name != "step":
                self._write(record["step"], summary.scalar(name, value))

    def _write(self, step: int, summary: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        when = self._times.get(step, time.time())
        self._events.write_event(Event(step=step, wall_time=when, summary=summary))

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._events.flush()

    def close(self) -> None:
        """End both files; after a full disk, what could not be written is lost."""
        for file in (self._events, self._file):
            with suppress(OSError):
                file.close()


def _times(path: Path) -> Iterator[tuple[int, float]]:
    """(step, seconds since 1970) of the events of a file, up to where it is damaged or cut short.

    A record is its length as uint64, a checksum of that, its bytes, and a checksum of these; checksums have four bytes.
    """
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.event_pb2 import Event

    content, at = path.read_bytes(), 0
    while at + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        body = content[at + 12 : at + 12 + length]
        at += length + 16
        if len(body) < length:
            return
        try:
            event = Event.FromString(body)
        except DecodeError:
            return
        if event.HasField("summary"):
            yield event.step, event.wall_time
