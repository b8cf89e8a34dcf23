"""Making a cotangent fit: the one place where broadcasting and promotion are undone.

Everything here is written with NumPy functions that dispatch on their arguments, so the
same lines serve a backward pass on arrays and one that is recorded on Tensors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.engine.sums import leading_sums

_FEW = 4096  # elements; of more than these, a view that repeats one number saves memory

__all__ = ["fit", "normalize_axes", "restore_axes"]


def fit(cotangent: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """`cotangent` with the shape and dtype of the value that it belongs to.

    Axes along which the value was broadcast are summed; axes along which the cotangent is
    constant (it has length 1 there and the value has not) are spread out, so a rule may
    return the compact form. A complex cotangent of a real value keeps its real part.

    >>> fit(np.ones((4, 3)), (3,), np.dtype("f4"))
    array([4., 4., 4.], dtype=float32)
    >>> fit(np.ones((1, 2)), (2, 1), np.dtype("f8"))
    array([[2.],
           [2.]])
    """
    if cotangent.__class__ is dtype.type and shape and math.prod(shape) <= _FEW:
        spread = np.empty(shape, dtype)  # takes a tenth of the time of `broadcast_to`
        spread.fill(cotangent)
        return spread
    if not hasattr(cotangent, "dtype"):
        cotangent = np.asarray(cotangent, dtype)[()]
    if cotangent.shape != shape:
        cotangent = _fit_shape(cotangent, shape)
    if cotangent.dtype != dtype:
        if cotangent.dtype.kind == "c" and dtype.kind != "c":
            cotangent = np.real(cotangent)
        if cotangent.dtype != dtype:
            cotangent = cotangent.astype(dtype)
    return cotangent


def _fit_shape(cotangent: Any, shape: tuple[int, ...]) -> Any:
    extra = len(cotangent.shape) - len(shape)
    if extra > 0 and cotangent.shape == (1,) * extra + shape:
        return cotangent.reshape(shape)[()]  # a batch of one: nothing to sum
    if extra > 0:
        cotangent = leading_sums(cotangent, extra)
    elif extra < 0:
        cotangent = np.reshape(cotangent, (1,) * -extra + cotangent.shape)
    spread = tuple(
        axis
        for axis, (have, want) in enumerate(zip(cotangent.shape, shape, strict=True))
        if want == 1 and have != 1
    )
    if spread:
        cotangent = np.add.reduce(cotangent, axis=spread, keepdims=True)
    if cotangent.shape != shape:
        cotangent = np.broadcast_to(cotangent, shape)
    return cotangent


def normalize_axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of non-negative axes; ``None`` means all of them.

    >>> normalize_axes(-1, 3)
    (2,)
    >>> normalize_axes(None, 2)
    (0, 1)
    """
    if axis is None:
        return tuple(range(ndim))
    return np.lib.array_utils.normalize_axis_tuple(axis, ndim)


def restore_axes(reduced: Any, axis: int | tuple[int, ...] | None, keepdims: bool) -> Any:
    """A reduction's result with the reduced axes back at length 1, ready to broadcast.

    With ``axis=None`` the result is 0-d and broadcasts as it is.
    """
    if keepdims or axis is None:
        return reduced
    return np.expand_dims(reduced, axis)
