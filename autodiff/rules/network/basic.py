"""Functions that networks are made of and NumPy lacks; public as ``autodiff.functions``.

Each is one primitive, because that is faster than its composition and stable where the
composition is not. They take arrays and tensors alike, and return what they were given.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.declare.domains import nonzero, real
from autodiff.declare.primitive import primitive
from autodiff.engine.dtypes import FLOAT32, FLOAT64
from autodiff.rules.shared.numbers import ONE, SATURATED, ZERO

__all__ = ["relu", "sigmoid", "softplus", "softsign"]


# Looked up here, they save a small array a tenth of the time.
ndarray, float64 = np.ndarray, np.float64
exp, maximum, multiply = np.exp, np.maximum, np.multiply
sign, subtract = np.sign, np.subtract

_NOUGHT = float64(0)
_FULL = float64(SATURATED[FLOAT64])
_FEW = 1024  # elements; up to here the calls take longer than the loops inside
_LONG = 4096  # from here on a row of zeros pays, to be the maximum of each row with
_KEPT = 1 << 17  # the longest row of zeros that is kept


def _relu_rule(g: Any, y: Any) -> Any:
    if y.__class__ is float64:
        return g if y else _NOUGHT
    if not (y.__class__ is g.__class__ is ndarray):
        return g * (y != 0)
    dtype = y.dtype
    if y.size <= _FEW and (dtype is FLOAT32 or dtype is FLOAT64):
        slope = sign(y)
    else:  # a product with bools would convert them piece by piece
        slope = (y != ZERO[dtype]).astype(dtype)
    return multiply(slope, g, slope)


@primitive(x=_relu_rule, elementwise=True, domain=nonzero)
def relu(x: Any) -> Any:
    """``max(x, 0)``, with slope 0 at 0. A NaN stays one, and has slope 1 or NaN.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    if x.__class__ is not ndarray:
        if x.__class__ is float64:
            return _NOUGHT if x <= _NOUGHT else x
        x = np.asarray(x)
    if x.size < _LONG or not x.flags.c_contiguous:
        return maximum(x, ZERO[x.dtype])
    # NumPy has vector instructions for the maximum of two rows, but not of a row and a number.
    width, axis = 1, x.ndim
    while width < _FEW:
        axis -= 1
        width *= x.shape[axis]
    zeros = _zeros(width, x.dtype) if width <= _KEPT else np.zeros(width, x.dtype)
    return np.maximum(x.reshape(-1, width), zeros).reshape(x.shape)


_zeros = lru_cache(maxsize=4)(np.zeros)


def _sigmoid_rule(g: Any, y: Any) -> Any:
    if not (y.__class__ is g.__class__ is ndarray):
        return g * (y * (1 - y))
    slope = subtract(ONE[y.dtype], y)
    multiply(slope, y, slope)
    return multiply(slope, g, slope)


@primitive(x=_sigmoid_rule, elementwise=True, domain=real, points=[0.0])
def sigmoid(x: Any) -> Any:
    """The logistic function ``1 / (1 + exp(-x))``, without overflow.

    >>> float(sigmoid(np.float64(-1000.0)))
    0.0
    """
    # exp(x) / (1 + exp(x)) has all digits of small values; those of (1 + tanh(x / 2)) / 2 are lost.
    if x.__class__ is float64:
        y = exp(_FULL if x > _FULL else x)
        return y / (1.0 + y)
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return np.tanh(x * 0.5) * 0.5 + 0.5 if x.dtype.kind == "c" else sigmoid(x * 1.0)
    most = SATURATED[x.dtype]
    if x.size > _FEW and maximum.reduce(x, axis=None) < most:
        y = exp(x)  # NumPy is slow at the minimum of an array and a number
    else:
        y = exp(np.minimum(x, most))
    return y / (y + ONE[x.dtype])


@primitive(x=lambda g, x: g * sigmoid(x), elementwise=True, domain=real, points=[0.0])
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, without overflow.

    >>> float(softplus(np.float64(1000.0)))
    1000.0
    """
    if np.size(x) <= _FEW // 8:
        return np.logaddexp(x, np.zeros((), np.asarray(x).dtype))
    x = np.asarray(x)
    y = np.abs(x)  # NumPy takes twenty times as long for logaddexp as for its parts
    np.negative(y, out=y)
    return np.maximum(x, ZERO[x.dtype]) + np.log1p(exp(y))


def _softsign_rule(g: Any, x: Any) -> Any:
    divisor = 1 + np.abs(x)
    if not np.iscomplexobj(x):
        return g / divisor / divisor  # the square may overflow
    return g / divisor - np.real(g * x) * np.conjugate(np.sign(x)) / divisor**2


@primitive(x=_softsign_rule, elementwise=True, domain=nonzero, kinks=[0.0])
def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``.

    >>> softsign(np.array([-1.0, 3.0]))
    array([-0.5 ,  0.75])
    """
    return x / (1 + np.abs(x))
