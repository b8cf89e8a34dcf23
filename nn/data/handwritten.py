"""Handwritten digits: MNIST, and the small set that comes with scikit-learn."""

import numpy as np

from nn.data.dataset import Dataset, Split, check_labels, check_split
from nn.data.idx import read_idx
from nn.data.sources import File, Located, Source, locate
from nn.errors import DataError

_CLASSES = tuple("0123456789")


def _idx_file(stem: str, ndim: int, sha256: str) -> File:
    plain = f"{stem}-idx{ndim}-ubyte"
    return File((f"{plain}.gz", plain, f"{stem}.idx{ndim}-ubyte"), sha256)


# split: (images, labels)
_MNIST_FILES = {
    "train": (
        _idx_file(
            "train-images", 3, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        _idx_file(
            "train-labels", 1, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
    ),
    "test": (
        _idx_file(
            "t10k-images", 3, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        _idx_file(
            "t10k-labels", 1, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    ),
}
MNIST = Source(
    "mnist",
    files=_MNIST_FILES["train"] + _MNIST_FILES["test"],
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)


def mnist(split: Split = "train") -> Dataset:
    """MNIST: 60,000 images to train on, 10,000 to test on, of ten handwritten digits.

    inputs: (n, 784) float32 in [0, 1], 28 x 28 pixels laid out flat, 0 is background.
    targets: (n,) int64 in 0..9.

    The files are found by `nn.data.locate`. Raises DataNotFoundError when they are nowhere, and
    DataError, naming the file, when one is damaged or holds something else.
    """
    return _read_mnist(locate(MNIST), split)


def load_mnist() -> tuple[Dataset, Dataset]:
    """`mnist("train")` and `mnist("test")`, located once."""
    located = locate(MNIST)
    return _read_mnist(located, "train"), _read_mnist(located, "test")


def _read_mnist(located: Located, split: Split) -> Dataset:
    check_split(split, "mnist")
    images_path, labels_path = (located.paths[file.name] for file in _MNIST_FILES[split])
    images = read_idx(images_path)  # (n, 28, 28)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise DataError(
            f"{images_path}: expected images, uint8 of shape (n, 28, 28), "
            f"found {images.dtype} of shape {images.shape}; check that it is the image file"
        )
    labels = read_idx(labels_path)  # (n,)
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise DataError(
            f"{labels_path}: expected labels, uint8 of shape (n,), "
            f"found {labels.dtype} of shape {labels.shape}; check that it is the label file"
        )
    if len(images) != len(labels):
        raise DataError(
            f"{labels_path}: {len(labels)} labels for the {len(images)} images in {images_path}; "
            "take both files from the same split"
        )
    check_labels(labels, len(_CLASSES), labels_path)
    return Dataset(
        images.reshape(-1, 784) / np.float32(255),
        labels.astype(np.int64),
        name="mnist",
        classes=_CLASSES,
        image_shape=(28, 28),
        source=located.sentence,
    )


def digits(split: Split = "train", *, seed: int = 0) -> Dataset:
    """scikit-learn's digits: 1,797 images, of which 1,437 are to train on and 360 to test on.

    inputs: (n, 64) float32 in [0, 1], 8 x 8 pixels laid out flat, 0 is background.
    targets: (n,) int64 in 0..9.
    seed: draws which images are in which split; both splits of one seed are disjoint.

    >>> digits("test")
    Dataset 'digits': 360 samples, inputs (64,) float32, targets () int64, 10 classes
    """
    check_split(split, "digits")
    try:
        from sklearn.datasets import load_digits as load_from_sklearn
    except ImportError as error:
        raise DataError("digits: comes with scikit-learn; pip install scikit-learn") from error
    images, labels = load_from_sklearn(return_X_y=True)  # (1797, 64) in 0..16, (1797,)
    everything = Dataset(
        images.astype(np.float32) / 16,
        labels.astype(np.int64),
        name="digits",
        classes=_CLASSES,
        image_shape=(8, 8),
        source=f"digits: read from scikit-learn, which ships them; split by seed {seed}.",
    )
    train, test = everything.split(1437, 360, rng=np.random.default_rng(seed))
    return train if split == "train" else test


def load_digits() -> tuple[Dataset, Dataset]:
    """`digits("train")` and `digits("test")`."""
    return digits("train"), digits("test")
