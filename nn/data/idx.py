"""The IDX format, in which MNIST and its relatives are published.

A file is a magic number (two zero bytes, a code for the dtype, the number of dimensions), the size
of each dimension as a big-endian 32-bit integer, and the values, big-endian, in C order. The format
is described at http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from nn.errors import DataError

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in an IDX file, in the machine's byte order.

    The file may be compressed with gzip; its first bytes tell, not its name. Raises DataError that
    says what was expected and what was found when the file is missing, damaged, truncated, too
    long or something else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels.idx")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    content = _read(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES or content[3] == 0:
        raise DataError(
            f"{path}: not an IDX file: expected two zero bytes, a dtype code "
            f"({', '.join(f'0x{code:02x}' for code in _DTYPES)}) and the number of dimensions, "
            f"found {f'0x{content[:4].hex()}' if content else 'an empty file'}; "
            "check that it is the right file"
        )
    dtype, ndim = np.dtype(_DTYPES[content[2]]), content[3]
    header = 4 + 4 * ndim
    if len(content) < header:
        raise DataError(
            f"{path}: truncated: expected {header} bytes of header for {ndim} dimensions, "
            f"found {len(content)}; replace it with an intact copy"
        )
    shape = struct.unpack(f">{ndim}I", content[4:header])
    expected = math.prod(shape) * dtype.itemsize
    found = len(content) - header
    if found != expected:
        raise DataError(
            f"{path}: {'truncated' if found < expected else 'too long'}: expected {expected} bytes "
            f"after the header for shape {shape} and dtype {dtype.name}, found {found}; "
            "replace it with an intact copy"
        )
    values = np.frombuffer(content, dtype, offset=header).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror or error}; check the path"
        ) from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: damaged gzip file ({error}); replace it with an intact copy"
        ) from error
