"""What every ufunc has besides its plain call: options, and the methods `reduce`, `outer`, ...

All of it follows from the rule of the plain call; the usual reductions go to the function that
knows them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare.primitive import composite, plain
from autodiff.engine.registry import lookup
from autodiff.engine.shapes import normalize_axes, restore_axes
from autodiff.errors import UnsupportedError
from autodiff.rules.indexing import _may_repeat, _plain_index, refuse_assignment, scatter, truth
from autodiff.rules.scans import accumulated, suits_scan
from autodiff.rules.segments import reduce_segments
from autodiff.tensors.tensor import as_tensor
from autodiff.tensors.writing import store

Options = dict[str, Any]


@composite(np.ufunc)
def ufunc(function: np.ufunc, method: str, inputs: tuple[Any, ...], options: Options) -> Any:
    """A ufunc's call with options, or one of its methods."""
    if function.signature is not None and method != "__call__":
        raise UnsupportedError(f"{function.__name__}.{method} does not exist")
    return _METHODS[method](function, *inputs, **options)


def _call(
    function: np.ufunc,
    *inputs: Any,
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    axis: Any = None,
    axes: Any = None,
    keepdims: bool = False,
    **_: Any,  # casting, order, subok and signature do not change the derivative
) -> Any:
    lines: Options = {} if axis is None else {"axis": axis}
    if keepdims:
        lines["keepdims"] = True
    if lines and function is not getattr(np, "vecdot", None):
        raise UnsupportedError(
            f"{function.__name__}: axis= and keepdims= do not work on tensors; use axes=, or "
            "np.expand_dims around it"
        )
    if dtype is not None:
        inputs = tuple(as_tensor(value).astype(dtype) for value in inputs)
    if axes is None:
        result = lookup(function)(*inputs, **lines)
    else:
        result = _along(function, inputs, axes, lines)
    targets = (None,) if out is None else out if isinstance(out, tuple) else (out,)
    results = result if isinstance(result, tuple) else (result,)
    stored = tuple(
        _put(function, target, value, where)
        for target, value in zip(targets, results, strict=False)
    )
    return stored if isinstance(result, tuple) else stored[0]


def _along(function: np.ufunc, inputs: tuple[Any, ...], axes: Any, options: Options) -> Any:
    """The call with ``axes=``: where each input, and the result, has the axes of the operation."""
    places = [(place,) if isinstance(place, int) else tuple(place) for place in axes]
    moved = (
        np.moveaxis(value, place, range(-len(place), 0)) if place else value
        for value, place in zip(inputs, places, strict=False)
    )
    result = lookup(function)(*moved, **options)
    place = places[-1] if len(places) == function.nargs else ()
    return np.moveaxis(result, range(-len(place), 0), place) if place else result


def _put(function: np.ufunc, target: Any, value: Any, where: Any) -> Any:
    """The result as ``out=`` and ``where=`` ask for it."""
    if where is not True:
        # Without a target NumPy leaves the other elements undefined; zeros have a gradient.
        value = np.where(truth(where), value, 0 if target is None else target)
    if target is None:
        return value
    if value.shape != target.shape:
        value = np.broadcast_to(value, target.shape)
    return store(target, value, function.__name__)


def _single(out: Any) -> Any:
    return out[0] if isinstance(out, tuple) else out


# ---------------------------------------------------------------- reduce and accumulate

_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
_IGNORE_NAN: dict[np.ufunc, Callable[..., Any]] = {np.fmax: np.max, np.fmin: np.min}
_ACCUMULATIONS: dict[np.ufunc, Callable[..., Any]] = {np.add: np.cumsum, np.multiply: np.cumprod}


def _reduce(
    function: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None,
    keepdims: bool = False, **options: Any,
) -> Any:  # fmt: skip
    if dtype is not None:
        array = as_tensor(array).astype(dtype)
    known = _REDUCTIONS.get(function)
    if function in _IGNORE_NAN and not options and array.size and not np.isnan(plain(array)).any():
        known = _IGNORE_NAN[function]
    if known is not None:
        result = lookup(known)(array, axis=axis, keepdims=keepdims, **options)
        return _put(function, _single(out), result, True)
    result = _fold(function, array, axis, **options)
    if keepdims:
        axis = tuple(range(np.ndim(array))) if axis is None else axis
        result = restore_axes(result, axis, False)
    return _put(function, _single(out), result, True)


def _fold(function: np.ufunc, array: Any, axis: Any, initial: Any = None, where: Any = True) -> Any:
    """The function of the first two slices, then of that and the third, and so on."""
    where = truth(where)
    initial = None if initial is np._NoValue else initial
    if where is True and initial is None and array.size and suits_scan(function, array):
        return accumulated(_in_front(array, axis), function, 0)[-1]
    slices = _slices(array, axis)
    if initial is None:
        if where is True and slices:
            return functools.reduce(function, slices)
        initial = function.identity
        if initial is None:
            raise ValueError(
                f"{function.__name__}.reduce: there is nothing to begin with (the axis is empty, "
                "or where= is given and the function has no identity); pass initial="
            )
    reduced = normalize_axes(axis, np.ndim(array))
    lanes = [side for one, side in enumerate(np.shape(array)) if one not in reduced]
    result = np.broadcast_to(as_tensor(initial).astype(array.dtype), lanes)
    masks = _slices(np.broadcast_to(where, np.shape(array)), axis)
    for part, mask in zip(slices, masks, strict=True):
        result = np.where(mask, function(result, part), result)
    return result


def _slices(array: Any, axis: Any) -> list[Any]:
    """The sub-arrays along an axis, or along several axes one after the other."""
    return list(_in_front(array, axis))


def _in_front(array: Any, axis: Any) -> Any:
    """The array with these axes as one, the first."""
    axes = normalize_axes(axis, np.ndim(array))
    kept = [a for a in range(np.ndim(array)) if a not in axes]
    return np.reshape(np.transpose(array, (*axes, *kept)), (-1, *(array.shape[a] for a in kept)))


def _accumulate(
    function: np.ufunc, array: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    known = _ACCUMULATIONS.get(function)
    if dtype is not None:
        array = as_tensor(array).astype(dtype)
    if known is not None:
        result = lookup(known)(array, axis)
    elif np.ndim(array) and suits_scan(function, array):
        result = accumulated(array, function, axis)
    else:
        running: list[Any] = []
        for part in _slices(array, axis):
            running.append(function(running[-1], part) if running else part)
        result = np.stack(running, axis=axis)
    return _put(function, _single(out), result, True)


def _reduceat(
    function: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    if dtype is not None:
        array = as_tensor(array).astype(dtype)
    moved = np.moveaxis(array, axis, 0)
    result = reduce_segments(function, moved, indices, _reduce)
    return _put(function, _single(out), np.moveaxis(result, 0, axis), True)


# ---------------------------------------------------------------- outer and at


def _outer(function: np.ufunc, a: Any, b: Any, **options: Any) -> Any:
    spread = np.reshape(a, np.shape(a) + (1,) * np.ndim(b))
    return _call(function, spread, b, **options)


def _at(function: np.ufunc, target: Any, index: Any, *values: Any) -> None:
    refuse_assignment(target, f"{function.__name__}.at")
    index = _plain_index(index)
    if function in (np.add, np.subtract):
        (value,) = values
        spread = np.broadcast_to(value, np.shape(np.broadcast_to(0, target.shape)[index]))
        target._rebind(function(target, scatter(spread, index, target.shape)))
    elif not _may_repeat(index):
        target[index] = function(target[index], *values)
    else:  # one after the other, as NumPy does it
        places = np.arange(target.size).reshape(target.shape)[index]
        flat = np.ravel(target)
        spread = [np.ravel(np.broadcast_to(value, places.shape)) for value in values]
        for turn, place in enumerate(places.ravel().tolist()):
            flat[place] = function(flat[place], *(value[turn] for value in spread))
        target._rebind(np.reshape(flat, target.shape))


_METHODS: dict[str, Callable[..., Any]] = {
    "__call__": _call,
    "reduce": _reduce,
    "accumulate": _accumulate,
    "reduceat": _reduceat,
    "outer": _outer,
    "at": _at,
}
