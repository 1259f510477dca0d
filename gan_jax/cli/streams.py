"""What the command has of the process: its streams, which may be closed, and the signals that shall end it at once."""

import codecs
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from gan_jax.errors import WorkdirError
from gan_jax.training.screen import Screen
from gan_jax.training.signals import LEAVING

ESCAPED = "gan_jax.escaped"
PATIENCE = 1.0  # seconds between a second signal and the end, in which Python may end in order


def make_streams_safe() -> None:
    """Let no output end the command: closed streams lead nowhere, characters that a stream lacks are escaped."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:  # a file of the run would get the number, and so the messages of libraries
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115
    codecs.register_error(ESCAPED, escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)
    sys.stdout = Screen(sys.stdout) if sys.stdout.isatty() else Printed(sys.stdout)  # type: ignore[assignment]
    sys.stderr = Screen(sys.stderr)  # type: ignore[assignment]


def escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""What a terminal gets that lacks a character, such as one of a run's name: ``\xb1``, as Python writes it.

    The bytes of a path that Python could not decode go out as they came in.
    """
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.backslashreplace_errors(error)


class Printed:
    """Standard output where it is a file or a pipe: what a command is asked for, and so not lost without a word."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; BrokenPipeError where nobody reads it, WorkdirError where it cannot be written."""
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
            if len(heard) == 1 and not LEAVING.wait(PATIENCE):
                print("gan-jax: ends at the next chance; once more ends it at once", file=sys.stderr, flush=True)
        time.sleep(PATIENCE)
        os._exit(128 + heard[-1])

    threading.Thread(target=watch, name="signals", daemon=True).start()
