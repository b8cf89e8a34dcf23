"""Reading and writing elements: ``x[index]``, ``x[index] = value``, `where`, diagonals."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases, nonzero
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.engine.graph import Placed
from autodiff.errors import DtypeError, GradientError
from autodiff.tensors.operands import KNOWN, converted
from autodiff.tensors.tensor import Tensor

# ---------------------------------------------------------------- x[index]


def _is_basic(index: Any) -> bool:
    """Whether the index selects every element at most once by slices alone."""
    for part in index if isinstance(index, tuple) else (index,):
        if part is None or part is Ellipsis or isinstance(part, slice | int):
            continue
        if isinstance(part, np.integer):
            continue
        return False
    return True


def _may_repeat(index: Any) -> bool:
    """Whether the index may select an element twice: it contains whole numbers in arrays."""
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, list | tuple | np.ndarray):
            array = np.asarray(part)
            if array.dtype.kind != "b" and array.size > 1:
                return True
    return False


def rows_added(v: Any, indices: Any, rows: int) -> Any:
    """So many rows of zeros, with the rows of `v` added at `indices`."""
    v, indices = np.asarray(v), np.asarray(indices, np.intp)
    shape = v.shape[indices.ndim :]
    width = math.prod(shape)
    table = np.zeros(rows * width, v.dtype)
    # NumPy is fast at this in one dimension only. Negative numbers count from the end there too.
    places = indices.reshape(-1, 1) * width + np.arange(width)
    np.add.at(table, places.reshape(-1), v.reshape(-1))
    return table.reshape(rows, *shape)


def _scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, with `x` added at `index`."""
    rows = np.asarray(index) if isinstance(index, list | np.ndarray) else None
    if rows is not None and rows.dtype.kind in "iu" and np.shape(x) == rows.shape + shape[1:]:
        return rows_added(x, rows, shape[0])
    result = np.zeros(shape, np.asarray(x).dtype)
    if _may_repeat(index):
        np.add.at(result, index, x)
    else:
        result[index] = x
    return result


def _index(d: Draw, shape: tuple[int, ...]) -> Any:
    """Some index for an array of this shape, without empty sides."""
    kind = d.choice(("slices", "number", "mask", "list", "mixed", "new", "arrays"))
    if kind == "number":
        return d.axis(shape[0])
    if kind == "mask":
        return d.array(shape) > 0
    if kind == "list":
        return [d.axis(shape[0]) for _ in range(d.integer(0, 4))]
    if kind == "mixed":
        return (
            (slice(None, None, -1), np.array([[0, -1], [0, 0]])) if len(shape) > 1 else (..., [0])
        )
    if kind == "new":
        return (None, ..., 0)
    if kind == "arrays":
        return tuple(np.array([0, -1, 0]) for _ in shape)
    return tuple(slice(d.integer(-2, 1), None, d.choice((1, 2, -1))) for _ in shape[:2])


def _indexed(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    return (x, _index(d, x.shape)), {}


def _getitem_rule(g: Any, index: Any, x_shape: tuple[int, ...]) -> Any:
    if isinstance(g, np.ndarray | np.generic) and _is_basic(index):
        return Placed(g, index)
    return scatter(g, index, x_shape)


_getitem = primitive(
    operator.getitem,
    name="getitem",
    signature="x, index",
    forward="x[index]",
    x=_getitem_rule,
    selects=True,
    view=lambda x, value, index: assign(x, index, value),
    domain=cases(_indexed),
)
as_part = _getitem  # of a tensor: `as_view(part, x, as_part, index)` is ``x[index]``


@composite(operator.getitem, domain=cases(_indexed))
def getitem(x: Any, index: Any) -> Any:
    """``x[index]``; an index may contain tensors of whole numbers or truth values."""
    if index.__class__ is int or index.__class__ is slice:
        return _getitem(x, index)
    return _getitem(x, _plain_index(index))


def _plain_index(index: Any) -> Any:
    """An index without tensors and lists; one of numbers and slices alone is returned as it is."""
    if _is_basic(index):
        return index
    index = plain(index)
    if isinstance(index, list) and index:
        return np.asarray(index)
    if index.__class__ is tuple:
        return tuple(map(_plain_part, index))
    return _plain_part(index)


def _plain_part(part: Any) -> Any:
    """A part of an index as an array, if it is of another class; so that its repeats are found."""
    is_ours = part.__class__ in KNOWN or isinstance(part, list | tuple | slice | np.generic)
    return part if is_ours or part is Ellipsis else converted(part, "indexing")


def _scattered(d: Draw) -> Call:
    (x, index), _ = _indexed(d)
    return (d.array(np.shape(x[index])), index, x.shape), {}


scatter = primitive(
    _scatter,
    name="scatter",
    signature="x, index, shape",
    x=lambda g, index: _getitem(g, index),
    domain=cases(_scattered),
)


# ---------------------------------------------------------------- x[index] = value


def _assign(x: Any, index: Any, value: Any) -> Any:
    result = np.array(x)
    result[index] = value
    return result if result.ndim else result[()]


def _assign_value_rule(g: Any, x_shape: tuple[int, ...], index: Any) -> Any:
    if _may_repeat(index):
        # Where an element is written twice, the last value stays, and only that one counts.
        # NumPy promises this order for assignments with index arrays.
        selected = np.zeros(x_shape, bool)[index]
        turn = np.arange(selected.size).reshape(selected.shape)
        last = np.full(x_shape, -1)
        last[index] = turn
        return np.where(last[index] == turn, _getitem(g, index), 0)
    return _getitem(g, index)


def _assigned(d: Draw) -> Call:
    (x, index), _ = _indexed(d)
    shape = np.shape(x[index])
    return (x, index, d.array(shape if d.flag() else ())), {}


assign = primitive(
    _assign,
    name="setitem",
    signature="x, index, value",
    x=lambda g, index: assign(g, index, 0),
    value=_assign_value_rule,
    selects=True,
    domain=cases(_assigned),
)


@composite(operator.setitem)
def setitem(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value``: `x` gets a new value, and so do the tensors that share its memory."""
    index = _plain_index(index)
    if isinstance(value, Tensor) and _is_that_view(value._from, x, index):
        return  # the second half of x[index] += ...; the first was a write to the view
    x._rebind(assign(x, index, value))


def _is_that_view(taken: Any, x: Tensor, index: Any) -> bool:
    return taken is not None and taken[0] is x and taken[1] is _getitem and taken[2] is index


# ---------------------------------------------------------------- choosing


def truth(where: Any) -> Any:
    """The argument ``where=``: truth values as a plain array, which have no derivative.

    Raises:
        DtypeError: they are numbers, which NumPy refuses there, too.
    """
    if where is True or where is np._NoValue:
        return True
    where = plain(where)
    if np.asarray(where).dtype.kind != "b":
        raise DtypeError(
            f"where= needs truth values, not numbers of {np.asarray(where).dtype}; compare them, "
            "as in where=x > 0"
        )
    return where


def _choice(d: Draw) -> Call:
    first, second = d.broadcastable(2)
    condition = d.array(np.broadcast_shapes(first, second), nonzero) > 0
    return (condition, d.array(first), d.array(second)), {}


_where = primitive(
    np.where,
    signature="condition, a, b",
    condition=None,
    a=lambda g, condition: _only(condition, g),
    b=lambda g, condition: _only(np.logical_not(condition), g),
    selects=True,
    domain=cases(_choice),
)


def _only(condition: Any, g: Any) -> Any:
    # Not g * condition: a NaN or infinity in the part not taken must not get through.
    return _where(condition, g, 0)


@composite(np.where, domain=cases(_choice))
def where(condition: Any, *choices: Any) -> Any:
    """Elements of one array or the other; with the condition alone, where it holds."""
    if not choices:
        return np.nonzero(plain(condition))
    return _where(condition, *choices)


# ---------------------------------------------------------------- diagonals and triangles


def _on_diagonal(x: Any, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Any:
    """Zeros of `shape` with `x` on the diagonal of two axes."""
    result = np.zeros(shape, x.dtype)
    view = np.moveaxis(result, (axis1, axis2), (-2, -1))
    steps = np.arange(x.shape[-1])
    view[..., steps + max(-offset, 0), steps + max(offset, 0)] = x
    return result


def _diagonal_case(d: Draw) -> Call:
    x = d.array(min_dims=2)
    axis1, axis2 = d.choice(((0, 1), (1, 0), (-1, 0)))
    return (x,), {"offset": d.integer(-1, 1), "axis1": axis1, "axis2": axis2}


diagonal = primitive(
    np.diagonal,
    signature="x, offset=0, axis1=0, axis2=1",
    x=lambda g, x_shape, offset, axis1, axis2: on_diagonal(g, x_shape, offset, axis1, axis2),
    view=True,
    selects=True,
    domain=cases(_diagonal_case),
)


def _on_diagonal_case(d: Draw) -> Call:
    (x,), options = _diagonal_case(d)
    return (d.array(np.diagonal(x, **options).shape), x.shape), options


on_diagonal = primitive(
    _on_diagonal,
    name="on_diagonal",
    x=lambda g, offset, axis1, axis2: diagonal(g, offset, axis1, axis2),
    domain=cases(_on_diagonal_case),
)


@composite(np.trace, domain=cases(_diagonal_case))
def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    """The sum of the diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composite(
    np.diag,
    domain=cases(
        lambda d: ((d.array(min_dims=1, max_dims=2, min_side=1),), {"k": d.integer(-1, 1)})
    ),
)
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    if v.ndim == 2:
        return np.diagonal(v, k)
    side = v.shape[0] + abs(k)
    return on_diagonal(v, (side, side), k, 0, 1)


@composite(np.diagflat, domain=cases(lambda d: ((d.array(),), {"k": d.integer(-1, 1)})))
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with the elements of `v` on a diagonal."""
    return np.diag(np.ravel(v), k)


_matrices = cases(lambda d: ((d.array(min_dims=2),), {"k": d.integer(-1, 1)}))


@composite(np.tril, domain=_matrices)
def tril(m: Any, k: int = 0) -> Any:
    """The lower triangle; the rest is zero."""
    return np.where(np.tri(*m.shape[-2:], k=k, dtype=bool), m, m.dtype.type(0))


@composite(np.triu, domain=_matrices)
def triu(m: Any, k: int = 0) -> Any:
    """The upper triangle; the rest is zero."""
    return np.where(np.tri(*m.shape[-2:], k=k - 1, dtype=bool), m.dtype.type(0), m)


def refuse_assignment(target: Any, function: str) -> None:
    """Raise unless `target` can take a result that carries a gradient."""
    if not isinstance(target, Tensor):
        raise GradientError(
            f"{function}: the result carries a gradient, which a plain {type(target).__name__} "
            "cannot hold; make the target with np.zeros_like(t) or ad.numpy.zeros(n)"
        )
