"""What rules do to cotangents.

Where a function has no value it has no slope. The formula of a derivative may have a value beyond
the domain of its function, as 1 / x at -1 for the logarithm; so that a finite gradient does not
hide a loss that is NaN, `defined` and `within` make it NaN as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["conj", "defined", "over", "within", "zero"]


def conj(x: Any) -> Any:
    """The conjugate; a real array is not copied."""
    return np.conjugate(x) if np.iscomplexobj(x) else x


def zero(g: Any) -> Any:
    """The cotangent of an argument on which the result depends in steps only."""
    return np.zeros_like(g)


def over(a: Any, b: Any) -> Any:
    """``a / b``, and 0 where `b` is 0."""
    return np.where(b == 0, 0, a) / np.where(b == 0, 1, b)


def defined(r: Any, y: Any) -> Any:
    """The cotangent `r`, with NaN where the value `y` is NaN."""
    undefined = np.isnan(y)
    return np.where(undefined, np.nan, r) if np.any(undefined) else r


def within(r: Any, x: Any, low: float, high: float | None = None) -> Any:
    """The cotangent `r`, with NaN where a real `x` is below `low` or above `high`."""
    if x.dtype.kind == "c":
        return r
    outside = x < low if high is None else (x < low) | (x > high)
    return np.where(outside, np.nan, r) if outside.any() else r
