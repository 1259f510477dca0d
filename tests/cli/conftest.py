"""Fixtures of the tests that run gan-jax; also those of ../training."""

import os
import sys
from pathlib import Path

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory):
    """A compilation cache that all runs of the session share, here and in other processes."""
    before = {name: os.environ.get(name) for name in ("JAX_COMPILATION_CACHE_DIR", "XLA_FLAGS")}
    folder = str(tmp_path_factory.mktemp("compiled"))
    os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
    jax.config.update("jax_compilation_cache_dir", folder)
    compilation_cache.reset_cache()  # tests before these may have begun without one
    yield
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
