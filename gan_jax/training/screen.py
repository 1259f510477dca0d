"""Where a person sees a run. What only shows it must never end it: a terminal may be closed, a pipe's reader gone."""

from typing import Any, TextIO


class Screen:
    """A text stream that goes on without its reader.

    Args:
      stream: where to; None shows nothing.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Show a text, or nothing from the first time on that this is not possible."""
        if self._stream is not None:
            try:
                self._stream.write(text)
            except (OSError, ValueError):  # a closed pipe, a terminal that is gone; a file that was closed
                self._stream = None
        return len(text)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._stream = None

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
