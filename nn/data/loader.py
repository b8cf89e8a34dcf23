"""Batches from a data set."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from nn.data.dataset import Dataset
from nn.errors import DataError
from nn.random import as_generator


class Samples(Protocol):
    """What a DataLoader asks of a data set: a length, and many samples at once by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice | np.ndarray, /) -> tuple[np.ndarray, ...]: ...


class DataLoader:
    """The samples of a data set in batches; every iteration goes once through all of them.

    dataset: a Dataset, a pair of arrays `(inputs, targets)`, or any object with a length whose
        `dataset[slice]` and `dataset[array of positions]` return a tuple of arrays.
    batch_size: how many samples a batch has; the last one has what is left.
    shuffle: draw a new order for every iteration from `rng`, by default nn's own generator.
    drop_last: leave out a last batch that is smaller than the others.

    Without `shuffle` the batches are views of the data set's arrays, not copies.

    >>> loader = DataLoader((np.arange(10.0).reshape(5, 2), np.arange(5)), batch_size=2)
    >>> len(loader), [inputs.shape for inputs, targets in loader]
    (3, [(2, 2), (2, 2), (1, 2)])
    >>> rng = np.random.default_rng(0)
    >>> shuffled = DataLoader(loader.dataset, batch_size=2, shuffle=True, rng=rng)
    >>> [targets.tolist() for inputs, targets in shuffled]
    [[2, 4], [3, 0], [1]]
    """

    def __init__(
        self,
        dataset: Samples | tuple[ArrayLike, ArrayLike],
        batch_size: int = 64,
        *,
        shuffle: bool = False,
        rng: np.random.Generator | None = None,
        drop_last: bool = False,
    ):
        self.dataset = Dataset(*dataset) if isinstance(dataset, tuple) else dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.rng = as_generator(rng, "DataLoader")
        self.drop_last = drop_last
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ValueError(
                f"DataLoader: batch_size is {batch_size!r}; give an integer of at least 1"
            )
        if len(self.dataset) == 0:
            raise DataError("DataLoader: the data set is empty; give it at least one sample")
        if len(self) == 0:
            raise ValueError(
                f"DataLoader: drop_last leaves none of the {len(self.dataset)} samples; "
                f"give a batch_size of at most {len(self.dataset)}"
            )

    def __len__(self) -> int:
        """The number of batches."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        starts = range(0, len(self) * self.batch_size, self.batch_size)
        if self.shuffle:
            order = self.rng.permutation(len(self.dataset))
            for start in starts:
                yield self.dataset[order[start : start + self.batch_size]]
        else:
            for start in starts:
                yield self.dataset[start : start + self.batch_size]
