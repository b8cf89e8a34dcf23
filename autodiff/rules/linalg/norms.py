"""numpy.linalg: norms and condition numbers.

The derivative of a norm at 0 is 0, the smallest of the subgradients. Where several elements (rows,
singular values) attain an extremum, they share the derivative equally.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.codegen_support import constant_argument
from autodiff.declare.declaration import Bend
from autodiff.declare.domains import Call, Draw, cases, nonzero
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.engine.shapes import normalize_axes, restore_axes
from autodiff.rules.linalg.matrices import separated
from autodiff.rules.shared.cotangents import conj, over

Axes = int | tuple[int, ...] | None

# ---------------------------------------------------------------- of vectors


def _euclidean(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    if axis is None and not keepdims:
        return np.linalg.norm(x)
    squares = x.real * x.real + x.imag * x.imag if np.iscomplexobj(x) else x * x
    return np.sqrt(np.sum(squares, axis=axis, keepdims=keepdims))


def _sampled(d: Draw) -> Call:
    x = d.array(domain=nonzero, min_side=1)
    return (x,), {"axis": d.axes(x.ndim) or None, "keepdims": d.flag()}


def _square_slope(q: Any, dx: Any, axis: Axes, keepdims: bool) -> Any:
    return restore_axes(q, axis, keepdims) * conj(dx)


euclidean_norm = primitive(
    _euclidean,
    name="euclidean_norm",
    x=lambda g, y, x, axis, keepdims: (
        restore_axes(g, axis, keepdims) * over(conj(x), restore_axes(y, axis, keepdims))
    ),
    bend=Bend(at=lambda y: y == 0, x=_square_slope),
    domain=cases(_sampled),
    kinks=[0.0],
)


def _power_norm(x: Any, order: float, axis: Axes = None, keepdims: bool = False) -> Any:
    with np.errstate(divide="ignore"):  # a negative order makes 1/0 of a zero, and 0 of the norm
        total: Any = np.sum(np.abs(x) ** order, axis=axis, keepdims=keepdims)
        return total ** (1 / order)


def _power_norm_rule(g: Any, y: Any, x: Any, order: float, axis: Axes, keepdims: bool) -> Any:
    ratio = over(np.abs(x), restore_axes(y, axis, keepdims))
    zero = plain(ratio) == 0
    slopes = np.where(zero, 0, np.where(zero, 1, ratio) ** (order - 1))
    return restore_axes(g, axis, keepdims) * slopes * conj(np.sign(x))


def _power_sampled(d: Draw) -> Call:
    (x,), options = _sampled(d)
    return (x, d.choice((3, 2.5, 1.5, -1, 0.5))), options


power_norm = primitive(
    _power_norm,
    name="power_norm",
    x=_power_norm_rule,
    bend=Bend(at=lambda y: y == 0, smooth=False, x=_square_slope),
    domain=cases(_power_sampled),
    kinks=[0.0],
)


def _float(x: Any) -> Any:
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def _vector(x: Any, order: Any, axis: Axes, keepdims: bool) -> Any:
    if order is None or order == 2:
        return euclidean_norm(x, axis, keepdims)
    if order == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if order == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if order == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if order == 0:
        return np.sum(np.sign(np.abs(x)), axis=axis, keepdims=keepdims)
    if isinstance(order, str):
        raise ValueError(f"norm: order {order!r} is for matrices; a vector's order is a number")
    return power_norm(x, order, axis, keepdims)


# ---------------------------------------------------------------- of matrices


def _matrix(x: Any, order: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    rows, columns = axis
    if order is None or order in ("fro", "f"):
        return euclidean_norm(x, axis, keepdims)
    if order in (1, -1, np.inf, -np.inf):
        summed, compared = (rows, columns) if order in (1, -1) else (columns, rows)
        sums = np.sum(np.abs(x), axis=summed, keepdims=True)
        result = (np.max if order > 0 else np.min)(sums, axis=compared, keepdims=True)
    elif order in ("nuc", 2, -2):
        # abs, because singular values are: so the slope at 0 is 0.
        values = np.abs(np.linalg.svdvals(np.moveaxis(x, axis, (-2, -1))))
        combine = {"nuc": np.sum, 2: np.max, -2: np.min}[order]
        result = np.expand_dims(combine(values, axis=-1), sorted(axis))
    else:
        raise ValueError(
            f"norm: {order!r} is not an order of a matrix norm; they are 'fro', 'nuc', "
            "1, -1, 2, -2, inf, -inf"
        )
    return result if keepdims else np.squeeze(result, axis)


def _unequal(d: Draw, shape: tuple[int, ...]) -> np.ndarray:
    """An array in which no two sums are equal."""
    return d.distinct(shape) + 0.03 * d.array(shape)


def _norm_case(d: Draw) -> Call:
    if d.flag():
        x = d.distinct((3,)) if d.flag() else d.distinct((2, 3))
        order = d.choice((None, 2, 1, np.inf, -np.inf, 0, 3, 1.5, -2))
        return (x,), {"ord": order, "axis": -1, "keepdims": d.flag()}
    axis = d.choice(((0, 1), (-1, -2), (2, 0), (1, 2)))
    order = d.choice((None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf))
    return (_unequal(d, (2, 3, 2)),), {"ord": order, "axis": axis, "keepdims": d.flag()}


@composite(np.linalg.norm, domain=cases(_norm_case))
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """A vector norm along one axis, or a matrix norm along two."""
    ord, axis = constant_argument("norm", "ord", ord), constant_argument("norm", "axis", axis)
    x = _float(x)
    if axis is None:
        if ord is None or (x.ndim == 2 and ord in ("fro", "f")) or (x.ndim == 1 and ord == 2):
            return euclidean_norm(x, None, keepdims)
        axis = tuple(range(x.ndim))
    axis = normalize_axes(axis, x.ndim)
    if len(axis) == 1:
        return _vector(x, ord, axis[0], keepdims)
    if len(axis) == 2:
        return _matrix(x, ord, (axis[0], axis[1]), keepdims)
    raise ValueError(f"norm: one or two axes have a norm of order {ord!r}, not {axis}")


def _matrix_case(d: Draw) -> Call:
    order = d.choice(("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf))
    return (_unequal(d, d.choice(((2, 3), (2, 3, 2)))),), {"ord": order, "keepdims": d.flag()}


@composite(np.linalg.matrix_norm, domain=cases(_matrix_case))
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of the matrices in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


def _vector_case(d: Draw) -> Call:
    x = d.distinct((2, 3, 2))
    order = d.choice((2, 1, np.inf, -np.inf, 0, 3, 1.5))
    return (x,), {"ord": order, "axis": d.choice((None, 0, (0, 2))), "keepdims": d.flag()}


@composite(np.linalg.vector_norm, domain=cases(_vector_case))
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of all elements along some axes, taken as one vector."""
    x, ord = _float(x), constant_argument("vector_norm", "ord", ord)
    return _vector(x, ord, normalize_axes(axis, x.ndim), keepdims)


# ---------------------------------------------------------------- condition numbers


def _condition_case(d: Draw) -> Call:
    return (separated(d, d.integer(2, 3)),), {
        "p": d.choice((None, 2, -2, 1, -1, "fro", "nuc", np.inf, -np.inf))
    }


@composite(np.linalg.cond, domain=cases(_condition_case))
def cond(x: Any, p: Any = None) -> Any:
    """The condition number, ``norm(x, p) * norm(inv(x), p)``."""
    p = constant_argument("cond", "p", p)
    value = np.linalg.cond(plain(x), p)
    if np.any(np.isinf(value)):
        raise np.linalg.LinAlgError(
            "cond: a matrix is singular; its condition number is infinite and has no derivative"
        )
    if p is None or p in (2, -2):
        s = np.linalg.svdvals(_float(x))
        return s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
    result = matrix_norm(x, ord=p) * matrix_norm(np.linalg.inv(x), ord=p)
    return result.astype(value.dtype)  # complex with a complex x, before NumPy 2.3
