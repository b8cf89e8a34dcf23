"""Reductions and running reductions: sums, products, extrema, moments.

A rule returns its cotangent with the reduced axes at length 1; the walk spreads it out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.declaration import Bend
from autodiff.declare.domains import Call, Draw, cases, positive
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.engine.shapes import normalize_axes, restore_axes
from autodiff.rules.indexing import truth
from autodiff.rules.shared.recurrences import backwards


def _reduction(d: Draw, *, empty: bool = True, distinct: bool = False) -> Call:
    shape = d.shape(min_side=0 if empty else 1)
    x = d.distinct(shape) if distinct else d.array(shape)
    axis = d.axes(x.ndim)
    if not empty and axis == ():
        axis = None
    return (x,), {"axis": axis, "keepdims": d.flag()}


def _masked(g: Any, where: Any) -> Any:
    return g if where is True else np.where(where, g, 0)


def _count(shape: tuple[int, ...], axis: Any, where: Any = True) -> Any:
    """How many elements each result of a reduction combines."""
    if where is True:
        return math.prod(shape[axis] for axis in normalize_axes(axis, len(shape)))
    return np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=True)


def over_count(g: Any, count: Any) -> Any:
    """``g / count``; in half precision, whose largest number is 65504, a count may be too large."""
    if g.dtype.itemsize <= 2:
        g = g.astype(np.float32)
    return g / (count.astype(g.dtype) if isinstance(count, np.ndarray) else count)


# ---------------------------------------------------------------- sums and means

sum = primitive(
    np.sum,
    signature="x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True",
    forward="np.add.reduce(x, axis, dtype, None, keepdims, initial, where)",
    x=lambda g, axis, keepdims, where: _masked(restore_axes(g, axis, keepdims), where),
    selects="where",
    domain=cases(_reduction),
)


def _mean(x: Any, axis: Any, dtype: Any, out: Any, keepdims: bool, where: Any) -> Any:
    if where is True and dtype is None and getattr(x, "dtype", None) in (np.float32, np.float64):
        count = _count(x.shape, axis)
        if count:
            total: Any = np.add.reduce(x, axis=axis, keepdims=keepdims)
            return total / x.dtype.type(count)
    return np.mean(x, axis=axis, dtype=dtype, keepdims=keepdims, where=where)


mean = primitive(
    np.mean,
    signature="x, axis=None, dtype=None, out=None, keepdims=False, *, where=True",
    forward=_mean,
    x=lambda g, x_shape, axis, keepdims, where: _masked(
        over_count(restore_axes(g, axis, keepdims), _count(x_shape, axis, where)), where
    ),
    selects="where",
    domain=cases(lambda d: _reduction(d, empty=False)),
)


def _var(
    x: Any, axis: Any, dtype: Any, out: Any, ddof: Any, keepdims: bool, where: Any, correction: Any
) -> Any:
    return np.var(x, axis, dtype, None, _ddof(ddof, correction), keepdims, where=where)


def _std(
    x: Any, axis: Any, dtype: Any, out: Any, ddof: Any, keepdims: bool, where: Any, correction: Any
) -> Any:
    return np.std(x, axis, dtype, None, _ddof(ddof, correction), keepdims, where=where)


def _ddof(ddof: Any, correction: Any) -> Any:
    return ddof if correction is None else correction


def _deviation(x: Any, axis: Any, ddof: Any, where: Any, correction: Any) -> Any:
    """(x - mean) / (count - ddof), conjugated."""
    centred = x - np.mean(x, axis=axis, keepdims=True, where=where)
    if np.iscomplexobj(x):
        centred = np.conjugate(centred)
    divisor = _count(np.shape(x), axis, where) - _ddof(ddof, correction)
    return _masked(over_count(centred, divisor), where)


_MOMENT = (
    "x, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, correction=None"
)


def _moment(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=2))
    axis = d.choice((None, 0, -1))
    return (x,), {"axis": axis, "keepdims": d.flag(), "ddof": d.choice((0, 1))}


def _about(d: Draw) -> Call:
    (x,), options = _moment(d)
    if d.flag():  # any number may stand for the mean, not only the mean
        options["mean"] = np.mean(x, axis=options["axis"], keepdims=True) + d.array((), positive)
    return (x,), options


_var_primitive = primitive(
    np.var,
    signature=_MOMENT,
    forward=_var,
    x=lambda g, x, axis, keepdims, ddof, where, correction: (
        restore_axes(2 * g, axis, keepdims) * _deviation(x, axis, ddof, where, correction)
    ),
    selects="where",
    domain=cases(_moment),
)


def _std_rule(
    g: Any, y: Any, x: Any, axis: Any, keepdims: bool, ddof: Any, where: Any, correction: Any
) -> Any:
    scaled = np.where(y == 0, 0, g) / np.where(y == 0, 1, y)  # like a norm, flat at 0
    return restore_axes(scaled, axis, keepdims) * _deviation(x, axis, ddof, where, correction)


_std_primitive = primitive(
    np.std,
    signature=_MOMENT,
    forward=_std,
    x=_std_rule,
    selects="where",
    bend=Bend(
        at=lambda y: y == 0,
        x=lambda q, dx, axis, keepdims, ddof, where, correction: (
            restore_axes(q, axis, keepdims) * _deviation(dx, axis, ddof, where, correction)
        ),
    ),
    domain=cases(_moment),
)


def _apart(a: Any, mean: Any, dtype: Any, where: Any) -> Any:
    """The distances from `mean`, which need not be the mean."""
    apart = np.where(truth(where), a - mean, 0)
    return apart if dtype is None else apart.astype(dtype)


def _freedom(
    like: Any, shape: tuple[int, ...], axis: Any, ddof: Any, keepdims: bool, where: Any,
    correction: Any,
) -> Any:  # fmt: skip
    """What the sum of squares is divided by, in the dtype of `like`."""
    freedom = np.maximum(_count(shape, axis, where) - _ddof(ddof, correction), 0)
    if freedom.ndim and not keepdims:
        freedom = np.squeeze(freedom, normalize_axes(axis, len(shape)))
    return freedom.astype(like.dtype)


@composite(np.var, domain=cases(_about))
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: bool = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """The variance, or with `mean` the mean square distance from that."""
    options = {"ddof": ddof, "keepdims": keepdims, "where": where, "correction": correction}
    if mean is None:
        return _var_primitive(a, axis, dtype, **options)
    apart = _apart(a, mean, dtype, where)
    total = np.sum(np.real(apart * np.conjugate(apart)), axis, keepdims=keepdims)
    return total / _freedom(total, apart.shape, axis, **options)


@composite(np.std, domain=cases(_about))
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: bool = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """The standard deviation, or with `mean` the distance from that; flat at 0."""
    options = {"ddof": ddof, "keepdims": keepdims, "where": where, "correction": correction}
    if mean is None:
        return _std_primitive(a, axis, dtype, **options)
    apart = _apart(a, mean, dtype, where)
    norm: Any = np.linalg.vector_norm
    total = norm(apart, axis=axis, keepdims=keepdims)
    return total / np.sqrt(_freedom(total, apart.shape, axis, **options))


# ---------------------------------------------------------------- products


def _axis_last(x: Any, axes: tuple[int, ...]) -> Any:
    """`x` with `axes` flattened into one last axis."""
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    moved = np.transpose(x, (*kept, *axes))
    return np.reshape(moved, (*(x.shape[axis] for axis in kept), -1))


def _axis_back(x: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Undo `_axis_last` for an original of this shape."""
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    order = (*kept, *axes)
    moved = np.reshape(x, tuple(shape[axis] for axis in order))
    return np.transpose(moved, tuple(np.argsort(order).tolist()))


def is_normal(y: Any) -> bool:
    """Whether no number is 0, too small to have all digits, or infinite."""
    sizes = np.abs(plain(y))
    return bool(np.all((sizes >= np.finfo(sizes.dtype).tiny) & np.isfinite(sizes)))


def _scale(x: Any) -> Any:
    """The powers of two that bring the sizes of `x` between 1/2 and 1, as exponents."""
    return np.frexp(np.abs(plain(x)))[1]


def _times_power(x: Any, exponent: Any) -> Any:
    """``x * 2**exponent``, in two steps: the power alone may overflow."""
    one = np.abs(plain(x)).dtype.type(1)
    half = exponent // 2
    return x * np.ldexp(one, half) * np.ldexp(one, exponent - half)


def _products(columns: list[Any]) -> list[tuple[Any, Any]]:
    """Each product of the first few columns, as a number of moderate size and an exponent."""
    found = [(np.ones_like(columns[0]), np.zeros(np.shape(columns[0]), int))]
    for column in columns[:-1]:
        product, exponent = found[-1]
        own = _scale(column)
        product = product * _times_power(column, -own)
        moved = _scale(product)
        found.append((_times_power(product, -moved), exponent + own + moved))
    return found


def _halved(x: Any) -> tuple[Any, Any]:
    """The product along the last axis, as a number of moderate size and an exponent; by halves."""
    total: Any = 0
    while True:
        own = _scale(x)
        x, total = _times_power(x, -own), total + np.sum(own, axis=-1, keepdims=True)
        length = x.shape[-1]
        if length == 1:
            return x, total
        half = length // 2
        pairs = x[..., :half] * x[..., half : 2 * half]
        x = np.concatenate([pairs, x[..., 2 * half :]], axis=-1)


def _others(x: Any) -> Any:
    """For each element, the product of the other elements along the last axis."""
    if np.all(plain(x) != 0):
        total, exponent = _halved(x)
        own = _scale(x)
        return _times_power(total / _times_power(x, -own), exponent - own)
    columns = [x[..., index] for index in range(x.shape[-1])]
    before, after = _products(columns), _products(columns[::-1])[::-1]
    return np.stack(
        [_times_power(b * a, m + n) for (b, m), (a, n) in zip(before, after, strict=True)], axis=-1
    )


def _prod_rule(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    g = restore_axes(g, axis, keepdims)
    if where is not True:
        x = np.where(where, x, 1)
    if is_normal(y):
        return _masked(g * (restore_axes(y, axis, keepdims) / x), where)
    axes = normalize_axes(axis, len(x.shape)) if x.shape else ()  # a number has an axis 0 here
    others = _axis_back(_others(_axis_last(x, axes)), x.shape, axes)
    return _masked(g * others, where)


def _product(d: Draw) -> Call:
    args, kwargs = _reduction(d, empty=False)
    x = args[0].copy()
    if x.size and d.flag():
        x.flat[d.integer(0, x.size - 1)] = 0
    if x.size and d.flag():
        x.flat[d.integer(0, x.size - 1)] = 0
    return (x,), kwargs


prod = primitive(
    np.prod,
    signature="x, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True",
    forward="np.multiply.reduce(x, axis, dtype, None, keepdims, initial, where)",
    x=_prod_rule,
    selects="where",
    domain=cases(_product),
)

# ---------------------------------------------------------------- extrema


def _extremum_rule(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    ties = x == restore_axes(y, axis, keepdims)
    count = np.sum(ties, axis=axis, keepdims=True)
    g = restore_axes(g, axis, keepdims)
    return (g if np.all(count == 1) else over_count(g, count)) * ties


def _extremum(d: Draw) -> Call:
    return _reduction(d, empty=False, distinct=True)


def _tied(y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return np.sum(x == restore_axes(y, axis, keepdims), axis=axis, keepdims=keepdims) > 1


def _tied_form(q: Any, dx: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Each of the tied elements may be the extremum: the spread of their changes."""
    ties = x == restore_axes(y, axis, keepdims)
    share = ties.astype(q.dtype) / np.sum(ties, axis=axis, keepdims=True)
    apart = dx - np.sum(share * dx, axis=axis, keepdims=True)
    return restore_axes(q, axis, keepdims) * share * apart


_tie = Bend(at=_tied, x=_tied_form)
_max = primitive(
    np.maximum.reduce,
    name="max",
    signature="x, axis=None, keepdims=False",
    forward="np.maximum.reduce(x, axis, None, None, keepdims)",
    x=_extremum_rule,
    selects=True,
    bend=_tie,
    domain=cases(_extremum),
    kinks=[1.0],
)
_min = primitive(
    np.minimum.reduce,
    name="min",
    signature="x, axis=None, keepdims=False",
    forward="np.minimum.reduce(x, axis, None, None, keepdims)",
    x=_extremum_rule,
    selects=True,
    bend=_tie,
    domain=cases(_extremum),
    kinks=[1.0],
)


def _number(initial: Any) -> Any:
    if np.ndim(initial):
        raise ValueError(f"initial= needs a single number, not shape {np.shape(initial)}")
    return None if initial is np._NoValue else initial


@composite(np.max, domain=cases(_extremum), kinks=[1.0])
def max(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """The maximum; equal elements share the gradient equally."""
    initial = _number(initial)
    if where is not True:
        a = np.where(truth(where), a, -np.inf if initial is None else initial)
    if initial is not None and np.size(a) == 0:
        return np.max(plain(a), axis, keepdims=keepdims, initial=plain(initial))
    y = _max(a, axis, keepdims)
    return y if initial is None else np.maximum(y, initial)


@composite(np.min, domain=cases(_extremum), kinks=[1.0])
def min(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """The minimum; equal elements share the gradient equally."""
    initial = _number(initial)
    if where is not True:
        a = np.where(truth(where), a, np.inf if initial is None else initial)
    if initial is not None and np.size(a) == 0:
        return np.min(plain(a), axis, keepdims=keepdims, initial=plain(initial))
    y = _min(a, axis, keepdims)
    return y if initial is None else np.minimum(y, initial)


# ---------------------------------------------------------------- running sums and products


def _running(d: Draw) -> Call:
    x = d.array(d.shape(min_dims=1))
    return (x,), {"axis": None if d.flag() else d.axis(x.ndim)}


def _cumsum_rule(g: Any, x_shape: tuple[int, ...], axis: int | None) -> Any:
    along = 0 if axis is None else axis
    return np.reshape(np.flip(np.cumsum(np.flip(g, along), along), along), x_shape)


cumsum = primitive(
    np.cumsum,
    signature="x, axis=None, dtype=None, out=None",
    forward=lambda x, axis, dtype, out: np.cumsum(x, axis, dtype),
    x=_cumsum_rule,
    domain=cases(_running),
)


def _cumprod_rule(g: Any, y: Any, x: Any, axis: int | None) -> Any:
    if axis is None or not x.shape:
        return np.reshape(_cumprod_rule(g, y, np.reshape(x, -1), 0), x.shape)
    if is_normal(y):
        return np.flip(np.cumsum(np.flip(g * y, axis), axis), axis) / x
    # With zeros, of underflow too: dL/dx_k = (x_0 ... x_{k-1}) S_k, S_k = g_k + x_{k+1} S_{k+1}.
    g, x = (np.moveaxis(v, axis, 0) for v in (g, x))
    before = np.concatenate([np.ones_like(x[:1]), np.cumprod(x[:-1], 0)])
    return np.moveaxis(before * backwards(x[1:], g), 0, axis)


def _running_product(d: Draw) -> Call:
    x = d.array(d.shape(min_dims=1, min_side=1)).copy()
    if d.flag():
        x.flat[d.integer(0, x.size - 1)] = 0
    return (x,), {"axis": None if d.flag() else d.axis(x.ndim)}


cumprod = primitive(
    np.cumprod,
    signature="x, axis=None, dtype=None, out=None",
    forward=lambda x, axis, dtype, out: np.cumprod(x, axis, dtype),
    x=_cumprod_rule,
    domain=cases(_running_product),
)
