"""Differences, numerical derivatives and integrals, phases."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases, positive
from autodiff.declare.primitive import composite, plain
from autodiff.engine.shapes import normalize_axes
from autodiff.tensors.tensor import as_tensor

_EVERYTHING = slice(None)


def _at(axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes `part` of an axis, which is not negative."""
    return (_EVERYTHING,) * axis + (part,)


def _axis_of(x: Any, axis: int) -> int:
    return normalize_axes(axis, np.ndim(x))[0]


# ---------------------------------------------------------------- differences


def _differenced(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    options: dict[str, Any] = {"n": d.integer(0, 3), "axis": d.axis(x.ndim)}
    if d.flag():
        options["prepend"] = d.array(())
    if d.flag():
        options["append"] = d.array(x.shape)
    return (x,), options


@composite(np.diff, domain=cases(_differenced))
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The `n`-th differences of neighbours along an axis."""
    if n < 0:
        raise ValueError(f"diff: the order is {n}; it must not be negative")
    if n == 0:
        return a
    axis = _axis_of(a, axis)
    shape = np.shape(a)
    borders = []
    for border in (prepend, append):
        if border is not None and np.ndim(border) == 0:
            border = np.broadcast_to(border, (*shape[:axis], 1, *shape[axis + 1 :]))
        borders.append(border)
    before, after = borders
    parts = [part for part in (before, a, after) if part is not None]
    x = np.concatenate(parts, axis) if len(parts) > 1 else as_tensor(a)
    for _ in range(n):
        left, right = x[_at(axis, slice(None, -1))], x[_at(axis, slice(1, None))]
        x = right != left if x.dtype == bool else right - left
    return x


def _bordered(d: Draw) -> Call:
    ends = {"to_begin": d.array(d.choice(((), (2,))))} if d.flag() else {}
    return (d.array(min_side=1),), {**ends, "to_end": d.array((1,))}


@composite(np.ediff1d, domain=cases(_bordered))
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """The differences of neighbours in the flattened array, between other numbers."""
    ary = as_tensor(ary)
    parts = [to_begin, np.diff(np.ravel(ary)), to_end]
    given = [as_tensor(part) for part in parts if part is not None]
    for part in given:
        if not np.can_cast(part.dtype, ary.dtype, "same_kind"):
            raise TypeError(f"ediff1d: {part.dtype} does not fit between numbers of {ary.dtype}")
    return np.concatenate([np.ravel(part).astype(ary.dtype) for part in given])


def _running(d: Draw) -> Call:
    x = d.array(min_dims=1)
    return (x,), {"axis": d.axis(x.ndim), "include_initial": d.flag()}


def _cumulative(function: Any, start: int) -> Any:
    """The array API's form of `cumsum` and `cumprod`."""

    def cumulative(x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None,
                   include_initial: bool = False) -> Any:  # fmt: skip
        if axis is None:
            if np.ndim(x) > 1:
                raise ValueError(f"{function.__name__}: an array of {np.ndim(x)} dimensions "
                                 "needs axis=")  # fmt: skip
            axis = 0
        y = function(x, axis=axis, dtype=dtype)
        if include_initial:
            shape = list(y.shape)
            shape[axis] = 1
            y = np.concatenate([np.full(shape, start, y.dtype), y], axis)
        return y

    return cumulative


if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    composite(np.cumulative_sum, domain=cases(_running))(_cumulative(np.cumsum, 0))
    composite(np.cumulative_prod, domain=cases(_running))(_cumulative(np.cumprod, 1))

# ---------------------------------------------------------------- derivatives


def _sampled(d: Draw) -> Call:
    shape = d.shape(min_dims=1, max_dims=2, min_side=3)
    f = d.array(shape)
    order = d.choice((1, 2))
    kind = d.choice(("one", "number", "coordinates", "each"))
    if kind == "one":
        return (f,), {"edge_order": order}
    if kind == "number":
        return (f, d.array((), positive) + 0.3), {"edge_order": order}
    coordinates = tuple(np.cumsum(d.array((n,), positive) + 0.3) for n in shape)
    if kind == "coordinates":
        return (f, coordinates[-1]), {"axis": -1, "edge_order": order}
    return (f, *coordinates), {"edge_order": order}


@composite(np.gradient, domain=cases(_sampled))
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences, one-sided at the ends; the spacings may be tensors, too."""
    f = as_tensor(f)
    axes = normalize_axes(axis, f.ndim)
    if len(varargs) not in (0, 1, len(axes)) or (
        len(varargs) == 1 < len(axes) and np.ndim(varargs[0])
    ):
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes")
    spacings = varargs or (1.0,)
    if len(spacings) == 1:
        spacings = spacings * len(axes)
    results = []
    for one, spacing in zip(axes, spacings, strict=True):
        if f.shape[one] < edge_order + 1:
            raise ValueError(
                f"gradient: axis {one} has {f.shape[one]} elements, and edge_order={edge_order} "
                f"needs {edge_order + 1}"
            )
        y = _slopes(np.moveaxis(f, one, -1), _steps(spacing, f.shape[one]), edge_order)
        if f.dtype.kind in "fc":
            y = y.astype(f.dtype)  # as NumPy, whatever the dtype of the spacing
        results.append(np.moveaxis(y, -1, one))
    return tuple(results) if len(results) > 1 else results[0]


def _steps(spacing: Any, length: int) -> Any:
    """The distances of neighbours; a number stays one."""
    if np.ndim(spacing) == 0:
        return spacing
    if np.shape(spacing) != (length,):
        raise ValueError(
            f"gradient: coordinates of shape {np.shape(spacing)} for an axis of {length} elements"
        )
    return np.diff(spacing)


def _slopes(f: Any, h: Any, edge_order: int) -> Any:
    """Derivatives along the last axis, `h` being the step or the steps."""
    between = np.diff(f) / h
    first, last = between[..., 0], between[..., -1]
    if np.ndim(h) == 0:
        inner = (f[..., 2:] - f[..., :-2]) / (2 * h)
    else:
        a, b = h[:-1], h[1:]
        inner = (b * between[..., :-1] + a * between[..., 1:]) / (a + b)
    if edge_order == 2:  # the parabola through three points
        near_first, near_last = (
            (0.5, 0.5) if np.ndim(h) == 0 else (h[0] / (h[0] + h[1]), h[-1] / (h[-1] + h[-2]))
        )
        first = first + (first - between[..., 1]) * near_first
        last = last + (last - between[..., -2]) * near_last
    return np.concatenate([first[..., None], inner, last[..., None]], -1)


def _integrated(d: Draw) -> Call:
    y = d.array((2, 3))
    kind = d.choice(("plain", "dx", "x", "each"))
    if kind == "plain":
        return (y,), {"axis": d.choice((0, 1))}
    if kind == "dx":
        return (y,), {"dx": d.array(())}
    return (y, d.array((3,) if kind == "x" else (2, 3))), {}


@composite(np.trapezoid, domain=cases(_integrated))
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral by the trapezoidal rule."""
    axis = _axis_of(y, axis)
    y = as_tensor(y)
    if x is None:
        width = dx
    elif np.ndim(x) == 1:
        width = np.reshape(np.diff(x), (-1,) + (1,) * (y.ndim - 1 - axis))
    else:
        width = np.diff(x, axis=axis)
    heights = y[_at(axis, slice(1, None))] + y[_at(axis, slice(None, -1))]
    return np.sum(width * heights / 2.0, axis)


# ---------------------------------------------------------------- phases


def _phases(d: Draw) -> Call:
    return (3 * d.array(min_dims=1),), {"axis": -1, "period": d.choice((2 * np.pi, 3.0))}


@composite(np.unwrap, domain=cases(_phases))
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    """Phases without jumps of whole periods; what is added is constant."""
    turns = np.unwrap(plain(p), plain(discont), axis, period=plain(period)) - plain(p)
    if turns.dtype.kind in "iu":
        return p + turns
    return p + np.round(turns / plain(period)) * period
