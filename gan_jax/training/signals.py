"""SIGTERM, Ctrl-C and a hang-up ask the loop to save and stop; a second Ctrl-C or SIGTERM acts at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

LEAVING = threading.Event()  # that the process is about to end, so that nobody says it will


@contextmanager
def stop_requested() -> Iterator[Callable[[], int | None]]:
    """Within the context, the first SIGTERM or SIGINT is only noted, and so is every SIGHUP that is not ignored.

    Yields:
      A function that returns the signal's number, or None. Outside the main thread, where Python allows no handler,
      signals keep their effect and it always returns None.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    previous: dict[int, object] = {}

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for other in (signal.SIGTERM, signal.SIGINT):  # a hang-up comes twice, from the system and from the shell
            signal.signal(other, previous[other])  # type: ignore[arg-type]

    for number in (int(signal.SIGTERM), int(signal.SIGINT), int(signal.SIGHUP)):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            previous[number] = signal.signal(number, note)
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


def leave(number: int) -> None:
    """End as a program stopped by this signal does.

    Raises:
      KeyboardInterrupt: for SIGINT.
      SystemExit: with 128 + number otherwise.
    """
    LEAVING.set()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
