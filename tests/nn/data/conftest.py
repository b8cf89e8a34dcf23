import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

WriteMnist = Callable[..., Path]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No data folder, an empty cache and no network, whatever the machine has."""
    monkeypatch.delenv("AUTODIFF_DATA", raising=False)
    monkeypatch.setenv("AUTODIFF_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    """A function that encodes an array as an IDX file, independent of the reader."""

    def encode(array: np.ndarray) -> bytes:
        code = IDX_CODES[array.dtype.str[1:]]
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
        return header + array.astype(array.dtype.newbyteorder(">")).tobytes()

    return encode


@pytest.fixture
def write_mnist(idx_bytes) -> WriteMnist:
    """A function that writes the four MNIST files, small; arguments replace whole arrays."""

    def write(folder: Path, *, suffix: str = ".gz", **replaced: np.ndarray) -> Path:
        rng = np.random.default_rng(0)
        arrays = {
            "train_images": rng.integers(256, size=(20, 28, 28), dtype=np.uint8),
            "train_labels": np.arange(20, dtype=np.uint8) % 10,
            "t10k_images": rng.integers(256, size=(5, 28, 28), dtype=np.uint8),
            "t10k_labels": np.arange(5, dtype=np.uint8),
        } | replaced
        folder.mkdir(parents=True, exist_ok=True)
        for key, array in arrays.items():
            ndim = 3 if key.endswith("images") else 1
            content = idx_bytes(array)
            path = folder / f"{key.replace('_', '-')}-idx{ndim}-ubyte{suffix}"
            path.write_bytes(gzip.compress(content) if suffix == ".gz" else content)
        return folder

    return write
