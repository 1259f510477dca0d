"""What all tests share: strict modes, one cache of compiled programs, layers, and tests that need not run again."""

import ctypes
import functools
import gc
import os
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Most programs run for a few steps. `make test-slow` and `make test-all` optimize as a user's process does.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import jax
import pytest
from hypothesis import settings

# Processes that tests start, in whatever folder, import this tree and `support`.
HERE = Path(__file__).parent
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH")]))

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_threefry_partitionable", True)

# The first example compiles, so a deadline would measure the compiler; the same examples on every machine.
settings.register_profile("gan_jax", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("gan_jax")

# The layer that a folder of tests touches: `pytest -m numerics` serves who edits a loss. Every folder has one.
LAYERS = {
    "numerics": ("losses", "penalties", "rules", "nn", "networks", "verification", "figures"),
    "metrics": ("metrics", "extractors", "evaluation", "health"),
    "data": ("data",),
    "engine": ("games", "training"),
    "matrix": ("combinations", "golden"),
    "sweeps": ("sweeps", "reporting"),
    "surface": ("cli", "tests"),  # the command line and what lies beside this file
}
LAYER_OF = {folder: layer for layer, folders in LAYERS.items() for folder in folders}


def pytest_addoption(parser):
    parser.addoption("--passed", help="file of tests that passed, which are not run again")


def pytest_configure(config):
    for layer, folders in LAYERS.items():
        config.addinivalue_line("markers", f"{layer}: tests of {', '.join(folders)}")


def pytest_collection_modifyitems(config, items):
    for item in items:
        item.add_marker(LAYER_OF[item.path.parent.name])
    file = config.getoption("passed")
    done = set(Path(file).read_text().splitlines()) if file and Path(file).exists() else set()
    quick = "slow" not in config.option.markexpr  # `-m engine` is for who waits; slow tests are asked for by name
    left = [item for item in items if item.nodeid in done or (quick and item.get_closest_marker("slow"))]
    if left:
        names = {item.nodeid for item in left}
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item.nodeid not in names]


class Passed:
    """Writes the names of tests that passed or were skipped, as they end."""

    def __init__(self, file):
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file, self.ended = file, {}

    def pytest_runtest_logreport(self, report):
        self.ended.setdefault(report.nodeid, []).append(not report.failed)
        if report.when == "teardown" and all(self.ended.pop(report.nodeid)):
            with self.file.open("a") as out:
                out.write(f"{report.nodeid}\n")


def pytest_sessionstart(session):
    file = session.config.getoption("passed")
    if file and "PYTEST_XDIST_WORKER" not in os.environ:
        session.config.pluginmanager.register(Passed(Path(file)))


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory):
    """A compilation cache that all tests of a run share: those of both workers, and the processes that they start."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(shared / "compiled"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def give_back():
    """Return to the system the memory that the C library keeps after the compiler freed it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture(autouse=True)
def small():
    """A worker that holds more than 1.2 GiB after a test gives back what it can."""
    yield
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    if pages * os.sysconf("SC_PAGE_SIZE") > 1.2 * 2**30:
        give_back()


@pytest.fixture(scope="module", autouse=True)
def forget(request):
    """After each file its programs and whatever its functions cached go, so that a worker stays small."""
    yield
    for value in vars(request.module).values():
        if isinstance(value, functools._lru_cache_wrapper):
            value.cache_clear()
    jax.clear_caches()
    give_back()


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """An empty folder to be in, which is on the Python path as it is for the console script."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder
