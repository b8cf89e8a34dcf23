"""Averages, spread, covariance, and the reductions that skip NaN."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases, nonzero, positive
from autodiff.declare.primitive import composite, plain
from autodiff.engine.shapes import normalize_axes
from autodiff.rules import reductions
from autodiff.rules.indexing import truth
from autodiff.tensors.tensor import as_tensor

# ---------------------------------------------------------------- without NaN


def _with_nan(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=2))
    if d.flag():
        x.flat[d.integer(0, x.size - 1)] = np.nan
    return (x,), {"axis": d.choice((None, 0, -1)), "keepdims": d.flag()}


def _running_with_nan(d: Draw) -> Call:
    (x,), options = _with_nan(d)
    return (x,), {"axis": options["axis"]}


_domain = cases(_with_nan)


def _numbers(a: Any, where: Any) -> Any:
    """Where `a` is not NaN, and `where` holds."""
    return np.logical_and(np.logical_not(np.isnan(a)), truth(where))


@composite(np.nansum, domain=_domain)
def nansum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
           initial: Any = 0, where: Any = True) -> Any:  # fmt: skip
    """The sum of the elements that are not NaN."""
    where = _numbers(a, where)
    return np.sum(a, axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


def _factors(d: Draw) -> Call:
    x = d.array((d.integer(2, 4), 3), nonzero)
    x[0, 0] = d.choice((1.0, np.nan, 0.0))
    return (x,), {"axis": d.choice((None, 0, -1)), "keepdims": d.flag()}


@composite(np.nanprod, domain=cases(_factors))
def nanprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
            initial: Any = 1, where: Any = True) -> Any:  # fmt: skip
    """The product of the elements that are not NaN."""
    where = _numbers(a, where)
    return np.prod(a, axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)


def _moment(function: Any, lost: Any, a: Any, axis: Any, where: Any, **options: Any) -> Any:
    """A mean, variance or deviation; NaN for a lane with no more elements than are `lost`."""
    valid = _numbers(a, where)
    few = np.sum(np.broadcast_to(valid, np.shape(a)), axis, keepdims=True) <= lost
    if not np.any(few):
        return function(a, axis, where=valid, **options)
    warnings.warn(_TOO_FEW[function], RuntimeWarning, stacklevel=4)
    y = function(np.where(few, 0, a), axis, where=np.logical_or(valid, few), **options)
    return np.where(np.reshape(few, y.shape), np.nan, y)


_TOO_FEW: dict[Any, str] = {
    np.mean: "Mean of empty slice",
    np.var: "Degrees of freedom <= 0 for slice",
    np.std: "Degrees of freedom <= 0 for slice",
}


@composite(np.nanmean, domain=_domain)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
            *, where: Any = True) -> Any:  # fmt: skip
    """The mean of the elements that are not NaN."""
    return _moment(np.mean, 0, a, axis, where, dtype=dtype, keepdims=keepdims)


@composite(np.nanvar, domain=_domain)
def nanvar(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
           keepdims: bool = False, *, where: Any = True, mean: Any = None,
           correction: Any = None) -> Any:  # fmt: skip
    """The variance of the elements that are not NaN."""
    ddof = ddof if correction is None else correction
    return _moment(
        np.var, ddof, a, axis, where, dtype=dtype, ddof=ddof, keepdims=keepdims, mean=mean
    )


@composite(np.nanstd, domain=_domain)
def nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
           keepdims: bool = False, *, where: Any = True, mean: Any = None,
           correction: Any = None) -> Any:  # fmt: skip
    """The standard deviation of the elements that are not NaN."""
    ddof = ddof if correction is None else correction
    return _moment(
        np.std, ddof, a, axis, where, dtype=dtype, ddof=ddof, keepdims=keepdims, mean=mean
    )


def _extremum(reduce: Any, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    valid = _numbers(a, where)
    y = reduce(a, axis, keepdims=keepdims, initial=initial, where=valid)
    empty = np.logical_not(np.any(np.broadcast_to(valid, np.shape(a)), axis, keepdims=keepdims))
    if initial is None and np.any(empty):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=4)
        y = np.where(empty, np.nan, y)
    return y


@composite(np.nanmax, domain=_domain)
def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False,
           initial: Any = None, where: Any = True) -> Any:  # fmt: skip
    """The maximum of the elements that are not NaN; equal ones share the gradient."""
    return _extremum(reductions.max, a, axis, keepdims, initial, where)


@composite(np.nanmin, domain=_domain)
def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False,
           initial: Any = None, where: Any = True) -> Any:  # fmt: skip
    """The minimum of the elements that are not NaN; equal ones share the gradient."""
    return _extremum(reductions.min, a, axis, keepdims, initial, where)


@composite(np.nancumsum, domain=cases(_running_with_nan))
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sums in which NaN counts as zero."""
    return np.cumsum(np.where(np.isnan(a), 0, a), axis, dtype)


@composite(np.nancumprod, domain=cases(_running_with_nan))
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """Running products in which NaN counts as one."""
    return np.cumprod(np.where(np.isnan(a), 1, a), axis, dtype)


# ---------------------------------------------------------------- average and range

composite(np.amax, domain=cases(reductions._extremum), kinks=[1.0])(reductions.max)
composite(np.amin, domain=cases(reductions._extremum), kinks=[1.0])(reductions.min)


def _averaged(d: Draw) -> Call:
    x = d.array(d.shape(min_dims=1, min_side=1))
    axis = d.choice((None, 0, -1))
    length = 0 if axis is None else x.shape[axis]
    shape = d.choice((x.shape, (length,))) if length else x.shape
    weights = d.array(shape, positive) if d.flag() else None
    return (x,), {"axis": axis, "weights": weights, "returned": d.flag(), "keepdims": d.flag()}


@composite(np.average, domain=cases(_averaged))
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """The weighted mean, and with `returned` the sum of the weights."""
    a = as_tensor(a)
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        total: Any = mean.dtype.type(a.size / mean.size) if returned else None
    else:
        weights = _spread_weights(as_tensor(weights), a.shape, axis)
        least = [np.float64] if a.dtype.kind in "iub" else []
        kind = np.result_type(a.dtype, weights.dtype, *least)
        a, weights = a.astype(kind), weights.astype(kind)
        total = np.sum(weights, axis, keepdims=keepdims)
        if np.any(total == 0):
            raise ZeroDivisionError("average: the weights add up to zero")
        mean = np.sum(a * weights, axis, keepdims=keepdims) / total
    return (mean, np.copy(np.broadcast_to(total, mean.shape))) if returned else mean


def _spread_weights(weights: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """The weights in a shape that broadcasts against the data's."""
    if weights.shape == shape:
        return weights
    if axis is None:
        raise TypeError(
            f"average: weights of shape {weights.shape} for data of shape {shape} need axis="
        )
    axes = normalize_axes(axis, len(shape))
    if weights.shape != tuple(shape[one] for one in axes):
        raise ValueError(
            f"average: weights of shape {weights.shape} do not fit data of shape {shape} "
            f"along axis {axis}"
        )
    order = np.argsort(axes).tolist()
    sides = [n if one in axes else 1 for one, n in enumerate(shape)]
    return np.reshape(np.transpose(weights, order), sides)


@composite(np.ptp, domain=cases(reductions._extremum))
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """The maximum less the minimum."""
    return np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims)


# ---------------------------------------------------------------- covariance


def _observed(d: Draw) -> Call:
    x = d.distinct((3, 4))
    y = d.choice((None, d.array((4,)), d.array((2, 4))))
    return (x,), {"y": y}


def _weighted_observed(d: Draw) -> Call:
    args, options = _observed(d)
    if d.flag():
        options["aweights"] = d.array((4,), positive)
    if d.flag():
        options["fweights"] = np.array([1, 2, 1, 3])
    return args, {**options, "bias": d.flag()}


def _variables(m: Any, rowvar: bool, name: str) -> Any:
    """One row for each variable."""
    if np.ndim(m) > 2:
        raise ValueError(f"cov: {name} has more than two dimensions")
    return np.atleast_2d(m) if rowvar or np.ndim(m) < 2 else np.transpose(m)


def _sample_weights(weights: Any, count: int, name: str) -> Any:
    weights = as_tensor(weights).astype(float)
    if weights.shape != (count,):
        raise RuntimeError(f"cov: {name} has shape {weights.shape} for {count} observations")
    if np.any(weights < 0):
        raise ValueError(f"cov: {name} must not be negative")
    return weights


@composite(np.cov, domain=cases(_weighted_observed))
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
        fweights: Any = None, aweights: Any = None, *, dtype: Any = None) -> Any:  # fmt: skip
    """The covariance matrix of variables in rows."""
    x = _variables(m, rowvar, "m")
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar, "y")], 0)
    x = as_tensor(x).astype(dtype or np.result_type(x.dtype, np.float64))
    count = x.shape[1]
    ddof = (0 if bias else 1) if ddof is None else operator.index(ddof)
    weights = None
    if fweights is not None:
        weights = _sample_weights(fweights, count, "fweights")
        if np.any(weights != np.round(weights)):
            raise TypeError("cov: fweights must be whole numbers")
    if aweights is not None:
        aweights = _sample_weights(aweights, count, "aweights")
        weights = aweights if weights is None else weights * aweights
    total = count if weights is None else np.sum(weights)
    lost = ddof
    if aweights is not None and ddof:
        lost = ddof * np.sum(weights * aweights) / total
    x = x - np.average(x, axis=1, weights=weights)[:, None]
    freedom = total - lost
    if freedom <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        freedom = 0.0
    right = np.conjugate(np.transpose(x if weights is None else x * weights))
    return np.squeeze(np.matmul(x, right) / freedom)


@composite(np.corrcoef, domain=cases(_observed))
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, bias: Any = None, ddof: Any = None, *,
             dtype: Any = None) -> Any:  # fmt: skip
    """The correlation matrix of variables in rows; `bias` and `ddof` never had an effect."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation[None, :]
    # The rounding error that may lead out of [-1, 1] is no part of the function.
    return c + (_limited(plain(c)) - plain(c))


def _limited(c: Any) -> Any:
    real = np.clip(c.real, -1, 1)
    return real + 1j * np.clip(c.imag, -1, 1) if np.iscomplexobj(c) else real
