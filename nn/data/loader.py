"""Batches from a data set."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from nn.data.collating import Collated, gives_batches
from nn.data.dataset import Dataset
from nn.data.prefetch import prefetched
from nn.data.samplers import Positions, Sampler
from nn.data.transforms.basic import Transform, is_random
from nn.errors import DataError
from nn.random import as_generator


class Samples(Protocol):
    """What a DataLoader asks of a data set: a length, and many samples at once by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice | np.ndarray, /) -> tuple[np.ndarray, ...]: ...


def _dataset(given: Any) -> Samples:
    """What was passed for a data set, as one that gives many samples at once."""
    if isinstance(given, tuple):
        if len(given) != 2:
            raise DataError(
                f"DataLoader: a tuple of {len(given)} is no data set; give two arrays, "
                "(inputs, targets)"
            )
        return Dataset(*given)
    return given if isinstance(given, Dataset) or gives_batches(given) else Collated(given)


class DataLoader:
    """The samples of a data set in batches; every iteration goes once through all of them.

    dataset: a Dataset, a pair of arrays `(inputs, targets)`, or any object with a length: either
        `dataset[slice]` and `dataset[array of positions]` return a tuple of arrays, or
        `dataset[i]` returns one sample, `(input, target)`, as in a list of pairs. Samples are
        stacked; if slices give anything else than their samples, it is the samples that count.
    batch_size: how many samples a batch has; the last one has what is left.
    shuffle: draw a new order for every iteration from `rng`, by default nn's own generator.
    drop_last: leave out a last batch that is smaller than the others.
    transform: applied to the inputs of every batch, `transform(inputs, rng)`; see
        `nn.data.transforms`. The generator that it draws from is seeded from `rng` when an
        iteration begins.
    sampler: which samples to take instead of each one once: a function of a generator (`rng` is
        given) that returns their positions, such as a `BalancedSampler`, or positions to iterate
        over. It must have a length.
    prefetch: how many batches a thread prepares in advance, while the previous ones are used. The
        batches are the same as without.

    With neither `shuffle`, `sampler` nor `transform`, the batches are views of the data set's
    arrays, not copies.

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
        dataset: Samples | Sequence[tuple[ArrayLike, ArrayLike]] | tuple[ArrayLike, ArrayLike],
        batch_size: int = 64,
        *,
        shuffle: bool = False,
        rng: np.random.Generator | None = None,
        drop_last: bool = False,
        transform: Transform | None = None,
        sampler: Sampler | Positions | None = None,
        prefetch: int = 0,
    ):
        self.dataset = _dataset(dataset)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.rng = as_generator(rng, "DataLoader")
        self.drop_last = drop_last
        self.transform = transform
        self.sampler = sampler
        self.prefetch = prefetch
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise ValueError(
                f"DataLoader: batch_size is {batch_size!r}; give an integer of at least 1"
            )
        if not isinstance(prefetch, int | np.integer) or prefetch < 0:
            raise ValueError(
                f"DataLoader: prefetch is {prefetch!r}; give a number of batches, 0 for none"
            )
        if transform is not None and not callable(transform):
            raise TypeError(
                f"DataLoader: transform is {transform!r}; give a function of (inputs, rng)"
            )
        if sampler is not None and shuffle:
            raise ValueError(
                "DataLoader: the sampler decides about the order, so leave out shuffle=True"
            )
        if sampler is not None and not hasattr(sampler, "__len__"):
            raise TypeError(
                f"DataLoader: the sampler {sampler!r} has no length; give it a __len__, which says "
                "how many positions it gives"
            )
        if len(self.dataset) == 0:
            raise DataError("DataLoader: the data set is empty; give it at least one sample")
        if len(self) == 0:
            raise ValueError(
                f"DataLoader: drop_last leaves none of the {self._samples} samples; "
                f"give a batch_size of at most {self._samples}"
            )

    def __len__(self) -> int:
        """The number of batches."""
        full, rest = divmod(self._samples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        # Whatever is drawn from `rng` is drawn now: it may be the model's generator too, which a
        # thread that prepares batches must not touch, and stands where it would without one.
        order = self._order()
        rng = self.rng
        if self.transform is not None and is_random(self.transform):
            rng = np.random.default_rng(rng.integers(2**63))
        batches = self._batches(order, rng)
        yield from prefetched(batches, self.prefetch) if self.prefetch else batches

    @property
    def _samples(self) -> int:
        """How many samples one iteration has."""
        return len(self.dataset if self.sampler is None else self.sampler)

    def _order(self) -> np.ndarray | None:
        """The positions of one iteration; None for all in order."""
        if self.sampler is None:
            return self.rng.permutation(len(self.dataset)) if self.shuffle else None
        drawn = self.sampler(self.rng) if callable(self.sampler) else list(self.sampler)
        order = np.asarray(drawn)
        if order.shape != (self._samples,) or order.dtype.kind not in "iu":
            raise DataError(
                f"DataLoader: the sampler gave positions of shape {order.shape} and dtype "
                f"{order.dtype}; it must give {self._samples} integers, as many as its length"
            )
        return order

    def _batches(
        self, order: np.ndarray | None, rng: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, ...]]:
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            part = slice(start, start + self.batch_size)
            batch = self.dataset[part if order is None else order[part]]
            if self.transform is not None:
                inputs, *rest = batch
                batch = (self.transform(inputs, rng), *rest)
            yield batch
