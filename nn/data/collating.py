"""Batches of data sets that give one sample at a time."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.errors import DataError


class Collated:
    """A data set whose `dataset[i]` is one sample, a tuple, as one that gives many at once.

    >>> squares = [(float(i), i * i) for i in range(4)]
    >>> inputs, targets = Collated(squares)[1:3]
    >>> inputs, targets
    (array([1., 2.]), array([1, 4]))
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: slice | np.ndarray) -> tuple[np.ndarray, ...]:
        positions = np.arange(len(self))[index].tolist()
        samples = [_sample(self.dataset[position], position) for position in positions]
        lengths = sorted({len(sample) for sample in samples})
        if len(lengths) != 1:
            raise DataError(f"DataLoader: samples have {lengths} parts; give all the same number")
        return tuple(map(_stacked, zip(*samples, strict=True)))


def gives_batches(dataset: Any) -> bool:
    """Whether a slice, and an array of positions, give what the samples there give, in arrays.

    Raises DataError for what is no data set.
    """
    if isinstance(dataset, np.ndarray):
        raise DataError(
            f"DataLoader: an array of shape {dataset.shape} has inputs but no targets; give a pair "
            "of arrays, (inputs, targets), or (inputs, inputs) to reconstruct them"
        )
    sequence = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if isinstance(dataset, Mapping) or not sequence:
        raise DataError(
            f"DataLoader: {type(dataset).__name__} is no data set; give a Dataset, a pair of "
            "arrays (inputs, targets), or an object with __len__ and __getitem__"
        )
    if not len(dataset):
        return True
    count = min(2, len(dataset))
    try:
        batches = [dataset[:count], dataset[np.arange(count)]]
    except Exception:  # whatever: it may not know slices or arrays
        return False
    if not all(_is_batch(batch, count) for batch in batches):
        return False
    try:
        samples = [tuple(dataset[position]) for position in range(count)]
        expected = tuple(map(_stacked, zip(*samples, strict=True)))
    except Exception:  # it may not know single positions
        return True
    return all(
        len(batch) == len(expected) and all(map(_same, batch, expected)) for batch in batches
    )


def _is_batch(batch: Any, count: int) -> bool:
    return isinstance(batch, tuple) and all(
        isinstance(part, np.ndarray) and part.shape[:1] == (count,) for part in batch
    )


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc" and b.dtype.kind in "fc")


def _sample(sample: Any, position: int) -> tuple[Any, ...]:
    if not isinstance(sample, tuple | list) or not sample:
        kind = type(sample).__name__
        what = f"an array of shape {sample.shape}" if isinstance(sample, np.ndarray) else kind
        raise DataError(
            f"DataLoader: sample {position} of the data set is {what}, not a pair "
            "(input, target); to pass arrays of all inputs and all targets, give a tuple, "
            "(inputs, targets)"
        )
    return tuple(sample)


def _stacked(parts: tuple[Any, ...]) -> np.ndarray:
    arrays = [np.asarray(part) for part in parts]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) != 1 or arrays[0].dtype.kind not in "biufc":
        found = f"shapes {shapes}" if len(shapes) != 1 else f"dtype {arrays[0].dtype}"
        raise DataError(
            f"DataLoader: parts of samples have {found}; give numbers, of the same shape in every "
            "sample"
        )
    return np.stack(arrays)
