"""The command line."""

import codecs
import io
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]

ESCAPED = "gan_jax.escaped"


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of the console script; ends the process with the exit status in ``entry.USAGE``."""
    _open_closed()
    codecs.register_error(ESCAPED, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)
    try:
        from gan_jax.cli import entry
    except ValueError as error:  # JAX reads its environment variables when it is imported
        if "jax" not in str(error).lower():
            raise
        print(f"gan-jax: an environment variable of JAX is not possible: {error}", file=sys.stderr)
        sys.exit(2)
    entry.main(argv)


def _open_closed() -> None:
    """Lead standard streams that are closed (``>&-``) to nowhere: a file of the run would get their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""What a terminal gets that lacks a character, such as one of a run's name: ``\xb1``, as Python writes it.

    The bytes of a path that Python could not decode go out as they came in.
    """
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.backslashreplace_errors(error)
