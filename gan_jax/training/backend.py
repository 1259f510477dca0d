"""What JAX runs on, and with which settings: refused in one line where a run cannot be what it is promised to be."""

import os
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import jax

from gan_jax.errors import ConfigError

# Settings that change the numbers of every run: name -> (what it must be, as the variable says it).
SETTINGS = {
    "jax_enable_x64": (False, "0"),
    "jax_default_prng_impl": ("threefry2x32", "threefry2x32"),
    "jax_threefry_partitionable": (True, "1"),
}

RECORDED = ("JAX_", "XLA_", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")  # beginnings of what environment.json records
# Of these, what may change a run's last digits, so that a continuation under another value is not bit for bit.
ROUNDING = ("JAX_DEFAULT_MATMUL_PRECISION", "JAX_DISABLE_JIT", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE", "XLA_FLAGS")


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


def variables() -> dict[str, str]:
    """The environment variables that JAX and XLA read, by name."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(RECORDED)}


def cores() -> int:
    """Processor cores of this process: products are shared out among them, and other shares are other last digits."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def differing(then: Mapping[str, Any]) -> str:
    """In words, what may change the last digits and is not as then; "" where nothing is.

    Args:
      then: environment.json of an earlier start; one of an earlier version says less.
    """
    before = {"cores": then.get("cores"), "jaxlib": then.get("versions", {}).get("jaxlib")}
    now = {"cores": cores(), "jaxlib": metadata.version("jaxlib")}
    if "variables" in then:
        before |= {name: then["variables"].get(name, "") for name in ROUNDING}
        now |= {name: os.environ.get(name, "") for name in ROUNDING}
    changed = {name: value for name, value in before.items() if value is not None and value != now[name]}
    return ", ".join(f"{name}={value!r} then, {now[name]!r} now" for name, value in changed.items())
