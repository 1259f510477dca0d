"""What the command has of the process: its streams, which may be closed, and the signals that shall end it at once."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from gan_jax.errors import WorkdirError
from gan_jax.training.screen import Screen

PATIENCE = 1.0  # seconds between a second signal and the end, in which Python may end in order


def make_streams_safe() -> None:
    """Let no output end the command: closed streams are replaced, characters that a stream lacks are escaped."""
    for number in range(3):  # a file that takes the number of a closed stream would get the messages of libraries
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stdout = Screen(sys.stdout) if sys.stdout.isatty() else Printed(sys.stdout)  # type: ignore[assignment]
    sys.stderr = Screen(sys.stderr)  # type: ignore[assignment]


class Printed:
    """Standard output where it is a file or a pipe: what a command is asked for, and so not lost without a word.

    Args:
      stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text.

        Raises:
          BrokenPipeError: nobody reads it.
          WorkdirError: it cannot be written.
        """
        return int(self._tried(self._stream.write, text))

    def flush(self) -> None:
        """Hand everything to the operating system; errors as ``write``."""
        self._tried(self._stream.flush)

    def _tried(self, act: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return act(*arguments)
        except OSError as error:
            # Python would try once more when it ends, and complain.
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise WorkdirError(f"standard output cannot be written: {error.strerror}") from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def end_at_the_second_signal() -> None:
    """End the process at a second Ctrl-C or SIGTERM where Python cannot hear it, as while a program compiles."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def watch() -> None:
        heard: list[int] = []
        while len(heard) < 2:
            heard += [number for number in os.read(read, 64) if number in (signal.SIGINT, signal.SIGTERM)]
            if len(heard) == 1:
                time.sleep(PATIENCE)
                print("gan-jax: ends at the next chance; once more ends it at once", file=sys.stderr, flush=True)
        time.sleep(PATIENCE)
        os._exit(128 + heard[-1])

    threading.Thread(target=watch, name="signals", daemon=True).start()
