"""Picking, inserting and removing elements: `take`, `choose`, `select`, `insert`, `delete`, ...

Where NumPy's own function only moves elements, it is asked to move their positions, and the
elements are then picked from there; so every corner of its behaviour carries over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.declare.codegen_support import constant_argument
from autodiff.declare.domains import Call, Draw, cases, integers, nonzero
from autodiff.declare.primitive import composite, plain
from autodiff.engine.shapes import normalize_axes
from autodiff.errors import DtypeError
from autodiff.rules.indexing import truth
from autodiff.rules.shared.viewing import Selection, as_view
from autodiff.tensors.tensor import Tensor, as_tensor


def positions(shape: tuple[int, ...]) -> np.ndarray:
    """The flat position of each element."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


def along_axis(indices: Any, axis: int) -> tuple[Any, ...]:
    """An index that picks, along `axis` only, the elements at `indices`."""
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    return tuple(grid)


# ---------------------------------------------------------------- picking


def _within(indices: Any, length: int, mode: str) -> Any:
    """Whole numbers as indices of an axis, outliers treated as `mode` says."""
    indices = np.asarray(plain(indices))
    if indices.dtype.kind not in "iub" and indices.size:
        raise TypeError(f"whole numbers are needed to pick elements, not {indices.dtype}")
    if mode == "wrap":
        return indices % length
    return np.clip(indices, 0, length - 1) if mode == "clip" else indices


def _taken(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    axis = None if d.flag() else d.axis(x.ndim)
    indices = d.array(d.choice(((2,), (), (2, 2))), integers(-1, 0))
    return (x, indices), {"axis": axis, "mode": d.choice(("raise", "wrap", "clip"))}


@composite(np.take, domain=cases(_taken))
def take(
    a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
) -> Any:
    """The elements at `indices` along an axis, or of the flattened array."""
    if axis is None:
        return np.ravel(a)[_within(indices, np.size(a), mode)]
    (axis,) = normalize_axes(axis, np.ndim(a))
    indices = _within(indices, np.shape(a)[axis], mode)
    if indices.ndim == 0:  # as an index, it would give a view
        indices = indices[None]
        return as_tensor(a)[(slice(None),) * axis + (indices,)].squeeze(axis)
    return as_tensor(a)[(slice(None),) * axis + (indices,)]


def _taken_along(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    axis = d.axis(x.ndim)
    return (x, np.argsort(-x, axis=axis)), {"axis": axis}


@composite(np.take_along_axis, domain=cases(_taken_along))
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """For each place of `indices`, the element of `arr` at that position along the axis."""
    indices = plain(indices)
    if axis is None:
        return np.ravel(arr)[indices]
    shape = list(np.shape(arr))
    shape[axis] = np.shape(indices)[axis]
    spread = np.broadcast_to(indices, np.broadcast_shapes(np.shape(indices), shape))
    return as_tensor(arr)[along_axis(spread, axis)]


def _compressed(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    axis = None if d.flag() else d.axis(x.ndim)
    length = x.size if axis is None else x.shape[axis]
    return (d.array((length,), nonzero) > 0, x), {"axis": axis}


@composite(np.compress, domain=cases(_compressed))
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """The slices along an axis where `condition` holds."""
    return np.take(a, np.flatnonzero(plain(condition)), axis)


def _extracted(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    return (d.array(x.shape, nonzero) > 0, x), {}


@composite(np.extract, domain=cases(_extracted))
def extract(condition: Any, arr: Any) -> Any:
    """The elements where `condition` holds, in one dimension."""
    return np.take(arr, np.flatnonzero(plain(condition)))


# ---------------------------------------------------------------- choosing between arrays


def _chosen(d: Draw) -> Call:
    first, second = d.broadcastable(2)
    return (d.array(first, integers(0, 2)), [d.array(second) for _ in range(3)]), {}


@composite(np.choose, domain=cases(_chosen))
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """For each element of the whole numbers `a`, the element of that one of `choices`."""
    choices = list(choices)
    a = _within(a, len(choices), mode)
    if np.any((a < 0) | (a >= len(choices))):
        raise ValueError(f"choose: an index is outside of the {len(choices)} choices")
    result = np.broadcast_to(choices[0], np.broadcast_shapes(a.shape, np.shape(choices[0])))
    for number, choice in enumerate(choices[1:], start=1):
        result = np.where(a == number, choice, result)
    return result


def _selected(d: Draw) -> Call:
    shape, other = d.broadcastable(2)
    conditions = [d.array(other, nonzero) > 0 for _ in range(2)]
    return (conditions, [d.array(shape) for _ in range(2)]), {"default": d.array(())}


@composite(np.select, domain=cases(_selected))
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each place, the first choice whose condition holds there."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"select: there are {len(condlist)} conditions and {len(choicelist)} choices"
        )
    shapes = [np.shape(part) for part in (*condlist, *choicelist)]
    result = np.broadcast_to(default, np.broadcast_shapes(*shapes))
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = np.where(truth(condition), choice, result)
    return result


def _in_pieces(d: Draw) -> Call:
    x = d.array(domain=nonzero, min_dims=1)
    return (x, [x < -1, x > 1]), {"funclist": [np.square, d.choice((np.sin, 3.0)), np.exp]}


@composite(np.piecewise, domain=cases(_in_pieces))
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Each function applied where its condition holds."""
    x = as_tensor(x)
    conditions = plain(condlist)
    if np.ndim(conditions) == 0 or (x.ndim and np.ndim(conditions[0]) == 0):
        conditions = [conditions]  # a single one
    conditions = [np.asarray(condition, bool) for condition in conditions]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"piecewise: there are {len(conditions)} conditions and {len(funclist)} functions; "
            "give one for each, and perhaps one more for everywhere else"
        )
    result = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            result[condition] = function
        elif np.any(condition):
            result[condition] = function(x[condition], *args, **kw)
    return result


# ---------------------------------------------------------------- removing and inserting


def _deleted(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=2)
    return (x, d.choice((0, [0, -1], slice(0, 1), -2))), {"axis": d.choice((None, 0, -1))}


@composite(np.delete, domain=cases(_deleted))
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """`arr` without the slices at `obj`."""
    length = np.size(arr) if axis is None else arr.shape[axis]
    return np.take(arr, np.delete(np.arange(length), plain(obj)), axis)


def _inserted(d: Draw) -> Call:
    x = d.array((2, 3))
    obj, values, axis = d.choice(
        (
            (1, d.array(()), None),
            ([0, 2, 2], d.array((3,)), None),
            (1, d.array((2,)), 1),
            ([0, 1], d.array((2, 2)), 1),
            (slice(0, 2), d.array(()), 0),
            (0, d.array((2, 3)), 0),
        )
    )
    return (x, obj, values), {"axis": axis}


@composite(np.insert, domain=cases(_inserted))
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """`arr` with `values` put in before the indices `obj`."""
    arr, values = as_tensor(arr), as_tensor(values)
    if values.requires_grad and arr.dtype.kind not in "fc":
        raise DtypeError(
            f"insert: numbers with a gradient do not fit into an array of {arr.dtype}; "
            "convert it with astype(float) first"
        )
    pool = np.concatenate([np.ravel(arr), np.ravel(values).astype(arr.dtype)])
    new = arr.size + positions(values.shape)
    return pool[np.insert(positions(arr.shape), plain(obj), new, axis)]


@composite(np.resize, domain=cases(lambda d: ((d.array(), d.choice(((3, 2), (2,), 5, (0,)))), {})))
def resize(a: Any, new_shape: Any) -> Any:
    """The elements again and again until `new_shape` is full."""
    a = as_tensor(a)
    if a.size == 0:
        return np.zeros_like(a, shape=new_shape)
    return np.ravel(a)[np.resize(np.arange(a.size), new_shape)]


def _windowed(d: Draw) -> Call:
    x = d.array((3, 4))
    window, axis = d.choice(((2, 1), (2, -1), ((2, 3), None), ((2, 2), (0, 0))))
    return (x, window), {"axis": axis}


@composite(np.lib.stride_tricks.sliding_window_view, domain=cases(_windowed))
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """Every window of a shape that moves over the array.

    They overlap, so they cannot be written to, whatever `writeable` says; write to the array.
    """
    return as_view(_windows(x, window_shape, axis), x, _windows, window_shape, axis)


def _windows_of(x: Any, window_shape: Any, axis: Any) -> Any:
    if not isinstance(x, Tensor):
        return np.lib.stride_tricks.sliding_window_view(x, window_shape, axis)
    result: Any = np.ravel(x)[_windows_of(positions(x.shape), window_shape, axis)]
    result.data.setflags(write=False)
    return result


_windows = Selection("sliding_window_view", _windows_of)


def _without_zeros(d: Draw) -> Call:
    return (d.array((3,), nonzero),), {"trim": d.choice(("fb", "f", "b"))}


@composite(np.trim_zeros, domain=cases(_without_zeros))
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Without the zeros at the start (``f``) and the end (``b``)."""
    axis = constant_argument("trim_zeros", "axis", axis)
    value = np.asarray(plain(filt))
    nonzero_at = np.argwhere(value)
    index = [slice(None)] * value.ndim
    for one in normalize_axes(axis, value.ndim):
        if not len(nonzero_at):
            index[one] = slice(0, 0)
            continue
        first = nonzero_at[:, one].min() if "f" in trim.lower() else None
        last = nonzero_at[:, one].max() + 1 if "b" in trim.lower() else None
        index[one] = slice(first, last)
    return filt[tuple(index)]
