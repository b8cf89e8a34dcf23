"""CIFAR-10: small colour photographs of ten kinds of things."""

from nn.data.dataset import Dataset, Split, check_split
from nn.data.folders import image_folder
from nn.data.sources import File, Located, Source, locate
from nn.errors import DataError

_ARCHIVE = "cifar10-jpeg.zip"
# No mirror is known that delivers the photographs as an archive of JPEGs.
CIFAR10 = Source(
    "cifar10",
    files=(File((_ARCHIVE,), "2859cdd63c3a8d949a9afbe4f5d6312465b5fc3e6db7b501e31afdf983068135"),),
)
_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def cifar10(split: Split = "train") -> Dataset:
    """CIFAR-10: 50,000 photographs to train on and 10,000 to test on, 5,000 and 1,000 per class.

    inputs: (n, 3, 32, 32) uint8, 0 to 255: red, green, blue; class after class, so shuffle.
    targets: (n,) int64 in 0..9.

    The file, an archive of JPEGs, is found by `nn.data.locate`. Raises DataNotFoundError when it
    is nowhere, and DataError, naming the image, when it is damaged or holds something else.
    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    check_split(split, "cifar10")
    return _read(locate(CIFAR10), split)


def load_cifar10() -> tuple[Dataset, Dataset]:
    """`cifar10("train")` and `cifar10("test")`, located once."""
    located = locate(CIFAR10)
    return _read(located, "train"), _read(located, "test")


def _read(located: Located, split: Split) -> Dataset:
    path = located.paths[_ARCHIVE]
    data = image_folder(path, subfolder=split, grey=False, name="cifar10")
    if data.classes != _CLASSES or data.inputs.shape[1:] != (3, 32, 32):
        raise DataError(
            f"{path}, {split}: expected the classes {', '.join(_CLASSES)} in images of shape "
            f"(3, 32, 32), found {', '.join(data.classes)} and {data.inputs.shape[1:]}; check "
            "that it is the right file"
        )
    data.source = located.sentence
    return data
