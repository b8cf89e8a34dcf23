"""Histograms: counts are constant, weighted counts are linear in the weights.

The edges follow the data: with ``bins=10`` they run from its minimum to its maximum, so they have
a gradient, and so has a density.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases, integers, real
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.rules.indexing import scatter
from autodiff.tensors.tensor import as_tensor

bincount = primitive(
    np.bincount,
    signature="x, weights=None, minlength=0",
    x=None,
    weights=lambda g, x: g[x],
    domain=cases(
        lambda d: ((d.array((4,), integers(0, 3)), d.array((4,))), {"minlength": d.choice((0, 6))})
    ),
)


def _edges(a: Any, bins: Any, limits: Any, weights: Any) -> Any:
    """The edges of the bins, with the gradient that they have."""
    if np.ndim(bins) == 1:
        return as_tensor(bins)
    a = as_tensor(a)
    count = len(np.histogram_bin_edges(plain(a), bins, plain(limits), plain(weights)))
    if limits is None:
        limits = (np.min(a), np.max(a)) if a.size else (0.0, 1.0)
    first, last = limits
    if first == last:
        first, last = first - 0.5, last + 0.5
    return as_tensor(np.linspace(first, last, count)).astype(
        np.result_type(plain(first), plain(last), a.dtype, 0.0)
    )


def _bin_of(a: Any, edges: Any) -> np.ndarray:
    """The number of the bin of each element, and -1 for those outside; the last edge is inside."""
    values, bounds = np.ravel(plain(a)), plain(edges)
    found = np.searchsorted(bounds, values, side="right") - 1
    found[values == bounds[-1]] -= 1
    found[found >= len(bounds) - 1] = -1
    return found


def _binned(d: Draw) -> Call:
    a = d.distinct((4,))
    options: dict[str, Any] = {"bins": np.array([-1.1, -0.41, 0.6, 1.3])}
    if d.flag():
        options = {"bins": 2, "range": d.choice((None, (-1.02, 1.02)))}
    return (a,), {**options, "weights": d.array(a.shape) if d.flag() else None}


def _histogram_case(d: Draw) -> Call:
    (a,), options = _binned(d)
    if options["weights"] is not None:
        options["weights"] = np.abs(options["weights"]) + 0.3
    return (np.append(a, 0.02),), {
        **options,
        "weights": None if options["weights"] is None else np.append(options["weights"], 0.7),
        "density": d.flag(),
    }


@composite(np.histogram_bin_edges, domain=cases(_binned))
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of the bins."""
    return _edges(a, bins, range, weights)


@composite(np.histogram, domain=cases(_histogram_case))
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> Any:
    """How many elements each bin has, or the sum of their weights; and the edges."""
    edges = _edges(a, bins, range, weights)
    counts = _count([_bin_of(a, edges)], weights, [edges])
    if density:
        counts = counts / np.diff(edges).astype(float) / np.sum(counts)
    return counts, edges


def _count(places: Sequence[np.ndarray], weights: Any, edges: Sequence[Any]) -> Any:
    """The (weighted) number of samples in each cell."""
    inside = np.all([place >= 0 for place in places], axis=0)
    index = tuple(place[inside] for place in places)
    shape = tuple(np.size(edge) - 1 for edge in edges)
    if weights is None:
        counts = np.zeros(shape, int)
        np.add.at(counts, index, 1)
        return counts
    return scatter(np.ravel(weights)[inside], index, shape)


def _scattered(d: Draw) -> Call:
    sample = np.stack([d.distinct((4,)), d.distinct((4,))], axis=1)
    bins: Any = d.choice((2, [np.array([-1.3, -0.11, 0.63]), np.array([-1.1, 0.71, 1.2])]))
    weights = np.abs(d.array((4,), real)) + 0.3 if d.flag() else None
    return (sample,), {"bins": bins, "weights": weights, "density": d.flag()}


@composite(np.histogramdd, domain=cases(_scattered))
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> Any:
    """The histogram of points in several dimensions, and the edges along each."""
    if not hasattr(sample, "shape"):
        sample = np.stack([as_tensor(part) for part in sample], axis=-1)
    elif np.ndim(sample) != 2:
        sample = np.transpose(np.atleast_2d(sample))
    dims = sample.shape[1]
    if isinstance(bins, int | np.integer | str):
        bins = [bins] * dims
    limits = [None] * dims if range is None else range
    if len(bins) != dims or len(limits) != dims:
        raise ValueError(
            f"histogramdd: {dims} dimensions, but bins for {len(bins)} and ranges for {len(limits)}"
        )
    columns = [sample[:, dim] for dim in np.arange(dims)]
    edges = [_edges(c, b, r, None) for c, b, r in zip(columns, bins, limits, strict=True)]
    places = [_bin_of(c, e) for c, e in zip(columns, edges, strict=True)]
    weights = None if weights is None else as_tensor(weights).astype(float)
    counts = _count(places, weights, edges).astype(float)
    if density:
        counts = counts / np.sum(counts)
        for dim, edge in enumerate(edges):
            counts = counts / np.reshape(np.diff(edge), (-1,) + (1,) * (dims - 1 - dim))
    return counts, edges


def _plane_case(d: Draw) -> Call:
    (sample,), options = _scattered(d)
    return (sample[:, 0], sample[:, 1]), options


@composite(np.histogram2d, domain=cases(_plane_case))
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool | None = None,
    weights: Any = None,
) -> Any:  # fmt: skip
    """The histogram of points in the plane, and the edges along both axes."""
    if not isinstance(bins, int | np.integer) and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, *edges
