"""Medians, quantiles and percentiles, with all of NumPy's methods.

A quantile lies between two neighbours of the sorted elements, or on one of them. The positions
come from NumPy itself: the quantile of 0, 1, 2, ... is the position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, between, cases, integers, positive
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.engine.shapes import normalize_axes
from autodiff.rules.indexing import scatter
from autodiff.rules.ordering import unsort
from autodiff.rules.reductions import _axis_back, _axis_last
from autodiff.rules.selecting import along_axis

# The methods in which the result depends on q continuously, with the constants alpha and beta
# of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996), table 1.
_CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
_STEPS = (
    "lower", "higher", "nearest", "midpoint",
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
)  # fmt: skip


def _lanes(a: Any, axis: Any) -> Any:
    """`a` with the axes of the quantile flattened into the last one."""
    return _axis_last(a, normalize_axes(axis, np.ndim(a)))


def _counts(lanes: Any, skip: bool) -> np.ndarray:
    """How many elements of each lane count."""
    if skip:
        return np.sum(~np.isnan(plain(lanes)), axis=-1)
    return np.full(lanes.shape[:-1], lanes.shape[-1])


def _rate(counts: np.ndarray, method: Any) -> tuple[np.ndarray, float]:
    """A quantile of order q is at ``q * rate + start``."""
    alpha, beta = _CONTINUOUS[method]
    return counts[..., None] + (1 - alpha - beta), alpha - 1


def _positions(lanes: Any, q: Any, method: Any, skip: bool) -> Any:
    """Where the quantiles are in each sorted lane; their axis comes last."""
    counts = _counts(lanes, skip)
    if method in _CONTINUOUS:
        rate, start = _rate(counts, method)
        return np.clip(np.ravel(q) * rate + start, 0, np.maximum(counts - 1, 0)[..., None])
    found = np.zeros((*counts.shape, np.size(q)))
    for count in np.unique(counts[counts > 0]).tolist():
        sample = np.arange(count, dtype=lanes.dtype)
        found[counts == count] = np.ravel(np.quantile(sample, plain(q), method=method))
    return found


def _values_rule(
    g: Any, y: Any, a: Any, q: Any, axis: Any, method: Any, weights: Any, skip: bool
) -> Any:
    if not np.size(a):
        return np.zeros_like(a)
    lanes = _lanes(a, axis)
    kept = lanes.shape[:-1]
    g, y = (np.moveaxis(np.reshape(v, (np.size(q), *kept)), 0, -1) for v in (g, y))
    if weights is None:
        position = _positions(lanes, q, method, skip)
        low = np.floor(plain(position)).astype(int)
        high = np.minimum(low + 1, lanes.shape[-1] - 1)
        upper = g * (position - low).astype(g.dtype)
        result = scatter(g - upper, along_axis(low, -1), lanes.shape)
        result = result + scatter(upper, along_axis(high, -1), lanes.shape)
        result = unsort(result, lanes)
    else:  # the result is one of the elements
        chosen = np.equal(lanes[..., None, :], y[..., None])
        share = chosen / np.maximum(np.sum(chosen, axis=-1, keepdims=True), 1)
        result = np.sum(g[..., None] * share.astype(g.dtype), axis=-2)
    return _axis_back(result, a.shape, normalize_axes(axis, a.ndim))


def _order_rule(g: Any, a: Any, q: Any, axis: Any, method: Any, weights: Any, skip: bool) -> Any:
    lanes = _lanes(a, axis)
    if weights is not None or method not in _CONTINUOUS or lanes.shape[-1] < 2:
        return np.zeros_like(g, shape=np.shape(q))
    g = np.moveaxis(np.reshape(g, (np.size(q), *lanes.shape[:-1])), 0, -1)
    counts = _counts(lanes, skip)
    rate, start = _rate(counts, method)
    position = np.ravel(plain(q)) * rate + start
    # On an element the slope is the mean of those on both sides; beyond the ends it is zero.
    gaps = np.diff(np.sort(lanes, axis=-1), axis=-1)
    slope = 0.0
    for before in (np.floor(position), np.ceil(position) - 1):
        inside = (before >= 0) & (before < counts[..., None] - 1)
        gap = np.take_along_axis(gaps, np.where(inside, before, 0).astype(int), -1)
        slope = slope + np.where(inside, gap, 0) / 2
    total = np.sum(g * slope * rate, axis=tuple(range(np.ndim(g) - 1)))
    return np.reshape(total, np.shape(q))


def _quantile(function: Any, skip: bool) -> tuple[Any, Any]:
    """A quantile and a median, of all elements or of those that are not NaN."""
    name = "nan" if skip else ""
    quantile = primitive(
        function,
        signature="a, q, axis=None, out=None, overwrite_input=False, method='linear', "
        "keepdims=False, *, weights=None",
        forward=lambda a, q, axis, out, overwrite_input, method, keepdims, weights: function(
            a, q, axis, method=method, keepdims=keepdims, weights=weights
        ),
        a=lambda g, y, a, q, axis, method, weights: _values_rule(
            g, y, a, q, axis, method, weights, skip
        ),
        q=lambda g, a, q, axis, method, weights: _order_rule(g, a, q, axis, method, weights, skip),
        weights=None,
        selects=True,
        domain=cases(_quantile_case),
    )
    middle: Callable[..., Any] = np.nanmedian if skip else np.median
    median = primitive(
        middle,
        name=f"{name}median",
        signature="a, axis=None, out=None, overwrite_input=False, keepdims=False",
        forward=lambda a, axis, out, overwrite_input, keepdims: middle(a, axis, keepdims=keepdims),
        a=lambda g, y, a, axis: _values_rule(g, y, a, 0.5, axis, "linear", None, skip),
        selects=True,
        domain=cases(_median_case),
    )
    return quantile, median


def _median_case(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=2))
    return (x,), {"axis": d.choice((None, 0, -1)), "keepdims": d.flag()}


def _quantile_case(d: Draw) -> Call:
    (x,), options = _median_case(d)
    if d.flag():
        # Steps need fixed orders, at which no step is.
        order: Any = d.choice((0.37, [0.37, 0.83]))
        if d.flag():
            weights = d.array(x.shape, positive)
            return (x, order), {**options, "weights": weights, "method": "inverted_cdf"}
        return (x, order), {**options, "method": d.choice(_STEPS)}
    # Between two elements, away from both.
    axis, method = options["axis"], d.choice(tuple(_CONTINUOUS))
    length = x.size if axis is None else x.shape[axis]
    rate, start = _rate(np.array(length), method)
    shape = d.choice(((), (2,)))
    place = d.array(shape, integers(0, length - 2)) + d.array(shape, between(0.2, 0.8))
    return (x, np.reshape((place - start) / rate, shape)), {**options, "method": method}


def _percentile_case(d: Draw) -> Call:
    (x, order), options = _quantile_case(d)
    # A single number is promoted in another way than by np.quantile, before NumPy 2.3.
    return (x, np.multiply(np.atleast_1d(order), 100)), options


quantile, median = _quantile(np.quantile, skip=False)
nanquantile, nanmedian = _quantile(np.nanquantile, skip=True)


def _percentage(q: Any) -> Any:
    return np.asarray(q) / 100 if isinstance(q, list | tuple) else q / 100


@composite(np.percentile, domain=cases(_percentile_case))
def percentile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
    """The quantile at `q` hundredths."""
    return np.quantile(a, _percentage(q), *args, **options)


@composite(np.nanpercentile, domain=cases(_percentile_case))
def nanpercentile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
    """The quantile at `q` hundredths of the elements that are not NaN."""
    return np.nanquantile(a, _percentage(q), *args, **options)
