"""How far to go along a direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Point", "wolfe_step"]

DECREASE = 1e-4  # the share of the promised decrease that must come true
CURVATURE = 0.9  # the share of the slope that may be left
EVALUATIONS = 25


@dataclass
class Point:
    """A place on the line: how far along it is, and the loss and its gradient there."""

    length: float
    loss: float
    gradient: np.ndarray


def wolfe_step(
    at: Callable[[float], Point], start: Point, direction: np.ndarray, length: float
) -> Point:
    """A place along `direction` where the strong Wolfe conditions hold, searched from `length`.

    The loss has decreased by a share of what the slope promised, and the slope is less steep by a
    share. J. Nocedal, S. Wright, "Numerical optimization", algorithms 3.5 and 3.6. After
    `EVALUATIONS` evaluations the best place so far is returned.

    >>> def at(length):
    ...     return Point(length, (length - 3.0) ** 2, np.array([2 * (length - 3.0)]))
    >>> round(wolfe_step(at, at(0.0), np.array([1.0]), 100.0).length, 9)
    3.0
    """
    slope = float(start.gradient @ direction)

    def too_high(point: Point) -> bool:
        return not point.loss <= start.loss + DECREASE * point.length * slope

    before, here = start, at(length)
    for count in range(EVALUATIONS):
        there = float(here.gradient @ direction)
        if too_high(here) or (count and here.loss >= before.loss):
            return _between(at, direction, before, here, too_high, slope, EVALUATIONS - count)
        if abs(there) <= -CURVATURE * slope:
            return here
        if there >= 0:
            return _between(at, direction, here, before, too_high, slope, EVALUATIONS - count)
        before, here = here, at(2 * here.length)
    return before


def _between(
    at: Callable[[float], Point],
    direction: np.ndarray,
    low: Point,
    high: Point,
    too_high: Callable[[Point], bool],
    slope: float,
    evaluations: int,
) -> Point:
    """A place between `low`, the best so far, and `high`, which lies on its descending side."""
    for _ in range(evaluations):
        if abs(high.length - low.length) * np.abs(direction).max() < 1e-14:
            break
        here = at(_minimum_of_cubic(low, high, direction))
        if too_high(here) or here.loss >= low.loss:
            high = here
        else:
            there = float(here.gradient @ direction)
            if abs(there) <= -CURVATURE * slope:
                return here
            if there * (high.length - low.length) >= 0:
                high = low
            low = here
    return low


def _minimum_of_cubic(a: Point, b: Point, direction: np.ndarray) -> float:
    """Where the cubic through both losses and slopes has its minimum; not close to the ends.

    J. Nocedal, S. Wright, "Numerical optimization", equation 3.59.
    """
    first, last = float(a.gradient @ direction), float(b.gradient @ direction)
    width = b.length - a.length
    middle = a.length + width / 2
    if not math.isfinite(b.loss) or not math.isfinite(last):
        return middle
    one = first + last - 3 * (b.loss - a.loss) / width
    square = one * one - first * last
    if square < 0:
        return middle
    two = math.copysign(math.sqrt(square), width)
    bottom = last - first + 2 * two
    if bottom == 0:
        return middle
    share = 1 - (last + two - one) / bottom
    return a.length + min(max(share, 0.1), 0.9) * width
