"""The command line."""

import sys
from collections.abc import Sequence

from gan_jax.cli import streams

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of the console script; ends the process with the exit status in ``entry.USAGE``."""
    streams.make_streams_safe()
    streams.end_at_the_second_signal()
    try:
        from gan_jax.cli import entry
    except ValueError as error:  # JAX reads its environment variables when it is imported
        if "jax" not in str(error).lower():
            raise
        print(f"gan-jax: an environment variable of JAX is not possible: {error}", file=sys.stderr)
        sys.exit(2)
    entry.main(argv)
