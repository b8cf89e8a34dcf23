"""scipy.special: `logsumexp`, `softmax`, `log_softmax`.

These are Python functions that turn their arguments into arrays, so they cannot be intercepted;
they are public, for tensors, in `autodiff.scipy.special`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases, positive
from autodiff.declare.primitive import composite, plain
from autodiff.rules.network import softmax as rows
from autodiff.rules.scipy.tools import special


def _reduced(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    options = {"axis": d.choice((None, d.axis(x.ndim))), "keepdims": d.flag()}
    if d.flag():
        options["b"] = d.array(x.shape, positive)
    return (x,), options


@composite(special.logsumexp, domain=cases(_reduced))
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """``log(sum(b * exp(a)))`` over `axis`, without overflow; of the absolute value of the sum and
    with its sign, if `return_sign`."""
    if b is None and not return_sign:
        return rows.logsumexp(a, axis, keepdims)
    weights = 1.0 if b is None else b
    hidden = plain(weights) == 0
    top = np.max(np.where(hidden, -np.inf, np.real(plain(a))), axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    shifted = a - top
    if np.any(hidden) and not getattr(b, "requires_grad", False):
        shifted = np.where(hidden, 0, shifted)  # it may be too large, and does not matter
    total = np.sum(weights * np.exp(shifted), axis=axis, keepdims=True)
    sign = np.sign(plain(total))
    logarithm = np.log(np.abs(total) if return_sign else total) + top
    if not keepdims:
        logarithm, sign = np.squeeze(logarithm, axis), np.squeeze(sign, axis)
    return (logarithm, sign) if return_sign else logarithm


def _any_axis(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    return (x,), {"axis": d.choice((None, d.axis(x.ndim)))}


def _along(function: Any, x: Any, axis: Any) -> Any:
    """`function`, which works along one axis, along several or all of them."""
    if isinstance(axis, int):
        return function(x, axis)
    ndim = np.ndim(x)
    axes = (
        tuple(range(ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, ndim)
    )
    kept = [k for k in range(ndim) if k not in axes]
    order = (*kept, *axes)
    moved = np.transpose(x, order)
    flat = np.reshape(moved, (*(np.shape(x)[k] for k in kept), -1))
    result = np.reshape(function(flat, -1), np.shape(moved))
    return np.transpose(result, np.argsort(order))


@composite(special.softmax, domain=cases(_any_axis))
def softmax(x: Any, axis: Any = None) -> Any:
    """``exp(x) / sum(exp(x))`` over one axis, several, or all."""
    return _along(rows.softmax, x, axis)


@composite(special.log_softmax, domain=cases(_any_axis))
def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of `softmax`, without underflow."""
    return _along(rows.log_softmax, x, axis)
