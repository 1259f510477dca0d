"""TFDS builders for MNIST and Fashion-MNIST that prepare without TensorFlow.

The stock builders unpack with TensorFlow and hand arrays to a feature that encodes PNG with TensorFlow. These hand over
PIL images instead and change nothing else: the stock `tfds.builder("mnist")` reads what they wrote. TFDS finds builders
by their module, so the classes stand at module level and importing this module imports TFDS.
"""

import gzip
import pathlib
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.image_classification import mnist as stock

from gan_jax.data.stock_files import STOCK_FILES, read_idx

SPLIT_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}


def prepare_from_folder(name: str, data_dir: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the prepared data set under `data_dir` from the stock gzip files in `folder`.

    TFDS verifies its own checksums, writes to a temporary folder, and renames that at the end.

    Args:
      name: "mnist" or "fashion_mnist".
      data_dir: TFDS data directory.
      folder: holds the four files under their stock names.

    Raises:
        NonMatchingChecksumError: of TFDS: a file is not the stock one.
    """
    builder = BUILDERS[name](data_dir=data_dir, file_format="array_record")
    config = tfds.download.DownloadConfig(manual_dir=folder, try_download_gcs=False, force_checksums_validation=True)
    builder.download_and_prepare(download_dir=folder / "downloads", download_config=config)


def checksums(name: str) -> dict[str, str]:
    """SHA-256 (hexadecimal) that TFDS has registered for each stock file name of a data set."""
    stock_builder = STOCK_BUILDERS[name]
    return {file.name: stock_builder.url_infos[stock_builder.URL + file.name].checksum for file in STOCK_FILES[name]}


def mirror(name: str) -> str:
    """Address, with a slash at its end, from which TFDS downloads the files of a data set."""
    return str(STOCK_BUILDERS[name].URL)


def _splits(download_manager: Any, url: str) -> dict[str, tuple[Any, Any]]:
    """Paths (images, labels) of each split, verified."""
    names = [file for files in SPLIT_FILES.values() for file in files]
    paths = download_manager.download({file: url + file for file in names})
    return {split: (paths[images], paths[labels]) for split, (images, labels) in SPLIT_FILES.items()}


def _examples(images: Any, labels: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Keys and examples, in the order of the files; TFDS shuffles by key, as for the stock builder."""
    arrays = (read_idx(gzip.decompress(pathlib.Path(path).read_bytes())) for path in (images, labels))
    for index, (image, label) in enumerate(zip(*arrays, strict=True)):
        yield index, {"image": Image.fromarray(image), "label": int(label)}


class MNIST(stock.MNIST, skip_registration=True):  # type: ignore[call-arg]
    """MNIST without TensorFlow."""

    name = "mnist"

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {split: _examples(*paths) for split, paths in _splits(dl_manager, self.URL).items()}


class FashionMNIST(stock.FashionMNIST, skip_registration=True):  # type: ignore[call-arg]
    """Fashion-MNIST without TensorFlow."""

    name = "fashion_mnist"

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {split: _examples(*paths) for split, paths in _splits(dl_manager, self.URL).items()}


STOCK_BUILDERS: dict[str, Any] = {"mnist": stock.MNIST, "fashion_mnist": stock.FashionMNIST}
BUILDERS: dict[str, Any] = {"mnist": MNIST, "fashion_mnist": FashionMNIST}
