"""What a process of a run has of its own: settings of JAX, other processes, and signals that shall stop it.

JAX is imported where it is used: the command line looks at ``LEAVING`` before it knows whether it needs any.
"""

import hashlib
import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

from gan_jax.errors import ConfigError
from gan_jax.paths import cache_folder

LEAVING = threading.Event()  # that the process is about to end, so that nobody says it will

# Settings that change the numbers of every run: name -> (what it must be, as the variable says it).
SETTINGS = {
    "jax_enable_x64": (False, "0"),
    "jax_default_prng_impl": ("threefry2x32", "threefry2x32"),
    "jax_threefry_partitionable": (True, "1"),
}

RECORDED = ("JAX_", "XLA_", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")  # beginnings of what environment.json records
# Of these, what may change a run's last digits, so that a continuation under another value is not bit for bit.
ROUNDING = ("JAX_DEFAULT_MATMUL_PRECISION", "JAX_DISABLE_JIT", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE", "XLA_FLAGS")


@contextmanager
def stop_requested() -> Iterator[Callable[[], int | None]]:
    """SIGTERM, Ctrl-C and a hang-up ask the loop to save and stop; a second Ctrl-C or SIGTERM acts at once.

    Yields a function that returns the number of the signal that came, or None.
    """
    received: list[int] = []
    # Python allows no handler outside the main thread. A SIGHUP that is ignored stays so, as nohup wants it.
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    previous: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for other in (signal.SIGTERM, signal.SIGINT):  # a hang-up comes twice, from the system and from the shell
            signal.signal(other, previous[other])

    for number in (int(signal.SIGTERM), int(signal.SIGINT), int(signal.SIGHUP)):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, note)
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def leave(number: int) -> None:
    """End as a program that this signal stopped: by KeyboardInterrupt for SIGINT, else by SystemExit(128 + number)."""
    LEAVING.set()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def agree(value: int) -> int:
    """Process 0's value, on every process; also a barrier."""
    import jax
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(jax.numpy.int32(value))) if jax.process_count() > 1 else value


def initialize(coordinator_address: str | None, num_processes: int | None, process_id: int | None) -> bool:
    """Start ``jax.distributed`` where flags or JAX's variables ask for it; whether there are several processes."""
    import jax

    given = (coordinator_address, num_processes, process_id)
    if process_id is not None and not (coordinator_address or os.environ.get("JAX_COORDINATOR_ADDRESS")):
        raise ConfigError("--coordinator_address is missing; --process_id needs it, or JAX_COORDINATOR_ADDRESS")
    if all(value is None for value in given) and "JAX_COORDINATOR_ADDRESS" not in os.environ:
        return False
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            coordinator_address,
            num_processes if num_processes is not None else _environment_int("JAX_NUM_PROCESSES"),
            process_id if process_id is not None else _environment_int("JAX_PROCESS_ID"),
        )
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"jax.distributed could not start: {' '.join(str(error).split())}") from error
    return True


def _environment_int(name: str) -> int | None:
    text = os.environ.get(name)
    if text is None or text.isdigit():
        return None if text is None else int(text)
    raise ConfigError(f"environment variable {name}={text!r} is not possible; allowed: a whole number")


def start() -> None:
    """Start JAX's backend, after ``initialize``; where it cannot, JAX says so in a traceback, or without a word."""
    import jax

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
    """Refuse settings of JAX under which a run would have other numbers than the same command without them."""
    import jax

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
    """In words, what may change the last digits and is not as in an earlier start's environment.json, or ""."""
    before = {"cores": then.get("cores"), "jaxlib": then.get("versions", {}).get("jaxlib")}
    now = {"cores": cores(), "jaxlib": metadata.version("jaxlib")}
    if "variables" in then:
        before |= {name: then["variables"].get(name, "") for name in ROUNDING}
        now |= {name: os.environ.get(name, "") for name in ROUNDING}
    # What an earlier version did not record is not compared.
    changed = {name: value for name, value in before.items() if value is not None and value != now[name]}
    return ", ".join(f"{name}={value!r} then, {now[name]!r} now" for name, value in changed.items())


def keep_programs() -> None:
    """Keep compiled programs under ~/.cache/gan_jax/compiled (or XDG_CACHE_HOME), unless the user decided otherwise.

    JAX_COMPILATION_CACHE_DIR, or a directory that the program has set already, is left as it is; "" there turns it off.
    """
    import jax

    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        folder = _programs_folder()
        jax.config.update("jax_compilation_cache_dir", str(folder) if folder else "")
        # Everything: of the many small programs of a start each takes longer to compile than to read.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _programs_folder() -> Path | None:
    base = cache_folder()
    try:
        if base is None:
            raise FileNotFoundError(None, "there is no home directory")
        folder = base / "compiled" / processor()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except OSError as error:
        where = f"{base} cannot be made: {error.strerror}" if base else error.strerror
        print(f"compiled programs are not kept ({where}); set XDG_CACHE_HOME to a folder", file=sys.stderr, flush=True)
        return None


def processor() -> str:
    """A short name for this machine's instruction set: a home directory may be shared by machines that differ."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return f"{platform.machine()}-{hashlib.sha256(flags.encode()).hexdigest()[:12]}"
