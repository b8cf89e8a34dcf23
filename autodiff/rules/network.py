"""Functions that networks are made of and NumPy lacks; public as ``autodiff.functions``.

Each is one primitive, because that is faster than its composition and stable where the
composition is not. They take arrays and tensors alike, and return what they were given.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.domains import Call, Draw, cases, nonzero, real
from autodiff.errors import ShapeError
from autodiff.primitive import primitive
from autodiff.shapes import restore_axes

__all__ = [
    "cross_entropy",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
]


_NOUGHT = np.float64(0)
_WIDE = 1024  # from this number of elements on, another temporary pays


def _relu_rule(g: Any, y: Any) -> Any:
    if y.__class__ is np.float64:  # NumPy takes ten times as long for a number times a bool
        return g if y > 0 else _NOUGHT
    passed = y > _zero(y.dtype)
    # A product converts what it is given piece by piece, which takes longer than all at once.
    return g * (passed if passed.size <= _WIDE else passed.astype(y.dtype))


@primitive(x=_relu_rule, selects=True, domain=nonzero)
def relu(x: Any) -> Any:
    """``max(x, 0)``, with slope 0 at 0.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    if x.__class__ is np.float64:
        return _NOUGHT if x <= 0 else x
    x = np.asarray(x)
    if x.size <= _WIDE or not x.flags.c_contiguous:
        return np.maximum(x, _zero(x.dtype))
    # NumPy has vector instructions for the maximum of two rows, but not of a row and a number.
    width, axis = 1, x.ndim
    while width < _WIDE:
        axis -= 1
        width *= x.shape[axis]
    rows = x.reshape(-1, width)
    return np.maximum(rows, np.zeros(width, x.dtype)).reshape(x.shape)


@lru_cache(maxsize=16)
def _zero(dtype: np.dtype) -> np.ndarray:
    return np.zeros((), dtype)  # compares faster than a Python number, which is converted first


@primitive(x="g * (y * (1 - y))", domain=real, points=[0.0])
def sigmoid(x: Any) -> Any:
    """The logistic function ``1 / (1 + exp(-x))``, without overflow.

    >>> float(sigmoid(np.float64(-1000.0)))
    0.0
    """
    return np.tanh(np.multiply(x, 0.5)) * 0.5 + 0.5


@primitive(x=lambda g, x: g * sigmoid(x), domain=real, points=[0.0])
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, without overflow.

    >>> float(softplus(np.float64(1000.0)))
    1000.0
    """
    return np.logaddexp(x, np.zeros((), np.asarray(x).dtype))


def _softsign_rule(g: Any, x: Any) -> Any:
    divisor = 1 + np.abs(x)
    if not np.iscomplexobj(x):
        return g / divisor**2
    return g / divisor - np.real(g * x) * np.conjugate(np.sign(x)) / divisor**2


@primitive(x=_softsign_rule, domain=nonzero, kinks=[0.0])
def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``.

    >>> softsign(np.array([-1.0, 3.0]))
    array([-0.5 ,  0.75])
    """
    return x / (1 + np.abs(x))


def _rows(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    return (x,), {"axis": d.axis(x.ndim)}


def _rows_or_all(d: Draw) -> Call:
    (x,), options = _rows(d)
    return (x,), {"axis": d.choice((options["axis"], None)), "keepdims": d.flag()}


@primitive(
    x=lambda g, y, x, axis, keepdims: (
        restore_axes(g, axis, keepdims)
        * np.exp(x - restore_axes(np.where(y == -np.inf, 0, y), axis, keepdims))
    ),
    domain=cases(_rows_or_all),
)
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))`` over `axis`, without overflow.

    >>> float(logsumexp(np.array([1000.0, 1000.0])) - 1000)  # doctest: +ELLIPSIS
    0.69314718...
    """
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis)


def _softmax_rule(g: Any, y: Any, axis: int) -> Any:
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


@primitive(x=_softmax_rule, domain=cases(_rows))
def softmax(x: Any, axis: int = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along `axis`, without overflow.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    powers /= np.sum(powers, axis=axis, keepdims=True)
    return powers


@primitive(
    x=lambda g, y, axis: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True), domain=cases(_rows)
)
def log_softmax(x: Any, axis: int = -1) -> Any:
    """``x - logsumexp(x)`` along `axis`.

    >>> log_softmax(np.array([0.0, -1e4]))
    array([     0., -10000.])
    """
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _labelled(d: Draw) -> Call:
    rows, classes = d.integer(1, 4), d.integer(1, 4)
    logits = d.array((rows, classes))
    return (logits, np.array([d.integer(0, classes - 1) for _ in range(rows)])), {}


@primitive(
    logits=lambda g, logits: _softmax_rule(g, softmax(logits), -1),
    labels=None,
    domain=cases(_labelled),
)
def cross_entropy_slope(logits: Any, labels: Any) -> Any:
    """The softmax of each row of `logits`, less 1 at its label: shape (rows, classes)."""
    slope = np.exp(logits - np.maximum.reduce(logits, axis=1, keepdims=True))
    slope /= np.add.reduce(slope, axis=1, keepdims=True)
    slope[np.arange(len(labels)), labels] -= 1
    return slope


@primitive(
    logits=lambda g, logits, labels: cross_entropy_slope(logits, labels) * (g / len(labels)),
    labels=None,
    domain=cases(_labelled),
)
def cross_entropy(logits: Any, labels: Any) -> Any:
    """The mean over rows of ``logsumexp(logits) - logits[label]``.

    Arguments:
        logits: shape (rows, classes).
        labels: shape (rows,), whole numbers from 0 to classes - 1.

    >>> float(cross_entropy(np.zeros((2, 4)), np.array([0, 3])))  # doctest: +ELLIPSIS
    1.38629436...
    """
    labels = np.asarray(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ShapeError(
            f"cross_entropy: logits of shape (rows, classes) and labels of shape (rows,) are "
            f"needed, not {np.shape(logits)} and {labels.shape}"
        )
    # One pass: a negative label is a large number when read without its sign.
    if labels.size and np.maximum.reduce(labels.astype(np.uint64)) >= logits.shape[1]:
        wrong = int(np.argmax((labels < 0) | (labels >= logits.shape[1])))
        raise ShapeError(
            f"cross_entropy: label {labels[wrong]} in row {wrong} is not a class; logits of shape "
            f"{logits.shape} have classes 0 to {logits.shape[1] - 1}"
        )
    shifted = logits - np.maximum.reduce(logits, axis=1, keepdims=True)
    picked = shifted[np.arange(len(labels)), labels]
    losses = np.log(np.add.reduce(np.exp(shifted), axis=1)) - picked
    return np.add.reduce(losses) / losses.dtype.type(len(losses))
