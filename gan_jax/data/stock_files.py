"""The files that TFDS downloads for MNIST and Fashion-MNIST, and how to make them from the same data packed otherwise.

TFDS verifies the SHA-256 of gzip files, not of the data in them. Both sets were packed with GNU `gzip -6`, whose output
is a function of the input; only the header differs, which records a file name and a time. So the exact files can be
made again from raw idx files, or from the same stream under another header, and the checksums hold.
"""

import dataclasses
import gzip
import hashlib
import math
import struct
import subprocess
import tempfile
import zlib

import numpy as np

from gan_jax.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
DEFLATE = 8
HAS_CRC, HAS_EXTRA, HAS_NAME, HAS_COMMENT = 2, 4, 8, 16
IDX_UNSIGNED_BYTES = b"\x00\x00\x08"
MOST_DIMENSIONS = 32  # of an array, as every version of NumPy has them


def read_idx(data: bytes) -> np.ndarray:
    """Array stored in an idx file of unsigned bytes.

    Args:
      data: content of the file: two zero bytes, type 8, the number of dimensions, their big-endian sizes, the values.

    Returns:
      uint8, in the shape that the file states.

    Raises:
      DataError: not an idx file of unsigned bytes, or its length is not what its header states.

    References:
      Yann LeCun, Corinna Cortes, Christopher J. C. Burges, "The MNIST database of handwritten digits", 1998.
    """
    if data[:3] != IDX_UNSIGNED_BYTES or len(data) < 4 or len(data) < 4 + 4 * data[3]:
        raise DataError(f"not an idx file of unsigned bytes: it begins with {data[:4].hex() or 'nothing'}")
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != math.prod(shape):  # exact: NumPy's product of absurd sizes is some small number
        raise DataError(f"idx file of shape {shape} holds {values.size} values instead of {math.prod(shape)}")
    if len(shape) > MOST_DIMENSIONS:
        raise DataError(f"idx file of {len(shape)} dimensions; allowed: at most {MOST_DIMENSIONS}")
    return values.reshape(shape)


def rebuild(file: "StockFile", data: bytes, sha256: str) -> bytes:
    """Bytes of the stock file, from those bytes, from the raw idx file, or from the latter packed by any gzip.

    Args:
      file: which file.
      data: content of an idx or idx.gz file.
      sha256: hexadecimal digest that the result must have.

    Returns:
      The gzip file whose digest is `sha256`.

    Raises:
      DataError: `data` holds other data (or is damaged), or GNU gzip is needed and missing.
    """
    if _sha256(data) == sha256:
        return data
    header = _header(file)
    if data[:2] == GZIP_MAGIC:
        other_header = header + data[_header_length(data) :]
        if _sha256(other_header) == sha256:
            return other_header
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"damaged gzip file ({error})") from error
    shape = read_idx(data).shape
    if shape != file.shape:
        raise DataError(f"holds an array of shape {shape}, {file.name} one of shape {file.shape}")
    packed = _gnu_gzip(data)
    result = header + packed[_header_length(packed) :]
    if _sha256(result) != sha256:
        raise DataError(f"SHA-256 of {file.name} made from it is {_sha256(result)}, the stock file's is {sha256}")
    return result


def _header(file: "StockFile") -> bytes:
    """Gzip header of the stock file; its last two fixed bytes say: default compression, Unix."""
    return (
        GZIP_MAGIC
        + bytes([DEFLATE, HAS_NAME])
        + struct.pack("<I", file.mtime)
        + b"\x00\x03"
        + file.packed_name
        + b"\x00"
    )


def _header_length(data: bytes) -> int:
    """Bytes before the compressed stream of a gzip file (RFC 1952)."""
    if len(data) < 18:
        raise DataError(f"damaged gzip file (only {len(data)} bytes)")
    flags, position = data[3], 10
    if flags & HAS_EXTRA:
        position += 2 + int.from_bytes(data[position : position + 2], "little")
    for flag in (HAS_NAME, HAS_COMMENT):
        if flags & flag:
            end = data.find(b"\x00", position)
            if end < 0:
                raise DataError("damaged gzip file (endless header)")
            position = end + 1
    return position + (2 if flags & HAS_CRC else 0)


def _gnu_gzip(data: bytes) -> bytes:
    """Output of GNU `gzip -6`; Python's zlib finds other matches and packs to other bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            return subprocess.run(["gzip", "-6", "-n", "-c", file.name], check=True, capture_output=True).stdout
        except FileNotFoundError as error:
            raise DataError(
                "the program `gzip` (GNU gzip) is needed to pack a raw idx file and was not found"
            ) from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclasses.dataclass(frozen=True)
class StockFile:
    """One file of a set as its authors packed it.

    Attributes:
      name: of the file that TFDS downloads.
      packed_name: file name in the gzip header.
      mtime: time in the gzip header, seconds since 1970.
      shape: of the array inside.
    """

    name: str
    packed_name: bytes
    mtime: int
    shape: tuple[int, ...]

    @property
    def accepted_names(self) -> tuple[str, ...]:
        """Names under which a user may have it: with dash or dot, packed or not."""
        dashed = self.name.removesuffix(".gz")
        dotted = dashed.replace("-idx", ".idx")
        return (self.name, dotted + ".gz", dashed, dotted)


STOCK_FILES: dict[str, tuple[StockFile, ...]] = {
    "mnist": (
        StockFile("train-images-idx3-ubyte.gz", b"train-images.idx3-ubyte", 848331386, (60000, 28, 28)),
        StockFile("train-labels-idx1-ubyte.gz", b"train-labels.idx1-ubyte", 848331398, (60000,)),
        StockFile("t10k-images-idx3-ubyte.gz", b"t10k-images.idx3-ubyte", 885827245, (10000, 28, 28)),
        StockFile("t10k-labels-idx1-ubyte.gz", b"t10k-labels.idx1-ubyte", 885827268, (10000,)),
    ),
    "fashion_mnist": (
        StockFile("train-images-idx3-ubyte.gz", b"train-images-idx3-ubyte", 1504176606, (60000, 28, 28)),
        StockFile("train-labels-idx1-ubyte.gz", b"train-labels-idx1-ubyte", 1504176606, (60000,)),
        StockFile("t10k-images-idx3-ubyte.gz", b"t10k-images-idx3-ubyte", 1504176627, (10000, 28, 28)),
        StockFile("t10k-labels-idx1-ubyte.gz", b"t10k-labels-idx1-ubyte", 1504176627, (10000,)),
    ),
}
