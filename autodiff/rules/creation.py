"""Sequences between tensors, grids, and functions that call the user's function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases, nonzero, positive
from autodiff.declare.primitive import composite, constant, plain, primitive
from autodiff.engine.shapes import normalize_axes
from autodiff.tensors.tensor import as_tensor

# ---------------------------------------------------------------- sequences


def _ends(d: Draw, domain: Any) -> Call:
    first, second = d.broadcastable(2)
    shape = np.broadcast_shapes(first, second)
    return (d.array(first, domain), d.array(second, domain)), {
        "num": d.choice((4, 1, 0, 2)),
        "endpoint": d.flag(),
        "axis": d.choice((0, len(shape), -1)),
    }


def _fractions(num: int, endpoint: bool, ndim: int) -> Any:
    """0 to 1 in `num` steps, in the first of 1 + `ndim` dimensions."""
    return np.reshape(np.linspace(0.0, 1.0, num, endpoint), (-1,) + (1,) * ndim)


def _mixed(g: Any, parts: Any, axis: int) -> Any:
    """The cotangent of an end that has these `parts` in the numbers of the sequence."""
    return np.sum(np.moveaxis(g, axis, 0) * parts.astype(g.dtype), axis=0)


def _parts(g: Any, num: int, endpoint: bool) -> Any:
    """The part of the end in each number of the sequence; that of the start is the rest."""
    return _fractions(num, endpoint, g.ndim - 1)


_linspace = primitive(
    np.linspace,
    signature="start, stop, num=50, endpoint=True, dtype=None, axis=0",
    forward=lambda start, stop, num, endpoint, dtype, axis: np.linspace(
        start, stop, num, endpoint, dtype=dtype, axis=axis
    ),
    start=lambda g, num, endpoint, axis: _mixed(g, 1 - _parts(g, num, endpoint), axis),
    stop=lambda g, num, endpoint, axis: _mixed(g, _parts(g, num, endpoint), axis),
    selects=True,
    domain=cases(lambda d: _ends(d, nonzero)),
)


@composite(np.linspace, domain=cases(lambda d: _ends(d, nonzero)))
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0, **options: Any,
) -> Any:  # fmt: skip
    """`num` numbers at equal distances, and with `retstep` the distance."""
    y = _linspace(start, stop, num, endpoint, dtype, axis)
    if not retstep:
        return y
    steps = num - 1 if endpoint else num
    return y, np.subtract(stop, start) / steps if steps > 0 else np.nan


# The number with the part w of the end is start**(1 - w) * stop**w.
geomspace = primitive(
    np.geomspace,
    signature="start, stop, num=50, endpoint=True, dtype=None, axis=0",
    start=lambda g, y, start, num, endpoint, axis: (
        _mixed(g * y, 1 - _parts(g, num, endpoint), axis) / start
    ),
    stop=lambda g, y, stop, num, endpoint, axis: (
        _mixed(g * y, _parts(g, num, endpoint), axis) / stop
    ),
    selects=True,
    domain=cases(lambda d: _ends(d, positive)),
)


@composite(np.logspace, domain=cases(lambda d: _ends(d, nonzero)))
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """Powers of `base` at equal distances of the exponent."""
    if np.ndim(base):
        shape = np.broadcast_shapes(*(np.shape(part) for part in (start, stop, base)))
        start, stop = np.broadcast_to(start, shape), np.broadcast_to(stop, shape)
    y = np.moveaxis(np.power(base, np.linspace(start, stop, num, endpoint)), 0, axis)
    return y if dtype is None else y.astype(dtype)


# ---------------------------------------------------------------- grids


def _axes_of_grid(d: Draw) -> Call:
    arrays = [d.array((d.integer(1, 3),)) for _ in range(d.integer(1, 3))]
    return tuple(arrays), {"indexing": d.choice(("xy", "ij")), "sparse": d.flag()}


@composite(np.meshgrid, domain=cases(_axes_of_grid))
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """The coordinates of a grid, from those along its axes."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}")
    place = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        place[:2] = [1, 0]
    grids = [
        np.reshape(x, (1,) * axis + (-1,) + (1,) * (len(xi) - 1 - axis))
        for x, axis in zip(xi, place, strict=True)
    ]
    if not sparse:
        grids = np.broadcast_arrays(*grids)
    return tuple(np.copy(grid) for grid in grids) if copy else tuple(grids)


# ---------------------------------------------------------------- the user's function


def _rows(d: Draw) -> Call:
    function: Callable[..., Any] = d.choice((np.sum, np.cumsum, np.diag))
    return (function, d.choice((0, -1, 1)), d.array((2, 3))), {}


@composite(np.apply_along_axis, domain=cases(_rows))
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """The function of each line along an axis."""
    (axis,) = normalize_axes(axis, arr.ndim)
    lines = np.moveaxis(arr, axis, -1)
    shape = lines.shape[:-1]
    if 0 in shape:
        raise ValueError(f"apply_along_axis: there are no lines in an array of shape {arr.shape}")
    results = [as_tensor(func1d(lines[i], *args, **kwargs)) for i in np.ndindex(shape)]
    new = results[0].shape
    y = np.reshape(np.stack(results), (*shape, *new))
    order = range(len(shape), len(shape) + len(new))
    return np.moveaxis(y, tuple(order), tuple(range(axis, axis + len(new))))


def _reduced(d: Draw) -> Call:
    return (d.choice((np.sum, np.cumsum)), d.array((2, 3, 2)), d.choice((0, (0, -1)))), {}


@composite(np.apply_over_axes, domain=cases(_reduced))
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """A reduction over one axis after the other, the axes kept."""
    for axis in np.atleast_1d(plain(axes)).tolist():
        y = func(a, axis)
        if y.ndim != a.ndim:
            y = np.expand_dims(y, axis)
        if y.ndim != a.ndim:
            raise ValueError("apply_over_axes: the function must remove one axis, or none")
        a = y
    return a


# ---------------------------------------------------------------- whole numbers

constant(
    np.ix_,
    np.diag_indices_from,
    np.tril_indices_from,
    np.triu_indices_from,
    np.unravel_index,
    np.ravel_multi_index,
)
