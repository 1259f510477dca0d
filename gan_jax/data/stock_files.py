"""The files of MNIST and Fashion-MNIST: their names, and the SHA-256 of what is in them however they are packed."""

import gzip
import hashlib
import struct
import zlib

import numpy as np

from gan_jax.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
SPLIT_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SHA256 = {
    "mnist": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}


def accepted_names(file: str) -> tuple[str, ...]:
    """Names under which a user may have a file: with dash or dot, packed or not."""
    dotted = file.replace("-idx", ".idx")
    return (f"{file}.gz", f"{dotted}.gz", file, dotted)


def read_stock(name: str, file: str, data: bytes) -> np.ndarray:
    """The uint8 array in a file of a set, raw or packed by any gzip; its format is that of LeCun's idx files.

    Raises:
      DataError: it holds other data, or is damaged.
    """
    try:
        content = gzip.decompress(data) if data.startswith(GZIP_MAGIC) else data
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"damaged gzip file ({error})") from error
    sha256, expected = hashlib.sha256(content).hexdigest(), SHA256[name][file]
    if sha256 != expected:
        raise DataError(f"SHA-256 of its content is {sha256}, that of the stock file's {expected}")
    header = 4 + 4 * content[3]  # two zero bytes, a type, the number of dimensions, and these
    return np.frombuffer(content, np.uint8, offset=header).reshape(struct.unpack(f">{content[3]}I", content[4:header]))
