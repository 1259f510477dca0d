"""Strict modes for every test: no silent dtype promotion, no silent broadcasting between ranks."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
from hypothesis import settings

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_threefry_partitionable", True)

# The first example compiles, so a deadline would measure the compiler; the same examples on every machine.
settings.register_profile("gan_jax", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("gan_jax")
