"""The persistent compilation cache, on unless the user decides otherwise."""

import hashlib
import platform
import sys
from pathlib import Path

import jax

from gan_jax.paths import cache_folder


def enable() -> None:
    """Keep compiled programs under ~/.cache/gan_jax/compiled (or XDG_CACHE_HOME).

    JAX_COMPILATION_CACHE_DIR, or a directory that the program has set already, is left as it is; "" there turns it off.
    Where the folder cannot be made, as without a home directory, every start compiles anew, which is said once.
    """
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        folder = _folder()
        jax.config.update("jax_compilation_cache_dir", str(folder) if folder else "")
        # Everything: of the many small programs of a start each takes longer to compile than to read.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _folder() -> Path | None:
    base = cache_folder()
    try:
        if base is None:
            raise FileNotFoundError(None, "there is no home directory")
        folder = base / "compiled" / _processor()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except OSError as error:
        where = f"{base} cannot be made: {error.strerror}" if base else error.strerror
        print(f"compiled programs are not kept ({where}); set XDG_CACHE_HOME to a folder", file=sys.stderr, flush=True)
        return None


def _processor() -> str:
    """A short name for this machine's instruction set: a home directory may be shared by machines that differ."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return f"{platform.machine()}-{hashlib.sha256(flags.encode()).hexdigest()[:12]}"
