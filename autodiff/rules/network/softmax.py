"""Softmax and its relatives: one primitive each, without overflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import plain, primitive
from autodiff.engine.dtypes import FLOAT32, FLOAT64
from autodiff.engine.shapes import restore_axes
from autodiff.engine.sums import row_sums
from autodiff.errors import ShapeError
from autodiff.rules.shared.cotangents import over
from autodiff.rules.shared.numbers import ONE, ZERO
from autodiff.tensors.operands import check_numbers

__all__ = ["cross_entropy", "log_softmax", "logsumexp", "softmax"]

ndarray = np.ndarray

# No number beyond this needs a shift before `exp`: sums of exp(40) are far from overflow in
# float32, and exp(-40) is a normal number.
_MODERATE = 40.0
_CERTAIN = 0.99  # a probability from here on hides those of the others
_FEW_COLUMNS = 32  # up to here, the largest of each row is found faster column by column


def _floats(x: Any) -> Any:
    x = np.asarray(x)
    if x.dtype.kind in "fc":
        return x
    check_numbers(x.dtype, "softmax")
    return x.astype(np.float64)


def _exponentials(x: Any, axis: int) -> Any:
    """exp(x), up to a positive factor for each row along `axis`; an array of its own."""
    if (
        x.size
        and (x.dtype is FLOAT32 or x.dtype is FLOAT64)
        and np.maximum.reduce(x, axis=None) <= _MODERATE
        and np.minimum.reduce(x, axis=None) >= -_MODERATE
    ):
        return np.exp(x)
    powers = np.asarray(x - _largest(x, axis))
    return np.exp(powers, out=powers)


def _largest(x: Any, axis: int) -> Any:
    """The largest of each row along `axis`, which keeps length 1."""
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


def _logsumexp_rule(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The softmax: what the elements add to the sum. ``exp(x - y)`` has the rounding error of `y`.

    Nothing but -inf is flat, and infinite elements share.
    """
    top = np.max(np.real(plain(x)), axis=axis, keepdims=True)
    if np.any(np.isinf(top)):
        x = np.where(top == np.inf, np.where(plain(x) == top, 0, -np.inf), x)
        top = np.where(np.isinf(top), 0, top)
    powers = np.exp(x - top)
    return restore_axes(g, axis, keepdims) * over(powers, np.sum(powers, axis, keepdims=True))


@primitive(x=_logsumexp_rule, domain=cases(_rows_or_all))
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))`` over `axis`, without overflow.

    >>> float(logsumexp(np.array([1000.0, 1000.0])) - 1000)  # doctest: +ELLIPSIS
    0.69314718...
    """
    # A complex shift would take the logarithm to another branch.
    top = np.max(np.real(x), axis=axis, keepdims=True)
    if np.iscomplexobj(x):
        top = np.where(np.isfinite(top), top, 0)
        total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
        return total if keepdims else np.squeeze(total, axis)
    largest = x == top
    count = np.maximum(np.sum(largest, axis, keepdims=True, dtype=top.dtype), 1)  # 0 beside a NaN
    with np.errstate(invalid="ignore"):  # inf - inf, which is not looked at
        powers = np.where(largest, 0, np.exp(x - top))
    rest = np.sum(powers, axis=axis, keepdims=True)  # alone, so that it is not lost beside 1
    total = np.where(np.isfinite(top), np.log(count) + np.log1p(rest / count), 0) + top
    return total if keepdims else np.squeeze(total, axis)


def _softmax_rule(g: Any, y: Any, axis: int) -> Any:
    if not (y.__class__ is g.__class__ is ndarray):
        return _balanced(y * (g - np.sum(g * y, axis=axis, keepdims=True)), y, axis)
    slope = g * y
    np.subtract(g, _total(slope, axis), out=slope)
    slope *= y
    return _balanced(slope, y, axis)


def _balanced(slope: Any, y: Any, axis: int) -> Any:
    """`slope` with rows that add up to 0, also beside a probability `y` that is nearly 1.

    The slope of that one is the difference of numbers that are nearly equal. It is minus the sum of
    the others, up to a part `y` of its own error.
    """
    if np.max(plain(y), initial=0) <= _CERTAIN:
        return slope
    return slope - y * np.sum(slope, axis=axis, keepdims=True)


@primitive(x=_softmax_rule, domain=cases(_rows))
def softmax(x: Any, axis: int = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along `axis`, without overflow.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    x = _floats(x)
    if not x.size:
        return x.copy()
    powers = _exponentials(x, axis)
    powers /= _total(powers, axis)
    return powers


def _log_softmax_rule(g: Any, y: Any, axis: int) -> Any:
    shares = np.exp(y)
    if not (y.__class__ is g.__class__ is ndarray):
        return _balanced(g - shares * np.sum(g, axis=axis, keepdims=True), shares, axis)
    return _balanced(g - shares * _total(g, axis), shares, axis)


@primitive(x=_log_softmax_rule, domain=cases(_rows))
def log_softmax(x: Any, axis: int = -1) -> Any:
    """``x - logsumexp(x)`` along `axis`.

    >>> log_softmax(np.array([0.0, -1e4]))
    array([     0., -10000.])
    """
    x = _floats(x)
    if not x.size:
        return x.copy()
    shifted = np.asarray(x - _largest(x, axis))
    if shifted.dtype.kind == "c":
        return shifted - np.log(_total(np.exp(shifted), axis))
    shifted -= np.log1p(_beside_one(np.exp(shifted), axis))
    return shifted


def _beside_one(powers: Any, axis: int) -> Any:
    """The sum of each row less 1, which is the largest in it; that would hide small ones."""
    largest = (powers == 1).astype(powers.dtype)
    powers -= largest
    return _total(powers, axis) + (_total(largest, axis) - 1)


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
    at = np.arange(len(labels)), labels
    if slope.size and np.maximum.reduce(slope.real, axis=None) > _CERTAIN:
        # Minus the others, which is the element less 1 with all its digits.
        slope[at] = ZERO[slope.dtype]
        slope[at] = -_total(slope, 1)[:, 0]
    else:
        slope[at] -= ONE[slope.dtype]
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
    at = np.arange(len(labels)), labels
    picked = shifted[at]
    np.exp(shifted, out=shifted)
    losses = np.log(_total(shifted, 1)[:, 0])
    losses -= picked
    if losses.size and np.minimum.reduce(losses.real) < 1 - _CERTAIN:
        # The others' part of the sum has been lost beside the label's, which is nearly all of it.
        shifted[at] = ZERO[shifted.dtype]
        losses = np.log1p(np.expm1(picked) + _total(shifted, 1)[:, 0]) - picked
    return np.add.reduce(losses) / losses.dtype.type(len(losses))
