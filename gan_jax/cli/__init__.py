"""The command line."""

from collections.abc import Sequence

from gan_jax.cli import streams

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of the console script; ends the process with the exit status in ``entry.USAGE``."""
    streams.make_streams_safe()
    streams.end_at_the_second_signal()
    from gan_jax.cli import entry

    entry.main(argv)
