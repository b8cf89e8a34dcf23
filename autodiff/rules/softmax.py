"""Softmax and its relatives: one primitive each, without overflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.domains import Call, Draw, cases
from autodiff.dtypes import FLOAT32, FLOAT64
from autodiff.errors import ShapeError
from autodiff.primitive import primitive
from autodiff.rules.numbers import ONE
from autodiff.shapes import restore_axes
from autodiff.sums import row_sums

__all__ = ["cross_entropy", "log_softmax", "logsumexp", "softmax"]

ndarray = np.ndarray

# No number beyond this needs a shift before `exp`: sums of exp(40) are far from overflow in
# float32, and exp(-40) is a normal number.
_MODERATE = 40.0
_FEW_COLUMNS = 32  # up to here, the largest of each row is found faster column by column


def _floats(x: Any) -> Any:
    x = np.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def _exponentials(x: Any, axis: int) -> Any:
    """exp(x), up to a positive factor for each row along `axis`; an array of its own."""
    if (
        x.size
        and (x.dtype is FLOAT32 or x.dtype is FLOAT64)
        and np.maximum.reduce(x, axis=None) <= _MODERATE
        and np.minimum.reduce(x, axis=None) >= -_MODERATE
    ):
        return np.exp(x)
    powers = x - _largest(x, axis)
    return np.exp(powers, out=powers)


def _largest(x: Any, axis: int) -> Any:
    """The largest (real part) of each row along `axis`, which keeps length 1."""
    if x.dtype.kind == "c":  # a complex shift would take the logarithm to another branch
        x = x.real
    if x.ndim == 2 and x.shape[1] <= _FEW_COLUMNS and axis in (1, -1) and x.shape[1]:
        return np.maximum.reduce(x.T.copy(), axis=0)[:, None]
    return np.maximum.reduce(x, axis=axis, keepdims=True)


def _total(x: Any, axis: int) -> Any:
    """The sum of each row along `axis`, which keeps length 1."""
    if axis == -1 or axis == x.ndim - 1:
        return row_sums(x)
    return np.add.reduce(x, axis=axis, keepdims=True)


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
    top = np.max(np.real(x), axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis)


def _softmax_rule(g: Any, y: Any, axis: int) -> Any:
    if not (y.__class__ is g.__class__ is ndarray):
        return y * (g - np.sum(g * y, axis=axis, keepdims=True))
    slope = g * y
    np.subtract(g, _total(slope, axis), out=slope)
    slope *= y
    return slope


@primitive(x=_softmax_rule, domain=cases(_rows))
def softmax(x: Any, axis: int = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along `axis`, without overflow.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    powers = _exponentials(_floats(x), axis)
    powers /= _total(powers, axis)
    return powers


def _log_softmax_rule(g: Any, y: Any, axis: int) -> Any:
    if not (y.__class__ is g.__class__ is ndarray):
        return g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)
    slope = np.exp(y)
    slope *= _total(g, axis)
    return np.subtract(g, slope, out=slope)


@primitive(x=_log_softmax_rule, domain=cases(_rows))
def log_softmax(x: Any, axis: int = -1) -> Any:
    """``x - logsumexp(x)`` along `axis`.

    >>> log_softmax(np.array([0.0, -1e4]))
    array([     0., -10000.])
    """
    x = _floats(x)
    shifted = x - _largest(x, axis)
    shifted -= np.log(_total(np.exp(shifted), axis))
    return shifted


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
    slope = _exponentials(_floats(logits), 1)
    slope /= _total(slope, 1)
    slope[np.arange(len(labels)), labels] -= ONE[slope.dtype]
    return slope


def _cross_entropy_rule(g: Any, logits: Any, labels: Any) -> Any:
    slope, share = cross_entropy_slope(logits, labels), g / len(labels)
    if not (slope.__class__ is ndarray and isinstance(g, np.generic)):
        return slope * share
    slope *= share
    return slope


@primitive(logits=_cross_entropy_rule, labels=None, domain=cases(_labelled))
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
    logits = _floats(logits)
    shifted = logits - _largest(logits, 1)
    picked = shifted[np.arange(len(labels)), labels]
    np.exp(shifted, out=shifted)
    losses = np.log(_total(shifted, 1)[:, 0])
    losses -= picked
    return np.add.reduce(losses) / losses.dtype.type(len(losses))
