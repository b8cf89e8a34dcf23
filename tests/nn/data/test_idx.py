import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nn.data import read_idx
from nn.errors import DataError

LABELS = np.array([7, 2, 1, 0], np.uint8)

idx_arrays = st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).flatmap(
    lambda code: npst.arrays(code, npst.array_shapes(max_dims=4, min_side=0, max_side=4))
)


@pytest.fixture(scope="module")
def idx_file(tmp_path_factory):
    """A function that writes bytes to a file and returns its path."""
    path = tmp_path_factory.mktemp("idx") / "data.idx"

    def write(content: bytes):
        path.write_bytes(content)
        return path

    return write


@given(array=idx_arrays, compress=st.booleans())
def test_every_dtype_and_shape_is_read_back(array, compress, idx_bytes, idx_file):
    content = idx_bytes(array)
    read = read_idx(idx_file(gzip.compress(content) if compress else content))
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


def test_compression_is_told_by_content_not_by_name(tmp_path, idx_bytes):
    (tmp_path / "plain.gz").write_bytes(idx_bytes(LABELS))
    (tmp_path / "compressed").write_bytes(gzip.compress(idx_bytes(LABELS)))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz"), LABELS)
    np.testing.assert_array_equal(read_idx(str(tmp_path / "compressed")), LABELS)


def test_the_array_may_be_written_to(idx_bytes, idx_file):
    read_idx(idx_file(idx_bytes(LABELS)))[0] = 9


@pytest.mark.parametrize("compress", [False, True])
def test_a_file_cut_anywhere_is_refused_and_named(idx_bytes, idx_file, compress):
    whole = idx_bytes(LABELS.reshape(2, 2))
    if compress:
        whole = gzip.compress(whole)
    for length in range(len(whole)):
        path = idx_file(whole[:length])
        with pytest.raises(DataError) as caught:
            read_idx(path)
        assert str(path) in str(caught.value)


def test_missing_values_are_counted(idx_bytes, idx_file):
    with pytest.raises(DataError, match=r"truncated: expected 4 bytes .*shape \(4,\).* found 3;"):
        read_idx(idx_file(idx_bytes(LABELS)[:-1]))


def test_trailing_bytes_are_counted(idx_bytes, idx_file):
    with pytest.raises(DataError, match=r"too long: expected 4 bytes .* found 6; replace it"):
        read_idx(idx_file(idx_bytes(LABELS) + b"\0\0"))


def test_a_cut_header_is_told_from_cut_values(idx_bytes, idx_file):
    with pytest.raises(DataError, match="expected 16 bytes of header for 3 dimensions, found 10"):
        read_idx(idx_file(idx_bytes(LABELS.reshape(2, 2, 1))[:10]))


def test_a_header_that_promises_terabytes_is_refused_without_reading_them(idx_file):
    with pytest.raises(DataError, match="truncated"):
        read_idx(idx_file(bytes([0, 0, 0x0E, 4]) + b"\xff" * 16))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "found an empty file"),
        (b"\x89PNG\r\n\x1a\n", "found 0x89504e47"),
        (b"\x00\x00\x0a\x01\x00\x00\x00\x00", "found 0x00000a01"),  # no dtype has code 0x0a
        (b"\x00\x00\x08\x00", "found 0x00000800"),  # no dimensions
        (b"\x00\x01\x08\x01\x00\x00\x00\x00", "found 0x00010801"),
    ],
)
def test_another_kind_of_file_is_refused_with_its_first_bytes(content, found, idx_file):
    with pytest.raises(DataError, match=f"not an IDX file: expected two zero bytes.* {found};"):
        read_idx(idx_file(content))


def test_a_damaged_gzip_file_is_refused(idx_bytes, idx_file):
    compressed = bytearray(gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8))))
    compressed[40] ^= 0xFF
    with pytest.raises(DataError, match="damaged gzip file"):
        read_idx(idx_file(bytes(compressed)))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"absent\.idx: cannot be read: No such file"):
        read_idx(tmp_path / "absent.idx")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_idx(tmp_path)
