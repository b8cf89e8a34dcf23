"""Twelve handwritten Chinese characters."""

import numpy as np

from nn.data.dataset import Dataset, Split, check_split
from nn.data.folders import image_folder
from nn.data.sources import File, Source, locate
from nn.data.splitting import duplicates
from nn.errors import DataError

_ARCHIVE = "hanzi12-train.zip"
HANZI12 = Source(
    "hanzi12",
    files=(File((_ARCHIVE,), "eea9ee7890afc512bcf929e3f7804ee99d667593531c00cd572390bf7a3ad4d3"),),
)
_CLASSES = tuple("博学笃志切问近思自由无用")


def hanzi12(split: Split = "train", *, seed: int = 0) -> Dataset:
    """Twelve handwritten characters: 6,200 images to train on and 1,240 to test on.

    inputs: (n, 1, 28, 28) uint8, ink is 255 on a background of 0, as in MNIST (the files have black
        ink on white). There is nothing in between, since the images have one bit per pixel.
    targets: (n,) int64 in 0..11.
    seed: draws which images are in which split; both splits of one seed are disjoint.

    The archive has 620 images of each class and no part to test on. A sixth of them is drawn for
    that, about as many of each class. 7,321 of the 7,440 images are distinct: 85 images are there
    two to four times, 204 files in all, and such copies are always on the same side.

    The labels are left as they are, and a few are wrong. 1/428.bmp shows 学, of which it is a copy
    (2/608.bmp). Nine of 问 show 闻: 80, 115, 132, 248, 313, 392, 552, 571 and 580.bmp in the folder
    6. This was found by looking at all of 问, and at the 389 images that a support vector machine,
    trained on the others, took for another class.

    The file is found by `nn.data.locate`. Raises DataNotFoundError when it is nowhere, and
    DataError, naming the image, when it is damaged or holds something else.
    """
    check_split(split, "hanzi12")
    train, test = load_hanzi12(seed=seed)
    return train if split == "train" else test


def load_hanzi12(*, seed: int = 0) -> tuple[Dataset, Dataset]:
    """`hanzi12("train")` and `hanzi12("test")`, read once."""
    located = locate(HANZI12)
    path = located.paths[_ARCHIVE]
    data = image_folder(path, subfolder="train", grey=True, name="hanzi12", classes=_CLASSES)
    if data.inputs.shape[1:] != (1, 28, 28):
        raise DataError(
            f"{path}: expected images of shape (1, 28, 28), found {data.inputs.shape[1:]}; "
            "check that it is the right file"
        )
    np.subtract(255, data.inputs, out=data.inputs)
    data.source = f"{located.sentence[:-1]}; split by seed {seed}."
    held = len(data) // 6
    train, test = data.split(
        len(data) - held,
        held,
        rng=np.random.default_rng(seed),
        groups=duplicates(data.inputs),
        stratify=True,
    )
    return train, test
