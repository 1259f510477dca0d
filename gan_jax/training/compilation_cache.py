"""The persistent compilation cache, on unless the user decides otherwise."""

import hashlib
import os
import platform
from pathlib import Path

import jax


def enable() -> None:
    """Keep compiled programs under ~/.cache/gan_jax/compiled (or XDG_CACHE_HOME).

    JAX_COMPILATION_CACHE_DIR, or a directory that the program has set already, is left as it is; "" there turns it off.
    """
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(base / "gan_jax" / "compiled" / _processor()))
        # Everything: of the many small programs of a start each takes longer to compile than to read.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _processor() -> str:
    """A short name for this machine's instruction set: a home directory may be shared by machines that differ."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return f"{platform.machine()}-{hashlib.sha256(flags.encode()).hexdigest()[:12]}"
