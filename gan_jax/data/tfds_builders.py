"""TFDS builders for MNIST and Fashion-MNIST that prepare without TensorFlow.

The stock builders unpack with TensorFlow and hand arrays to a feature that encodes PNG with TensorFlow. These hand over
PIL images instead and change nothing else: the stock `tfds.builder("mnist")` reads what they wrote. TFDS finds builders
by their module, so the classes stand at module level and importing this module imports TFDS.
"""

import pathlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.image_classification import mnist as stock

from gan_jax.data.stock_files import SPLIT_FILES

Arrays = Mapping[str, np.ndarray]


def prepare(name: str, data_dir: pathlib.Path, arrays: Arrays) -> None:
    """Writes the prepared data set under `data_dir` from the arrays of its files, by their names."""
    builder = BUILDERS[name](data_dir=data_dir, file_format="array_record")
    builder.arrays = arrays
    with tempfile.TemporaryDirectory(prefix="gan_jax_") as downloads:  # it downloads nothing, and makes the folder
        builder.download_and_prepare(
            download_dir=downloads, download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )


def mirror(name: str) -> str:
    """Address, with a slash at its end, from which TFDS downloads the files of a data set."""
    return str(BUILDERS[name].URL)


def _examples(images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
    """Keys and examples, in the order of the files; TFDS shuffles by key, as for the stock builder."""
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield index, {"image": Image.fromarray(image), "label": int(label)}


class _FromArrays:
    """What the builders do in another way than the stock ones."""

    arrays: Arrays

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {split: _examples(*(self.arrays[file] for file in files)) for split, files in SPLIT_FILES.items()}


class MNIST(_FromArrays, stock.MNIST, skip_registration=True):  # type: ignore[call-arg]
    """MNIST without TensorFlow."""

    name = "mnist"


class FashionMNIST(_FromArrays, stock.FashionMNIST, skip_registration=True):  # type: ignore[call-arg]
    """Fashion-MNIST without TensorFlow."""

    name = "fashion_mnist"


BUILDERS: dict[str, Any] = {"mnist": MNIST, "fashion_mnist": FashionMNIST}
