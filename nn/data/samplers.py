"""Which samples a DataLoader takes, and how often, where it should not be each one once."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from nn.errors import DataError


class Sampler(Protocol):
    """Draws the positions of the samples of one epoch, always `len(sampler)` of them."""

    def __len__(self) -> int: ...

    def __call__(self, rng: np.random.Generator, /) -> ArrayLike: ...


class Positions(Protocol):
    """Positions that are the same in every epoch, or draw themselves, such as a list."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[int]: ...


class WeightedSampler:
    """Draws samples with probabilities in proportion to their weights, with replacement.

    weights: (n,), at least 0, one for each sample of the data set.
    size: how many samples an epoch has, by default as many as the data set.

    >>> sampler = WeightedSampler([1, 0, 3], size=1000)
    >>> np.bincount(sampler(np.random.default_rng(0)), minlength=3)
    array([231,   0, 769])
    """

    def __init__(self, weights: ArrayLike, size: int | None = None):
        self.weights = np.asarray(weights, np.float64)
        wrong = self.weights.ndim != 1 or not np.isfinite(self.weights).all()
        if wrong or (self.weights < 0).any() or not self.weights.any():
            raise DataError(
                "WeightedSampler: the weights must be finite numbers of at least 0, one for each "
                "sample, and not all of them 0"
            )
        self.size = _size(len(self.weights) if size is None else size, "WeightedSampler")

    def __len__(self) -> int:
        return self.size

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        p = self.weights / self.weights.sum()
        return rng.choice(len(p), self.size, p=p)


class BalancedSampler:
    """Draws every class equally often, however rare it is.

    targets: (n,) labels of the data set.
    size: how many samples an epoch has, by default as many as the data set. If the number of
        classes does not divide it, the classes that come once more are drawn anew every time.

    No sample of a class comes a second time before all others of that class have come.

    >>> sampler = BalancedSampler([0, 0, 0, 0, 0, 1], size=8)
    >>> positions = sampler(np.random.default_rng(0))
    >>> np.bincount(positions, minlength=6)
    array([1, 0, 1, 1, 1, 4])
    """

    def __init__(self, targets: ArrayLike, size: int | None = None):
        labels = np.asarray(targets)
        if labels.ndim != 1 or labels.dtype.kind not in "iub" or not len(labels):
            raise DataError(
                f"BalancedSampler: targets of shape {labels.shape} and dtype {labels.dtype} are "
                "not labels; give one integer for each sample"
            )
        self.size = _size(len(labels) if size is None else size, "BalancedSampler")
        # the positions of each class
        self.members = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def __len__(self) -> int:
        return self.size

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        each, left = divmod(self.size, len(self.members))
        counts = np.full(len(self.members), each)
        counts[rng.permutation(len(counts))[:left]] += 1
        drawn = [
            _repeatedly(members, count, rng)
            for members, count in zip(self.members, counts, strict=True)
        ]
        return rng.permutation(np.concatenate(drawn))


def _repeatedly(members: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the members: all in random order, all again in another one, and so on."""
    rounds = -(-count // len(members))
    return rng.permuted(np.tile(members, (rounds, 1)), axis=1).ravel()[:count]


def _size(size: int, caller: str) -> int:
    if size < 1:
        raise ValueError(f"{caller}: size is {size}; give the number of samples of an epoch")
    return size
