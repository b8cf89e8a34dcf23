"""Joining arrays, and splitting them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any
from weakref import ref

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.engine.registry import dispatch
from autodiff.rules.indexing import as_part
from autodiff.rules.shared.viewing import Selection
from autodiff.tensors.tensor import Tensor, View
from autodiff.tensors.views import note, recent

# ---------------------------------------------------------------- joining


def _concatenate_rule(
    g: Any, arrays_shape: list[tuple[int, ...]], wanted: list[bool], axis: int | None
) -> list[Any]:
    if axis is None:
        lengths = [int(np.prod(shape)) for shape in arrays_shape]
        axis = 0
    else:
        lengths = [shape[axis] for shape in arrays_shape]
    before = (slice(None),) * (axis % len(g.shape))
    ends = list(accumulate(lengths))
    return [
        np.reshape(g[(*before, slice(end - length, end))], shape) if want else None
        for length, end, shape, want in zip(lengths, ends, arrays_shape, wanted, strict=True)
    ]


def _joined(d: Draw) -> Call:
    shape = d.shape(min_dims=1)
    axis = d.axis(len(shape))
    arrays = []
    for _ in range(d.integer(1, 3)):
        sides = list(shape)
        sides[axis] = d.integer(0, 3)
        arrays.append(d.array(tuple(sides)))
    return (arrays,), {"axis": axis}


_ALONG_AN_AXIS = "arrays, axis=0, out=None, *, dtype=None, casting='same_kind'"

concatenate = primitive(
    np.concatenate,
    signature=_ALONG_AN_AXIS,
    forward="np.concatenate(arrays, axis, dtype=dtype, casting=casting)",
    sequence="arrays",
    arrays=_concatenate_rule,
    domain=cases(_joined),
)


def _alike(d: Draw) -> list[np.ndarray]:
    shape = d.shape()
    return [d.array(shape) for _ in range(d.integer(1, 3))]


def _stacked(d: Draw) -> Call:
    arrays = _alike(d)
    return (arrays,), {"axis": d.axis(arrays[0].ndim + 1)}


stack = primitive(
    np.stack,
    signature=_ALONG_AN_AXIS,
    forward="np.stack(arrays, axis, dtype=dtype, casting=casting)",
    sequence="arrays",
    arrays=lambda g, axis: list(np.moveaxis(g, axis, 0)),
    domain=cases(_stacked),
)

_several = cases(lambda d: ((_alike(d),), {}))


@composite(np.vstack, domain=_several)
def vstack(tup: Any, **options: Any) -> Any:
    """Arrays on top of each other."""
    return np.concatenate([np.atleast_2d(a) for a in tup], 0, **options)


@composite(np.hstack, domain=_several)
def hstack(tup: Any, **options: Any) -> Any:
    """Arrays side by side."""
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, 0 if arrays[0].ndim == 1 else 1, **options)


@composite(np.dstack, domain=_several)
def dstack(tup: Any) -> Any:
    """Arrays behind each other."""
    return np.concatenate([np.atleast_3d(a) for a in tup], 2)


@composite(np.column_stack, domain=cases(lambda d: (([d.array((3,)), d.array((3, 2))],), {})))
def column_stack(tup: Any) -> Any:
    """One-dimensional arrays as columns."""
    return np.concatenate([np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup], 1)


def _append_case(d: Draw) -> Call:
    return (d.array((2, 2)), d.array((1, 2))), {"axis": d.choice((None, 0))}


@composite(np.append, domain=cases(_append_case))
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """`values` behind `arr`."""
    if axis is None:
        arr, values, axis = np.ravel(arr), np.ravel(values), 0
    return np.concatenate([arr, values], axis)


@composite(
    np.block,
    domain=cases(lambda d: (([[d.array((2, 2)), d.array((2, 1))], [d.array((1, 3))]],), {})),
)
def block(arrays: Any) -> Any:
    """Nested lists of blocks put together."""

    def depth_of(item: Any) -> int:
        return 1 + depth_of(item[0]) if isinstance(item, list) else 0

    def leaves(item: Any) -> list[Any]:
        return [x for part in item for x in leaves(part)] if isinstance(item, list) else [item]

    depth = depth_of(arrays)
    ndim = max(depth, *(np.ndim(leaf) for leaf in leaves(arrays)))

    def join(item: Any, level: int) -> Any:
        if not isinstance(item, list):
            return np.reshape(item, (1,) * (ndim - np.ndim(item)) + np.shape(item))
        return np.concatenate([join(part, level + 1) for part in item], axis=level - depth)

    return join(arrays, 0)


# ---------------------------------------------------------------- splitting


def _filled(g: tuple[Any, ...], shapes: list[tuple[int, ...]]) -> list[Any]:
    """Cotangents of all parts, zero for those that nothing depends on."""
    known = next(part for part in g if part is not None)
    return [
        np.zeros(shape, known.dtype) if part is None else part
        for part, shape in zip(g, shapes, strict=True)
    ]


def _array_split_rule(g: Any, x_shape: tuple[int, ...], indices_or_sections: Any, axis: int) -> Any:
    like = np.broadcast_to(0.0, x_shape)  # no memory: only its parts' shapes matter
    shapes = [part.shape for part in np.array_split(like, indices_or_sections, axis)]
    return np.concatenate(_filled(g, shapes), axis)


_split_cases = cases(
    lambda d: (
        (d.array(min_dims=1), d.choice((2, 3, [1], [1, 1, 2]))),
        {"axis": d.choice((0, -1))},
    )
)
_part = Selection(
    "array_split", lambda x, index, where, axis: np.array_split(x, where, axis)[index]
)
_array_split = primitive(
    np.array_split,
    signature="x, indices_or_sections, axis=0",
    multiple=True,
    x=_array_split_rule,
    view=_part,
    domain=_split_cases,
)


@composite(np.array_split, domain=_split_cases)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Parts along an axis, as nearly equal as can be, or between indices."""
    where = (
        indices_or_sections if isinstance(indices_or_sections, int) else plain(indices_or_sections)
    )
    parts = _array_split(ary, where, axis)
    where = where if isinstance(where, int) else np.copy(where)  # the user's may change
    for part in parts:
        if isinstance(part, View):
            part._from = (*(part._from or ()), where, axis)
            note(part)
    return parts


@composite(np.split, domain=cases(lambda d: ((d.array((4, 2)), d.choice((2, [1, 3]))), {})))
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Equal parts, or parts between indices."""
    if np.ndim(indices_or_sections) == 0 and ary.shape[axis] % int(indices_or_sections):
        raise ValueError(
            f"split: {ary.shape[axis]} elements do not divide into {indices_or_sections} equal "
            "parts; use np.array_split"
        )
    return np.array_split(ary, indices_or_sections, axis)


@composite(np.hsplit, domain=cases(lambda d: ((d.array((4, 2)), 2), {})))
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Parts along the second axis (the first, if there is one only)."""
    return np.split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@composite(np.vsplit, domain=cases(lambda d: ((d.array((4, 2)), 2), {})))
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Parts along the first axis."""
    return np.split(ary, indices_or_sections, 0)


@composite(np.dsplit, domain=cases(lambda d: ((d.array((1, 3, 2)), 2), {})))
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Parts along the third axis."""
    return np.split(ary, indices_or_sections, 2)


@primitive(
    x=lambda g, x_shape: np.stack(_filled(g, [x_shape[1:]] * x_shape[0])),
    multiple=True,
    view=as_part,
    domain=cases(lambda d: ((d.array(min_dims=1, min_side=1),), {})),
)
def slices(x: Any) -> tuple[Any, ...]:
    """The parts of `x` along its first axis."""
    return tuple(x)


def rows(x: Tensor) -> Iterator[Any]:
    """``for part in x`` and ``a, b, c = x``: the parts along the first axis, one after the other.

    They are one operation: each by itself would have a gradient of the size of the whole. That ends
    with a write to `x`, as what was not handed out by then has changed.
    """
    data, parts = x._value, slices(x)
    add, forget = recent.add, recent.discard
    for index, part in enumerate(parts):
        if x._value is not data:
            yield x[index]
            continue
        if part.__class__ is View:
            add(ref(part, forget))  # as `note` does
        yield part


dispatch[iter] = rows


if hasattr(np, "unstack"):  # NumPy 2.1

    @composite(
        np.unstack, domain=cases(lambda d: ((d.array((3, 2)),), {"axis": d.choice((0, -1))}))
    )
    def unstack(x: Any, *, axis: int = 0) -> Any:
        """The slices along an axis."""
        return tuple(rows(np.moveaxis(x, axis, 0)))
