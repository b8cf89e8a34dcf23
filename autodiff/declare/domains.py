"""Where a primitive may be sampled: part of its declaration, and read by the tests.

A domain says which arguments make sense, in one of two forms. An elementwise function has
an `Interval` for each argument. Any other function has `cases`: a function that draws
a whole call with the small vocabulary of `Draw`.

Neither form knows how the choices are made. `autodiff.testing` makes them with hypothesis,
so that a failing call shrinks; `NumpyDraw` makes them from a generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

__all__ = [
    "Call",
    "Cases",
    "Draw",
    "Interval",
    "NumpyDraw",
    "above",
    "below",
    "between",
    "cases",
    "integers",
    "nonzero",
    "positive",
    "real",
]

T = TypeVar("T")
Call = tuple[tuple[Any, ...], dict[str, Any]]  # positional and keyword arguments


@dataclass(frozen=True)
class Interval:
    """The numbers strictly between `low` and `high`, without a margin around `holes`.

    `low` and `high` are where samples come from, not the whole mathematical domain: numerical
    derivatives need a function that is neither flat nor steep.
    `holes` are numbers at which a derivative does not exist; samples keep `margin` away.
    """

    low: float = -2.0
    high: float = 2.0
    holes: tuple[float, ...] = ()
    margin: float = 0.1
    integer: bool = False

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Random numbers of the domain, as a float64 (or int64) array of `shape`."""
        if self.integer:
            return rng.integers(int(self.low), int(self.high) + 1, size=shape)
        room = min(self.margin, (self.high - self.low) / 8)
        values = rng.uniform(self.low + room, self.high - room, size=shape)
        for hole in self.holes:
            near = np.abs(values - hole) < self.margin
            values = np.where(near, hole + np.where(values < hole, -1.5, 1.5) * self.margin, values)
        return values

    def without(self, *holes: float) -> Interval:
        """The same numbers without these."""
        return Interval(self.low, self.high, self.holes + holes, self.margin, self.integer)


real = Interval()
positive = Interval(0.0, 3.0)
nonzero = Interval(-2.0, 2.0, holes=(0.0,), margin=0.2)


def above(low: float) -> Interval:
    """Numbers greater than `low`."""
    return Interval(low, low + 3.0)


def below(high: float) -> Interval:
    """Numbers less than `high`."""
    return Interval(high - 3.0, high)


def between(low: float, high: float) -> Interval:
    """Numbers strictly between `low` and `high`."""
    return Interval(low, high)


def integers(low: int, high: int) -> Interval:
    """Whole numbers from `low` to `high`, both included; such an argument has no gradient."""
    return Interval(low, high, integer=True)


class Draw:
    """The vocabulary in which a case is drawn. Two methods make every choice."""

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        raise NotImplementedError

    def values(self, domain: Interval, shape: tuple[int, ...]) -> np.ndarray:
        """An array of numbers from `domain`."""
        raise NotImplementedError

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`; the first is the simplest."""
        return options[self.integer(0, len(options) - 1)]

    def flag(self) -> bool:
        """True or false."""
        return self.choice((False, True))

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0) -> tuple[int, ...]:
        """A shape; sides are 0 to 4 long, and rarely 0."""
        dims = self.integer(min_dims, max_dims)
        sides = (2, 3, 1, 4, 3, 2, 0) if min_side == 0 else tuple(range(min_side, min_side + 4))
        return tuple(self.choice(sides) for _ in range(dims))

    def array(
        self,
        shape: tuple[int, ...] | None = None,
        domain: Interval = real,
        *,
        min_dims: int = 0,
        max_dims: int = 3,
        min_side: int = 0,
    ) -> np.ndarray:
        """An array from `domain`, of a given or a drawn shape."""
        if shape is None:
            shape = self.shape(min_dims, max_dims, min_side)
        return self.values(domain, shape)

    def distinct(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array whose elements are pairwise at least 0.1 apart, in random order."""
        size = int(np.prod(shape))
        ranks = np.argsort(self.values(real, (size,)), kind="stable")
        return (0.3 * (ranks - size / 2) + 0.05).reshape(shape)

    def axis(self, ndim: int) -> int:
        """One axis of an array with `ndim` dimensions, counted from either end."""
        return self.integer(-ndim, ndim - 1)

    def axes(self, ndim: int) -> int | tuple[int, ...] | None:
        """What a reduction accepts as ``axis=``: nothing, one axis, or several."""
        kind = self.choice(("none", "one", "several"))
        if kind == "none" or ndim == 0:
            return None
        if kind == "one":
            return self.axis(ndim)
        return tuple(axis for axis in range(ndim) if self.flag())

    def broadcastable(self, count: int) -> list[tuple[int, ...]]:
        """`count` shapes that broadcast together."""
        full = self.shape()
        shapes = [full]
        for _ in range(count - 1):
            kept = full[self.integer(0, len(full)) :]
            shapes.append(tuple(side if not self.flag() else 1 for side in kept))
        first = self.integer(0, count - 1)
        return shapes[first:] + shapes[:first]


class NumpyDraw(Draw):
    """Choices from a NumPy generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def values(self, domain: Interval, shape: tuple[int, ...]) -> np.ndarray:
        return domain.sample(self.rng, shape)


@dataclass(frozen=True)
class Cases:
    """Whole calls, drawn by a function."""

    draw: Callable[[Draw], Call]


def cases(draw: Callable[[Draw], Call]) -> Cases:
    """A domain given by a function that draws ``(args, kwargs)``.

    >>> matrix = cases(lambda d: ((d.array((3, 3)),), {}))
    >>> args, kwargs = matrix.draw(NumpyDraw(np.random.default_rng(0)))
    >>> args[0].shape
    (3, 3)
    """
    return Cases(draw)
