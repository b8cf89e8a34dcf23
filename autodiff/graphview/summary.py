"""Values in a few words: what a picture can say about a number or an array."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Summary", "dtype_name", "number", "summarize"]

SHOWN = 4  # an array of more elements than this is not written out


@dataclass(frozen=True, slots=True)
class Summary:
    """An array in numbers. The statistics are those of its finite elements.

    Attributes:
        text: the value itself if it has few elements, else its range.
        minimum, maximum, mean: None for complex values, and where there are no elements.
        norm: the Euclidean norm.
        nonfinite: how many elements are NaN or infinite.
    """

    text: str
    minimum: float | None
    maximum: float | None
    mean: float | None
    norm: float | None
    nonfinite: int


def summarize(value: Any) -> Summary:
    """The summary of a number or array.

    >>> summarize(np.float64(2.0)).text
    '2'
    >>> summarize(np.array([3.0, -4.0]))
    Summary(text='[3, -4]', minimum=-4.0, maximum=3.0, mean=-0.5, norm=5.0, nonfinite=0)
    >>> summarize(np.linspace(0, 1, 100)).text
    '0 to 1'
    """
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        return Summary(f"{array.dtype} values", None, None, None, None, 0)
    if not array.ndim:
        return _of_number(array.item())
    ordered = array.dtype.kind != "c"
    finite = array if array.dtype.kind in "biu" else array[np.isfinite(array)]
    low = _statistic(np.min, finite) if ordered else None
    high = _statistic(np.max, finite) if ordered else None
    nonfinite = array.size - finite.size
    if array.size <= SHOWN:
        text = _elements(array.tolist())
    else:
        text = _range(low, high)
        if nonfinite:
            text += f"{', ' if text else ''}{nonfinite:,} not finite"
    return Summary(
        text=text,
        minimum=low,
        maximum=high,
        mean=_statistic(np.mean, finite) if ordered else None,
        norm=_statistic(_norm, finite) if finite.size or not array.size else None,
        nonfinite=nonfinite,
    )


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f"all {number(low)}" if low == high else f"{number(low)} to {number(high)}"


def _of_number(value: Any) -> Summary:
    finite = math.isfinite(abs(value))
    real = float(value) if finite and not isinstance(value, complex) else None
    norm = float(abs(value)) if finite else None
    return Summary(number(value), real, real, real, norm, int(not finite))


def _norm(array: np.ndarray) -> Any:
    if not array.size:
        return 0.0
    largest = np.max(np.abs(array))
    scale = largest if largest > 0 else 1  # so that squares neither overflow nor vanish
    return np.linalg.norm((array / scale).ravel()) * scale


def _statistic(function: Callable[[Any], Any], array: np.ndarray) -> float | None:
    if not array.size and function is not _norm:
        return None
    wide = array if array.dtype.kind == "c" else array.astype(np.float64)
    with np.errstate(all="ignore"):
        result = float(function(wide))
    return result if math.isfinite(result) else None


def _elements(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_elements(item) for item in value)}]"
    return number(value)


def number(value: Any) -> str:
    """A number with four significant digits.

    >>> number(2.0), number(1 / 3), number(1e-9), number(1 - 2j), number(True), number(12345678)
    ('2', '0.3333', '1e-09', '1-2j', 'True', '12345678')
    """
    if isinstance(value, float | complex):
        return f"{value:.4g}"
    return str(value)


@functools.cache
def dtype_name(dtype: np.dtype) -> str:
    """The name of a dtype; NumPy makes it anew every time, slowly."""
    return str(dtype)
