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

_KNOWN = {
    np.add: segment_sums,
    np.multiply: segment_products,
    np.maximum: _extremes(np.maximum),
    np.minimum: _extremes(np.minimum),
}


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
    known = _KNOWN.get(function)
    if known is segment_products and not is_normal(np.multiply.reduceat(plain(x), starts, 0)):
        known = None
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
