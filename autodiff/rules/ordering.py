"""Order and sets: `sort`, `partition`, `unique`, and what is built on them.

Ties share equally: where several elements are equal, the cotangent of each of their places is
spread over all of them. So the median of ``[1, 1, 2]`` has the gradient ``[1/2, 1/2, 0]``, and
`unique` gives each copy of a value its share.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.declaration import Bend
from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.rules.indexing import scatter
from autodiff.rules.reductions import over_count

# ---------------------------------------------------------------- sort and partition


def share_ties(g: Any, y: Any) -> Any:
    """Equal neighbours along the last axis of the sorted `y` share their cotangents equally."""
    equal = y[..., 1:] == y[..., :-1]
    if not np.any(equal):
        return g
    first = np.concatenate([np.ones((*y.shape[:-1], 1), bool), np.logical_not(equal)], axis=-1)
    group = np.reshape(np.cumsum(first) - 1, y.shape)
    count = np.bincount(np.ravel(group))
    return over_count(scatter(g, group, count.shape), count)[group]


def unsort(g: Any, x: Any) -> Any:
    """The cotangent of `x`, from that of `x` sorted along its last axis."""
    order = np.argsort(x, axis=-1)
    g = share_ties(g, np.take_along_axis(plain(x), order, -1))
    return np.take_along_axis(g, np.argsort(order, axis=-1), -1)


def _along_last(rule: Any, axis: int | None, *arrays: Any) -> Any:
    """A rule for the last axis, applied along another one (None: to the flattened arrays)."""
    if axis is None:
        return np.reshape(rule(*(np.ravel(a) for a in arrays)), arrays[-1].shape)
    return np.moveaxis(rule(*(np.moveaxis(a, axis, -1) for a in arrays)), -1, axis)


def _tied(x: Any, axis: int | None) -> Any:
    """Where the sorted elements have an equal neighbour."""
    y = np.sort(x, axis=axis)
    along = -1 if axis is None else axis
    equal = np.diff(y, axis=along) == 0
    edge = np.zeros_like(equal, shape=np.sum(y, axis=along, keepdims=True).shape)
    before, after = np.concatenate([edge, equal], along), np.concatenate([equal, edge], along)
    return before | after


def _tied_form(q: Any, dx: Any, x: Any, axis: int | None) -> Any:
    """Equal elements may change places: the spread of their changes."""

    def form(q: Any, dx: Any, x: Any) -> Any:
        order = np.argsort(x, axis=-1)
        changes, y = np.take_along_axis(dx, order, -1), np.take_along_axis(x, order, -1)
        spread = q * (changes - share_ties(changes, y))
        return np.take_along_axis(spread, np.argsort(order, axis=-1), -1)

    return _along_last(form, axis, q, dx, x)


def _unpartition(g: Any, y: Any, x: Any) -> Any:
    return unsort(np.take_along_axis(g, np.argsort(y, axis=-1), -1), x)


def _sortable(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=1))
    return (x,), {"axis": d.choice((-1, 0, None))}


def _partitioned(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=1))
    axis = d.choice((-1, 0, None))
    length = x.size if axis is None else x.shape[axis]
    return (x, d.integer(-length, length - 1)), {"axis": axis}


sort = primitive(
    np.sort,
    signature="x, axis=-1, kind=None, order=None, *, stable=None",
    x=lambda g, x, axis: _along_last(unsort, axis, g, x),
    bend=Bend(at=_tied, x=_tied_form),
    domain=cases(_sortable),
)
partition = primitive(
    np.partition,
    signature="x, kth, axis=-1, kind='introselect', order=None",
    x=lambda g, y, x, axis: _along_last(_unpartition, axis, g, y, x),
    kth=None,
    domain=cases(_partitioned),
)


@composite(np.sort_complex, domain=cases(lambda d: ((d.distinct(d.shape(min_dims=1)),), {})))
def sort_complex(a: Any) -> Any:
    """Sorted along the last axis, as complex numbers."""
    return np.sort(a).astype(np.sort_complex(np.zeros(0, a.dtype)).dtype)


# ---------------------------------------------------------------- distinct values


def _distinct_rule(
    g: Any, x_shape: tuple[int, ...], inverse: Any, counts: Any, axis: int | None
) -> Any:
    if axis is None:
        return np.reshape(over_count(g, counts)[inverse], x_shape)
    g = over_count(np.moveaxis(g, axis, -1), counts)
    return np.moveaxis(g[..., inverse], -1, axis)


def _pick(x: Any, index: Any, inverse: Any, counts: Any, axis: int | None) -> Any:
    """The elements at `index`; each of them stands for `counts` equal ones, at `inverse`."""
    return np.take(x, index, axis)


def _found(x: Any, axis: int | None) -> Call:
    _, index, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    return (x, index, np.ravel(inverse), counts, axis), {}


_distinct = primitive(
    _pick,
    name="unique_values",
    x=_distinct_rule,
    domain=cases(lambda d: _found(d.distinct((3, 2)), d.choice((None, 0)))),
)


def _unique_values(x: Any, axis: int | None) -> Any:
    """The distinct values in ascending order, each one shared by all its copies."""
    (_, *where), _ = _found(plain(x), axis)
    return _distinct(x, *where)


def carry(values: Any, *sources: Any) -> Any:
    """`values`, all of them elements of `sources`, with the gradient that flows from there."""
    pool = _unique_values(np.concatenate([np.ravel(source) for source in sources]), None)
    return pool[np.searchsorted(plain(pool), values)]


def _with_repeats(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=1))
    return (x,), {"axis": d.choice((None, 0))}


@composite(np.unique, domain=cases(_with_repeats))
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    **options: Any,
) -> Any:
    """The distinct values; equal elements share the gradient equally."""
    found: Any = np.unique(
        plain(ar), return_index, return_inverse, return_counts, axis=axis, **options
    )
    rest = found[1:] if isinstance(found, tuple) else ()
    values = found[0] if isinstance(found, tuple) else found
    values = carry(values, ar) if axis is None else _unique_values(ar, axis)
    return (values, *rest) if rest else values


def _vector(d: Draw) -> Call:
    return (d.distinct((d.integer(1, 4),)),), {}


def _named(function: Any) -> Any:
    """One of the functions that return a named tuple with the field `values`."""

    def implementation(x: Any) -> Any:
        found = function(plain(x))
        return found._replace(values=carry(found.values, x))

    return implementation


for _function in (np.unique_all, np.unique_counts, np.unique_inverse):
    composite(_function, domain=cases(_vector))(_named(_function))


@composite(np.unique_values, domain=cases(_vector))
def unique_values(x: Any) -> Any:
    """The distinct values, in the order in which NumPy gives them."""
    return carry(np.unique_values(plain(x)), x)


def _two_sets(d: Draw) -> Call:
    return (d.distinct((3,)), d.distinct((2,)) + 0.07), {}


@composite(np.union1d, domain=cases(_two_sets))
def union1d(ar1: Any, ar2: Any) -> Any:
    """The values that are in either."""
    return carry(np.union1d(plain(ar1), plain(ar2)), ar1, ar2)


@composite(np.setxor1d, domain=cases(_two_sets))
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The values that are in one of the two only."""
    return carry(np.setxor1d(plain(ar1), plain(ar2), assume_unique), ar1, ar2)


@composite(np.setdiff1d, domain=cases(_two_sets))
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The values of `ar1` that are not in `ar2`."""
    return carry(np.setdiff1d(plain(ar1), plain(ar2), assume_unique), ar1)


@composite(np.intersect1d)
def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """The values that are in both; the two copies share the gradient."""
    found: Any = np.intersect1d(plain(ar1), plain(ar2), assume_unique, return_indices)
    if return_indices:
        return carry(found[0], ar1, ar2), *found[1:]
    return carry(found, ar1, ar2)
