"""``python -m gan_jax`` is the console script ``gan-jax``."""

from gan_jax.cli import main

main()
