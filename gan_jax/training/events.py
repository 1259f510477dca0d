"""TensorBoard events. They follow from the other records, so a continued run replays them rather than editing them."""

import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class Events:
    """The events of a run, begun anew; what is replayed keeps the time at which it was first recorded.

    Args:
      workdir: the work directory; its earlier event files are removed.
    """

    def __init__(self, workdir: Path) -> None:
        # Not SummaryWriter: its thread dies on a full disk, and the next event then waits for it for ever.
        from tensorboardX.event_file_writer import EventsWriter

        earlier = sorted(workdir.glob("events.out.tfevents.*"))
        self._times = {step: when for path in earlier for step, when in _times(path)}
        for path in earlier:
            path.unlink()
        self._writer = EventsWriter(str(workdir / "events"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars by tag."""
        from tensorboardX import summary

        for tag, value in values.items():
            self._write(step, summary.scalar(tag, value))

    def image(self, step: int, path: Path) -> None:
        """Add a sample grid that was written to ``path``."""
        from PIL import Image
        from tensorboardX import summary

        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._write(step, summary.image("samples", pixels, dataformats="HWC"))

    def _write(self, step: int, summary: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        when = self._times.get(step, time.time())
        self._writer.write_event(Event(step=step, wall_time=when, summary=summary))

    def replayed(self) -> None:
        """All that was recorded earlier is written; from here on it is now."""
        self._times = {}

    def flush(self) -> None:
        """Hand everything to the operating system."""
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()


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
