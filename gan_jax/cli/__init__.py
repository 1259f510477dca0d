"""The command line."""

from gan_jax.cli.entry import main

__all__ = ["main"]
