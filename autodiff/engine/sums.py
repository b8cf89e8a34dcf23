"""Sums of the rows and columns of a matrix, as products with ones.

BLAS reads a matrix as fast as memory allows; NumPy's sums take two to seven times as long, for
each of many short rows most of all.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.engine.dtypes import FLOAT32, FLOAT64

__all__ = ["channel_sums", "leading_sums", "row_sums"]

_KEPT = 1 << 16  # the longest array of ones that is kept


def row_sums(x: np.ndarray) -> np.ndarray:
    """The sums over the last axis, which keeps length 1.

    >>> row_sums(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[3.],
           [7.]])
    """
    if not x.shape or not _suits_blas(x):
        return np.add.reduce(x, axis=-1, keepdims=True)
    *outer, width = x.shape
    return x.reshape(math.prod(outer), width).dot(_ones(width, x.dtype)).reshape(*outer, 1)


def leading_sums(x: Any, axes: int) -> Any:
    """The sums over the first so many axes; `x` may be a Tensor.

    >>> leading_sums(np.array([[1.0, 2.0], [3.0, 4.0]]), 1)
    array([4., 6.])
    """
    shape = x.shape
    if x.__class__ is not np.ndarray or axes == len(shape) or not axes or not _suits_blas(x):
        return np.add.reduce(x, axis=tuple(range(axes)))
    count, kept = math.prod(shape[:axes]), shape[axes:]
    sums = _ones(count, x.dtype).dot(x.reshape(count, math.prod(kept)))
    return sums if len(kept) == 1 else sums.reshape(kept)


def channel_sums(x: Any) -> Any:
    """The sums over all axes but the second, of three or more; `x` may be a Tensor.

    >>> channel_sums(np.ones((4, 2, 5)))
    array([20., 20.])
    """
    if x.__class__ is not np.ndarray:
        return np.sum(x, axis=(0, *range(2, x.ndim)))
    images, channels, *size = x.shape
    sums = row_sums(x.reshape(images, channels, math.prod(size)))
    return np.add.reduce(sums[:, :, 0], axis=0)


def _suits_blas(x: np.ndarray) -> bool:
    return (x.dtype is FLOAT32 or x.dtype is FLOAT64) and x.flags.c_contiguous


def _ones(count: int, dtype: np.dtype) -> np.ndarray:
    return _kept_ones(count, dtype) if count <= _KEPT else np.ones(count, dtype)


_kept_ones = lru_cache(maxsize=16)(np.ones)
