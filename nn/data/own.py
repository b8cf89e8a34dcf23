"""Images of one's own as data to train on and data to test on."""

import os
from pathlib import Path

import numpy as np

from nn.data.dataset import Dataset
from nn.data.folders import SizesDiffer, image_folder
from nn.data.splitting import duplicates
from nn.data.transforms import CenterCrop, Compose, Resize
from nn.errors import DataError

SIZE = 32  # of images whose sizes differ, or are larger than the next number
LARGEST = 64  # images up to this size stay as they are
TEST_SHARE = 0.2


def load_folder(path: str | os.PathLike[str], size: int | None = None) -> tuple[Dataset, Dataset]:
    """The colour images in a folder: those to train on, and those to test on.

    path: a folder with one subfolder per class, of which a fifth is then tested on, always the
        same; or one with the folders `train` and `test`, each with one subfolder per class.
    size: the images become squares of so many pixels: scaled, and cut off at two sides. By default
        images that all have one size of at most 64 pixels stay as they are, and others become 32.

    Raises DataError, naming the folder or the file, if something is wrong with it.
    """
    root = Path(path)
    name = root.resolve().name
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; check the path")
    if not (root / "train").is_dir() or not (root / "test").is_dir():
        data = _read(root, "", size, name)
        rng = np.random.default_rng(0)  # the same images are tested on every time
        groups = duplicates(data.inputs)
        train, test = data.split(1 - TEST_SHARE, TEST_SHARE, rng=rng, groups=groups, stratify=True)
        if not len(train) or not len(test):
            raise DataError(
                f"{root}: {len(data)} images are too few to train and to test on; add some"
            )
        share = f"{TEST_SHARE:.0%}".replace("%", " %")
        train.source = f"{data.source[:-1]}; {share} of the images are kept for the test."
        return train, test
    train = _read(root, "train", size, name)
    test = _read(root, "test", size or train.inputs.shape[-1], name)
    if train.classes != test.classes:
        raise DataError(
            f"{root}: train has the classes {', '.join(train.classes)}, but test has "
            f"{', '.join(test.classes)}; give both the same class folders"
        )
    if train.inputs.shape[1:] != test.inputs.shape[1:]:  # own sizes, not square
        test = _read(root, "test", None, name)
        if train.inputs.shape[1:] != test.inputs.shape[1:]:
            raise DataError(f"{root}: train and test have images of different sizes; give a size")
    return train, test


def _read(root: Path, subfolder: str, size: int | None, name: str) -> Dataset:
    def fitted(size: int) -> Dataset:
        transform = Compose(Resize(size), CenterCrop(size))
        return image_folder(root, subfolder=subfolder, grey=False, name=name, transform=transform)

    if size is not None:
        return fitted(size)
    try:
        data = image_folder(root, subfolder=subfolder, grey=False, name=name)
    except SizesDiffer:
        return fitted(SIZE)
    return data if max(data.inputs.shape[2:]) <= LARGEST else fitted(SIZE)
