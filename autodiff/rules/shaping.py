"""Shapes, order, repetition, copies: functions that only move elements of one array."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.engine.shapes import normalize_axes
from autodiff.tensors.conversions import asked_by_solver
from autodiff.tensors.tensor import as_tensor, as_value, make

# ---------------------------------------------------------------- another shape


def _reshaped(d: Draw) -> Call:
    x = d.array()
    sides = list(x.shape)
    shapes = [(-1,), (x.size,), (1, *sides), (*sides, 1), tuple(reversed(sides))]
    return (x, d.choice(shapes[1:] if x.size == 0 else shapes)), {"order": d.choice("CF")}


_reshape = primitive(
    np.reshape,
    signature="x, shape, order='C', *, copy=None",
    forward="np.asarray(x).reshape(shape, order=order) if copy is None"
    " else np.reshape(x, shape, order, copy=copy)",  # NumPy 2.1
    x=lambda g, x_shape, order: np.reshape(g, x_shape, order),
    view=True,
    domain=cases(_reshaped),
)
_ravel = primitive(
    np.ravel,
    signature="x, order='C'",
    forward="np.asarray(x).ravel(order)",
    x=lambda g, x_shape, order: np.reshape(g, x_shape, order),
    view=True,
    domain=cases(lambda d: ((d.array(),), {"order": d.choice("CF")})),
)


def _in_memory(x: Any) -> str:
    """What order "A" means for a value: Fortran's, if it lies in memory like that."""
    flags = np.asarray(plain(x)).flags
    return "F" if flags.f_contiguous and not flags.c_contiguous else "C"


@composite(np.reshape, domain=cases(_reshaped))
def reshape(a: Any, /, shape: Any, order: Any = "C", *, copy: bool | None = None) -> Any:
    """The same elements in another shape."""
    if order == "A":
        order = _in_memory(a)
    return _reshape(a, shape, order, copy=copy)


@composite(np.ravel, domain=cases(lambda d: ((d.array(),), {"order": d.choice("CF")})))
def ravel(a: Any, order: Any = "C") -> Any:
    """The elements in one dimension."""
    if order == "C" or order == "F":
        return _ravel(a, order)
    if order == "A":
        order = _in_memory(a)
    elif order == "K":  # as they lie in memory: axes with large steps first
        strides = np.asarray(plain(a)).strides
        a = np.transpose(a, sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))
        order = "C"
    return _ravel(a, order)


def _inverse(axes: Sequence[int] | int) -> tuple[int, ...]:
    axes = tuple(axes) if np.iterable(axes) else (axes,)
    return tuple(np.argsort([axis % len(axes) for axis in axes]).tolist())


def _transposed(d: Draw) -> Call:
    x = d.array()
    order = list(range(x.ndim))
    if x.ndim > 1 and d.flag():
        order.append(order.pop(d.integer(0, x.ndim - 1)))
        return (x, tuple(order)), {}
    return (x,), {}


transpose = primitive(
    np.transpose,
    signature="x, axes=None",
    forward="np.asarray(x).transpose(axes)",
    x=lambda g, axes: np.transpose(g, None if axes is None else _inverse(axes)),
    view=True,
    domain=cases(_transposed),
)
swapaxes = primitive(
    np.swapaxes,
    signature="x, axis1, axis2",
    x=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2),
    view=True,
    domain=cases(lambda d: (((x := d.array(min_dims=1)), d.axis(x.ndim), d.axis(x.ndim)), {})),
)
moveaxis = primitive(
    np.moveaxis,
    signature="x, source, destination",
    x=lambda g, source, destination: np.moveaxis(g, destination, source),
    view=True,
    domain=cases(lambda d: (((x := d.array(min_dims=1)), d.axis(x.ndim), d.axis(x.ndim)), {})),
)


@composite(np.rollaxis, domain=cases(lambda d: (((x := d.array(min_dims=1)), d.axis(x.ndim)), {})))
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """An axis rolled backwards to `start`."""
    (axis,), ndim = normalize_axes(axis, a.ndim), a.ndim
    start = start + ndim if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


expand_dims = primitive(
    np.expand_dims,
    signature="x, axis",
    x=lambda g, x_shape: np.reshape(g, x_shape),
    view=True,
    domain=cases(lambda d: (((x := d.array()), d.axis(x.ndim + 1)), {})),
)
squeeze = primitive(
    np.squeeze,
    signature="x, axis=None",
    x=lambda g, x_shape: np.reshape(g, x_shape),
    view=True,
    domain=cases(lambda d: ((d.array((*d.shape(max_dims=2), 1)),), {"axis": d.choice((None, -1))})),
)


@composite(np.matrix_transpose, domain=cases(lambda d: ((d.array(min_dims=2),), {})))
def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def _each(function: Any, arrays: Any) -> Any:
    return function(arrays[0]) if len(arrays) == 1 else tuple(function(a) for a in arrays)


def _any_array(d: Draw) -> Call:
    return (d.array(),), {}


@composite(np.atleast_1d, domain=cases(_any_array))
def atleast_1d(*arrays: Any) -> Any:
    """At least one dimension."""
    if len(arrays) == 1 and asked_by_solver(arrays[0], sys._getframe(2)):
        return np.atleast_1d(plain(arrays[0]))
    return _each(lambda a: a if np.ndim(a) else np.reshape(a, 1), arrays)


@composite(np.atleast_2d, domain=cases(_any_array))
def atleast_2d(*arrays: Any) -> Any:
    """At least two dimensions; new ones come first."""
    return _each(lambda a: a if np.ndim(a) > 1 else np.reshape(a, (1, -1)), arrays)


@composite(np.atleast_3d, domain=cases(_any_array))
def atleast_3d(*arrays: Any) -> Any:
    """At least three dimensions, placed as NumPy does."""

    def deepen(a: Any) -> Any:
        shape = np.shape(a)
        if len(shape) >= 3:
            return a
        return np.reshape(a, (*shape, 1) if len(shape) == 2 else (1, -1, 1))

    return _each(deepen, arrays)


def _spread(d: Draw) -> Call:
    shape, other = d.broadcastable(2)
    return (d.array(shape), np.broadcast_shapes(shape, other)), {}


broadcast_to = primitive(
    np.broadcast_to,
    signature="x, shape, subok=False",
    x=lambda g: g,  # the walk sums what was spread out
    view=True,
    domain=cases(_spread),
)


def _broadcastable(d: Draw) -> Call:
    return tuple(d.array(shape) for shape in d.broadcastable(d.integer(1, 3))), {}


@composite(np.broadcast_arrays, domain=cases(_broadcastable))
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """All arrays in their common shape."""
    shape = np.broadcast_shapes(*(np.shape(a) for a in args))
    return tuple(a if np.shape(a) == shape else np.broadcast_to(a, shape) for a in args)


# ---------------------------------------------------------------- another order


def _flipped(d: Draw) -> Call:
    x = d.array()
    return (x,), {"axis": d.axes(x.ndim)}


flip = primitive(
    np.flip,
    signature="x, axis=None",
    x=lambda g, axis: np.flip(g, axis),
    view=True,
    domain=cases(_flipped),
)


@composite(np.fliplr, domain=cases(lambda d: ((d.array(min_dims=2),), {})))
def fliplr(m: Any) -> Any:
    """The second axis reversed."""
    return np.flip(m, 1)


@composite(np.flipud, domain=cases(lambda d: ((d.array(min_dims=1),), {})))
def flipud(m: Any) -> Any:
    """The first axis reversed."""
    return np.flip(m, 0)


@composite(np.rot90, domain=cases(lambda d: ((d.array(min_dims=2),), {"k": d.integer(-1, 4)})))
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Quarter turns in the plane of `axes`."""
    first, second = normalize_axes(tuple(axes), m.ndim)
    k %= 4
    if k == 2:
        return np.flip(m, (first, second))
    if k == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second) if k == 3 else m[:]


def _negated(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, list | tuple) else -shift


def _rolled(d: Draw) -> Call:
    x = d.array(min_dims=1)
    return (x, d.integer(-3, 3)), {"axis": None if d.flag() else d.axis(x.ndim)}


roll = primitive(
    np.roll,
    signature="x, shift, axis=None",
    x=lambda g, shift, axis: np.roll(g, _negated(shift), axis),
    domain=cases(_rolled),
)

# ---------------------------------------------------------------- repetition


def _repeat_rule(g: Any, x_shape: tuple[int, ...], repeats: Any, axis: int | None) -> Any:
    shape = x_shape
    if axis is None or not x_shape:
        shape, axis = (int(np.prod(x_shape)),), 0
    axis %= len(shape)
    if np.ndim(repeats) == 0 or np.size(repeats) == 1:
        each = int(np.reshape(repeats, ()))
        split = np.reshape(g, (*shape[: axis + 1], each, *shape[axis + 1 :]))
        return np.reshape(np.sum(split, axis=axis + 1), x_shape)
    bounds = [0, *np.cumsum(repeats).tolist()]
    spans = [slice(a, b) for a, b in pairwise(bounds)]
    before = (slice(None),) * axis
    sums = [np.sum(g[(*before, span)], axis=axis) for span in spans]
    return np.reshape(np.stack(sums, axis=axis), x_shape)


def _repeated(d: Draw) -> Call:
    x = d.array(min_dims=1)
    axis = None if d.flag() else d.axis(x.ndim)
    length = x.size if axis is None else x.shape[axis]
    if d.flag() and length:
        return (x, [d.integer(0, 2) for _ in range(length)]), {"axis": axis}
    return (x, d.integer(0, 3)), {"axis": axis}


repeat = primitive(
    np.repeat,
    signature="x, repeats, axis=None",
    x=_repeat_rule,
    repeats=None,
    selects=True,
    domain=cases(_repeated),
)


@composite(
    np.tile,
    domain=cases(lambda d: ((d.array(), d.choice((2, (2, 1), (1, 2, 3), 0))), {})),
)
def tile(A: Any, reps: Any) -> Any:
    """`A` laid side by side `reps` times."""
    reps = tuple(reps) if np.iterable(reps) else (reps,)
    shape = (1,) * (len(reps) - A.ndim) + A.shape
    reps = (1,) * (len(shape) - len(reps)) + reps
    spread = np.reshape(A, [n for side in shape for n in (1, side)])
    target = [n for rep, side in zip(reps, shape, strict=True) for n in (rep, side)]
    flat = tuple(rep * side for rep, side in zip(reps, shape, strict=True))
    return np.reshape(np.copy(np.broadcast_to(spread, target)), flat)


# ---------------------------------------------------------------- copies and creation

copy = primitive(
    np.copy,
    signature="x, order='K', subok=False",
    forward=lambda x, order, subok: np.array(x, order=order),
    x=lambda g: g,
    domain=cases(_any_array),
)


_cast = primitive(
    np.ndarray.astype,
    signature="x, dtype",
    forward=lambda x, dtype: x.astype(dtype),
    x=lambda g: g,  # the walk restores the dtype
    domain=cases(lambda d: ((d.array(min_dims=1), np.float64), {})),
)


def _converted(d: Draw) -> Call:
    return (d.array(min_dims=1), d.choice((np.float64, np.complex128))), {}


@composite(np.ndarray.astype, domain=cases(_converted))
def astype(
    x: Any, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: bool = True,
    copy: bool = True,
) -> Any:  # fmt: skip
    """The elements in another dtype; whole numbers and truth values leave the graph."""
    if casting != "unsafe" or order != "K":
        np.empty(0, x.dtype).astype(dtype, order, casting)  # NumPy's own error
    if not copy and x.dtype == np.dtype(dtype):
        return x
    if np.dtype(dtype).kind in "fc":
        return _cast(x, dtype)
    return make(as_value(plain(x).astype(dtype)), None)


if hasattr(np, "astype"):  # NumPy 2.1
    composite(np.astype, domain=cases(_converted))(lambda x, dtype, /, **options: astype(x, dtype))


def _like(function: Any) -> Any:
    """A creation function that takes shape and dtype from a tensor, and makes a tensor."""

    def create(a: Any, *args: Any, **kwargs: Any) -> Any:
        return make(as_value(function(plain(a), *plain(args), **plain(kwargs))), None)

    return create


for _function in (np.zeros_like, np.ones_like, np.empty_like):
    composite(_function)(_like(_function))


def _full_case(d: Draw) -> Call:
    return (d.array((2, 3)), d.array(d.choice(((), (3,))))), {}


@composite(np.full_like, domain=cases(_full_case))
def full_like(a: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    """The shape of `a`, filled with a value that a gradient may flow to."""
    dtype = a.dtype if dtype is None else dtype
    shape = options.get("shape")
    filled = np.broadcast_to(fill_value, a.shape if shape is None else shape)
    return np.copy(as_tensor(filled).astype(dtype))
