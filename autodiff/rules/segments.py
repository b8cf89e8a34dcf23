"""Reductions of segments, ``ufunc.reduceat``, without a call for each segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare.declaration import Bend
from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import plain, primitive
from autodiff.rules.reductions import is_normal, over_count


def _lengths(x: Any, starts: Any) -> Any:
    return np.diff(starts, append=np.shape(x)[0])


def _spread(g: Any, x: Any, starts: Any) -> Any:
    """The number of each segment, for each of its elements."""
    return np.repeat(g, _lengths(x, starts), axis=0)


def _segments(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=1))
    starts = [0, *(k for k in range(1, len(x)) if d.flag())]
    return (x, np.array(starts)), {}


segment_sums = primitive(
    lambda x, starts: np.add.reduceat(x, starts, 0),
    name="segment_sums",
    x=lambda g, starts, x_shape: np.repeat(g, np.diff(starts, append=x_shape[0]), axis=0),
    domain=cases(_segments),
)


def _ties(y: Any, x: Any, starts: Any) -> tuple[Any, Any]:
    """Where an element is the extremum of its segment, and how many are, for each segment."""
    ties = plain(x) == _spread(plain(y), x, starts)
    return ties, np.add.reduceat(ties, starts, 0, dtype=int)


def _extremum_rule(g: Any, y: Any, x: Any, starts: Any) -> Any:
    if g.__class__ is np.ndarray:
        places = np.flatnonzero(x == _spread(y, x, starts)) if x.ndim == 1 else ()
        if len(places) == len(y):  # nothing is tied
            result = np.zeros(x.shape, g.dtype)
            result[places] = g
            return result
    ties, count = _ties(y, x, starts)
    return _spread(g if np.all(count == 1) else over_count(g, count), x, starts) * ties


def _tied_form(q: Any, dx: Any, y: Any, x: Any, starts: Any) -> Any:
    """Each of the tied elements may be the extremum: the spread of their changes."""
    ties, count = _ties(y, x, starts)
    share = ties / _spread(count, x, starts).astype(q.dtype)
    apart = dx - _spread(segment_sums(share * dx, starts), x, starts)
    return _spread(q, x, starts) * share * apart


def _extremes(function: np.ufunc) -> Any:
    return primitive(
        lambda x, starts: function.reduceat(x, starts, 0),
        name=f"segment_{function.__name__}",
        x=_extremum_rule,
        selects=True,
        bend=Bend(at=lambda y, x, starts: _ties(y, x, starts)[1] > 1, x=_tied_form),
        domain=cases(_segments),
    )


segment_products = primitive(  # which are normal numbers; then no element is 0
    lambda x, starts: np.multiply.reduceat(x, starts, 0),
    name="segment_products",
    x=lambda g, y, x, starts: _spread(g, x, starts) * (_spread(y, x, starts) / x),
    domain=cases(_segments),
)

segment_norms = primitive(  # none of which is 0, where they have a kink
    lambda x, starts: np.hypot.reduceat(x, starts, 0),
    name="segment_norms",
    x=lambda g, y, x, starts: _spread(g / y, x, starts) * x,
    domain=cases(_segments),
)


def _signs(x: Any, starts: Any) -> Any:
    """1 for the first element of each segment, -1 for the others."""
    signs = np.full((np.shape(x)[0],) + (1,) * (np.ndim(x) - 1), -1, plain(x).dtype)
    signs[starts] = 1
    return signs


segment_differences = primitive(
    lambda x, starts: np.subtract.reduceat(x, starts, 0),
    name="segment_differences",
    x=lambda g, x, starts: _spread(g, x, starts) * _signs(x, starts),
    domain=cases(_segments),
)
segment_quotients = primitive(  # of numbers that are not 0
    lambda x, starts: np.divide.reduceat(x, starts, 0),
    name="segment_quotients",
    x=lambda g, y, x, starts: _spread(g * y, x, starts) * (_signs(x, starts) / x),
    domain=cases(_segments),
)


def _logarithms(function: np.ufunc, power: np.ufunc) -> Any:
    """Logarithms of sums of powers; the shares of the terms are their slopes."""
    return primitive(
        lambda x, starts: function.reduceat(x, starts, 0),
        name=f"segment_{function.__name__}",
        x=lambda g, y, x, starts: _spread(g, x, starts) * power(x - _spread(y, x, starts)),
        domain=cases(_segments),
    )


_maxima, _minima = _extremes(np.maximum), _extremes(np.minimum)
_FINITE: dict[np.ufunc, Any] = {  # what is known of finite numbers
    np.fmax: _maxima,
    np.fmin: _minima,
    np.logaddexp: _logarithms(np.logaddexp, np.exp),
    np.logaddexp2: _logarithms(np.logaddexp2, np.exp2),
    np.subtract: segment_differences,
}
_NORMAL = {  # if the results are normal numbers: neither 0 nor infinite
    np.multiply: segment_products,
    np.divide: segment_quotients,
    np.hypot: segment_norms,
}


def _known(function: np.ufunc, x: Any, starts: Any) -> Any:
    """What computes ``function.reduceat`` of these numbers, if that is known."""
    if function is np.add:
        return segment_sums
    if function is np.maximum or function is np.minimum:
        return _maxima if function is np.maximum else _minima
    x = plain(x)
    if x.dtype.kind != "f" or not np.all(np.isfinite(x)):
        return None
    if function in _NORMAL:
        return _NORMAL[function] if is_normal(function.reduceat(x, starts, 0)) else None
    return _FINITE.get(function)


def reduce_segments(function: np.ufunc, x: Any, indices: Any, reduce: Callable[..., Any]) -> Any:
    """``function.reduceat(x, indices)`` along the first axis.

    Arguments:
        reduce: ``reduce(function, array, axis)``, for what is not known here. It is called once
            for all segments of the same length.
    """
    indices = np.asarray(indices)
    if not indices.size or np.any((indices < 0) | (indices >= len(x))):
        return function.reduceat(plain(x), indices)  # empty, or NumPy's error
    lengths = np.maximum(_lengths(x, indices), 1)
    starts = np.cumsum(lengths) - lengths
    if np.any(indices != starts):
        x = x[np.arange(lengths.sum()) + np.repeat(indices - starts, lengths)]
    known = _known(function, x, starts)
    if known is not None:
        return known(x, starts)
    order = np.argsort(lengths, kind="stable")
    sizes, counts = np.unique(lengths, return_counts=True)
    if len(sizes) > 1:  # segments of the same length side by side
        sorted_lengths = lengths[order]
        moved = starts[order] - (np.cumsum(sorted_lengths) - sorted_lengths)
        x = x[np.arange(lengths.sum()) + np.repeat(moved, sorted_lengths)]
    parts = [
        reduce(function, np.reshape(part, (count, size, *x.shape[1:])), 1)
        for part, count, size in zip(
            np.split(x, np.cumsum(counts * sizes)[:-1]), counts.tolist(), sizes.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    return parts[0] if len(parts) == 1 else np.concatenate(parts)[np.argsort(order)]
