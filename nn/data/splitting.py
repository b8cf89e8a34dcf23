"""Which samples go to which part when a data set is split."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def duplicates(inputs: np.ndarray) -> np.ndarray:
    """Numbers (n,) that are equal where inputs (n, ...) are equal bit for bit.

    The groups are numbered from 0 in the order in which they appear, so
    `duplicates(inputs).max() + 1` is the number of distinct inputs. Given to `Dataset.split` as
    `groups`, they keep copies of one input together.

    >>> duplicates(np.array([[1, 2], [3, 4], [1, 2], [5, 6]]))
    array([0, 1, 0, 2])
    """
    numbers: dict[bytes, int] = {}  # by digest, which takes less memory than the inputs
    digests = (hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in inputs)
    return np.array([numbers.setdefault(digest, len(numbers)) for digest in digests], dtype=int)


def counts_of(sizes: Sequence[float], n: int) -> list[int] | None:
    """How many of n samples each part has, if the sizes are counts or shares of all of them.

    Shares are rounded where one part ends and the next begins, so that nothing is left over.

    >>> counts_of((0.8, 0.2), 7), counts_of((5, 2), 7), counts_of((1, 2), 7)
    ([6, 1], [5, 2], None)
    """
    if not sizes or not min(sizes) >= 0:
        return [] if not sizes and n == 0 else None
    if all(isinstance(size, int | np.integer) for size in sizes):
        return [int(size) for size in sizes] if sum(sizes) == n else None
    if not abs(sum(sizes) - 1) < 1e-9:
        return None
    bounds = np.rint(np.cumsum((0.0, *sizes)) * n).astype(int)
    return np.diff(bounds).tolist()


def deal(
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    groups: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> list[np.ndarray]:
    """The positions of the samples in each of the parts, drawn at random.

    sizes: of the parts, which add up to the number of samples.
    groups: (n,) numbers; samples with the same one stay together. Parts then differ from their
        sizes by less than the largest group.
    labels: (n,) classes; every part has about the same share of each.

    >>> parts = deal((4, 2), np.random.default_rng(0), labels=np.array([0, 0, 0, 0, 1, 1]))
    >>> [np.sort(part).tolist() for part in parts]
    [[0, 2, 3, 5], [1, 4]]
    """
    n = sum(sizes)
    bounds = np.cumsum((0, *sizes))
    if groups is None and labels is None:
        order = rng.permutation(n)
        return [order[start:stop] for start, stop in pairwise(bounds)]
    # What is dealt are whole groups: `unit[i]` is that of sample i.
    keys = np.arange(n) if groups is None else groups
    _, first, unit, size = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    order = rng.permutation(len(size))  # of units
    if labels is not None:
        order = _interleaved(order, labels[first], size)
    # A unit goes where its middle lies when all are laid out in a row.
    middles = np.cumsum(size[order]) - size[order] / 2
    part = np.empty(len(size), int)
    part[order] = np.searchsorted(bounds[1:-1], middles, side="right")
    shuffled = rng.permutation(n)
    return [shuffled[part[unit[shuffled]] == index] for index in range(len(sizes))]


def _interleaved(order: np.ndarray, labels: np.ndarray, size: np.ndarray) -> np.ndarray:
    """`order`, rearranged so that every stretch of it has about the same share of each class."""
    place = np.empty(len(order))  # of each unit, from 0 to 1 within its class
    for label in np.unique(labels):
        own = order[labels[order] == label]
        place[own] = (np.cumsum(size[own]) - size[own] / 2) / size[own].sum()
    return order[np.argsort(place[order], kind="stable")]
