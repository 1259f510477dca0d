"""What JAX runs on, and with which settings: refused in one line where a run cannot be what it is promised to be."""

import os

import jax

from gan_jax.errors import ConfigError

# Settings that change the numbers of every run: name -> (what it must be, as the variable says it).
SETTINGS = {
    "jax_enable_x64": (False, "0"),
    "jax_default_prng_impl": ("threefry2x32", "threefry2x32"),
    "jax_threefry_partitionable": (True, "1"),
}


def start() -> None:
    """Start JAX's backend; to be called after ``jax.distributed`` was started.

    Raises:
      ConfigError: it cannot start, which JAX says in a traceback and, of a missing CUDA, without a word.
    """
    try:
        jax.device_put(0.0).block_until_ready()
    except Exception as error:  # RuntimeError, AssertionError, ...
        given = [
            f"{name}={os.environ[name]}" for name in ("JAX_PLATFORMS", "JAX_DEFAULT_DEVICE") if os.environ.get(name)
        ]
        said = " ".join(str(error).split()).split(" (set JAX_PLATFORMS")[0].rstrip(".") or "no such device was found"
        raise ConfigError(
            f"JAX cannot start{' with ' + ', '.join(given) if given else ''}: {said}; "
            "allowed: JAX_PLATFORMS=cpu, or JAX_PLATFORMS='' for the best that there is"
        ) from error


def check_settings() -> None:
    """Refuse settings of JAX under which a run would have other numbers than the same command without them.

    Raises:
      ConfigError: names the first.
    """
    for name, (wanted, written) in SETTINGS.items():
        value = getattr(jax.config, name)
        if value != wanted:
            raise ConfigError(
                f"JAX's setting {name}={value!r} changes the numbers of every run, so that it could not be repeated; "
                f"allowed: {wanted!r}, as without it or with {name.upper()}={written}"
            )
