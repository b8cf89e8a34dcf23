"""Data sets by name."""

import difflib
import os
from collections.abc import Callable

from nn.data.cifar import load_cifar10
from nn.data.dataset import Dataset
from nn.data.handwritten import load_digits, load_mnist
from nn.data.hanzi import load_hanzi12
from nn.data.own import load_folder
from nn.errors import DataError

# name: a function that returns the data to train on and the data to test on
DATASETS: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {
    "mnist": load_mnist,
    "digits": load_digits,
    "cifar10": load_cifar10,
    "hanzi12": load_hanzi12,
}


def is_folder(name: str | os.PathLike[str]) -> bool:
    """Whether this names a folder of one's own: a path, or a folder that is there.

    >>> is_folder("digits"), is_folder("./digits")
    (False, True)
    """
    if isinstance(name, str) and name in DATASETS:
        return False
    return os.path.isdir(name) or os.path.basename(name) != str(name)


def load(name: str | os.PathLike[str], *, size: int | None = None) -> tuple[Dataset, Dataset]:
    """The data set of that name in `DATASETS`: the data to train on, and the data to test on.

    A path to a folder of images takes those: see `nn.data.load_folder`, which `size` is for.

    Each says in `source` where it came from. Raises DataNotFoundError when the files are nowhere.

    >>> train, test = load("digits")
    >>> len(train), len(test)
    (1437, 360)
    """
    if is_folder(name):
        return load_folder(name, size)
    if name not in DATASETS:
        name = str(name)
        similar = difflib.get_close_matches(name, DATASETS, n=1)
        guess = f" (did you mean {similar[0]}?)" if similar else ""
        raise DataError(
            f"there is no data set named {name!r}{guess}; choose one of {', '.join(DATASETS)}, "
            "or give the path of a folder that has one folder of images per class"
        )
    if size is not None:
        raise DataError(f"the images of {name} have their own size; leave out the size")
    return DATASETS[str(name)]()
