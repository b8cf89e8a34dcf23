"""Data sets by name."""

import difflib
from collections.abc import Callable

from nn.data.cifar import load_cifar10
from nn.data.dataset import Dataset
from nn.data.handwritten import load_digits, load_mnist
from nn.data.hanzi import load_hanzi12
from nn.errors import DataError

# name: a function that returns the data to train on and the data to test on
DATASETS: dict[str, Callable[[], tuple[Dataset, Dataset]]] = {
    "mnist": load_mnist,
    "digits": load_digits,
    "cifar10": load_cifar10,
    "hanzi12": load_hanzi12,
}


def load(name: str) -> tuple[Dataset, Dataset]:
    """The data set of that name in `DATASETS`: the data to train on, and the data to test on.

    Each says in `source` where it came from. Raises DataNotFoundError when the files are nowhere.

    >>> train, test = load("digits")
    >>> len(train), len(test)
    (1437, 360)
    """
    if name not in DATASETS:
        similar = difflib.get_close_matches(name, DATASETS, n=1)
        guess = f" (did you mean {similar[0]}?)" if similar else ""
        raise DataError(
            f"there is no data set named {name!r}{guess}; choose one of {', '.join(DATASETS)}"
        )
    return DATASETS[name]()
