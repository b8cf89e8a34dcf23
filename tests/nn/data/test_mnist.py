import os
from pathlib import Path

import numpy as np
import pytest

import nn.data
from nn.data import DataLoader, read_idx
from nn.errors import DataError

REAL_DATA = os.environ.get("AUTODIFF_DATA", "")


@pytest.fixture
def mnist_folder(tmp_path, monkeypatch, write_mnist):
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path))
    return write_mnist(tmp_path / "mnist")


@pytest.fixture
def rewrite(mnist_folder, write_mnist):
    """A function that writes the four files again with some arrays replaced."""
    return lambda **replaced: write_mnist(mnist_folder, **replaced)


def test_images_are_flat_float32_from_0_to_1_and_labels_are_integers(mnist_folder):
    train, test = nn.data.mnist("train"), nn.data.mnist("test")
    raw = read_idx(mnist_folder / "train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(train.inputs, raw.reshape(20, 784) / np.float32(255))
    assert train.inputs.dtype == np.float32
    assert (train.inputs.min(), train.inputs.max()) == (0, 1)
    assert train.targets.dtype == np.int64
    assert train.targets.tolist() == [*range(10), *range(10)]
    assert (len(train), len(test)) == (20, 5)


def test_the_data_set_knows_what_it_is_and_where_it_came_from(mnist_folder):
    train = nn.data.mnist()
    assert train.name == "mnist"
    assert train.classes == tuple("0123456789")
    assert train.image_shape == (28, 28)
    assert train.source == f"mnist: read from {mnist_folder} (AUTODIFF_DATA)."


def test_load_gives_both_splits(mnist_folder):
    train, test = nn.data.load("mnist")
    assert (len(train), len(test)) == (20, 5)
    assert len(DataLoader(train, batch_size=8)) == 3


def test_an_unknown_split_is_refused(mnist_folder):
    with pytest.raises(ValueError, match="mnist: unknown split 'validation'; choose"):
        nn.data.mnist("validation")


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (
            {"train_labels": np.zeros((20, 28, 28), np.uint8)},
            r"train-labels-idx1-ubyte\.gz: expected labels, .* found uint8 of shape \(20, 28, 28\)",
        ),
        (
            {"train_images": np.zeros(20, np.uint8)},
            r"train-images-idx3-ubyte\.gz: expected images, .* found uint8 of shape \(20,\)",
        ),
        (
            {"train_images": np.zeros((20, 32, 32), np.uint8)},
            r"expected images, uint8 of shape \(n, 28, 28\), found .*\(20, 32, 32\)",
        ),
        (
            {"train_images": np.zeros((20, 28, 28), np.int32)},
            "expected images, uint8 .* found int32",
        ),
        (
            {"train_labels": np.zeros(19, np.uint8)},
            r"train-labels-idx1-ubyte\.gz: 19 labels for the 20 images in .*train-images-idx3",
        ),
        (
            {"train_labels": np.arange(20, dtype=np.uint8) % 11},
            r"train-labels-idx1-ubyte\.gz: label 10 is 10, but there are 10 classes, 0 to 9",
        ),
    ],
)
def test_files_that_hold_something_else_are_named(rewrite, replaced, message):
    rewrite(**replaced)
    with pytest.raises(DataError, match=message):
        nn.data.mnist("train")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"])
def test_a_truncated_file_is_named(mnist_folder, name):
    path = mnist_folder / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=f"{name}: damaged gzip file"):
        nn.data.mnist("train")


@pytest.mark.skipif(
    not Path(REAL_DATA, "mnist").is_dir(), reason="AUTODIFF_DATA names no folder with mnist/"
)
def test_the_real_mnist_is_read_whole(monkeypatch):
    monkeypatch.setenv("AUTODIFF_DATA", REAL_DATA)
    train, test = nn.data.load("mnist")
    assert train.inputs.shape == (60_000, 784)
    assert test.inputs.shape == (10_000, 784)
    assert np.bincount(test.targets).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]  # fmt: skip
    assert train.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert float(train.inputs.mean()) == pytest.approx(0.1307, abs=1e-4)
    train.check_finite()
