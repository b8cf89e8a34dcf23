"""Hypothesis strategies: arrays, indices, memory layouts, and calls of declared functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
from numpy.typing import DTypeLike

from autodiff.declare.domains import Call, Cases, Draw, Interval, real
from autodiff.testing.primitives import BoundCall, Entry, draw_call, entry_of, intervals_of

__all__ = ["HypothesisDraw", "arrays", "broadcastable_arrays", "calls", "indices", "layouts"]

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
Shapes = tuple[int, ...] | st.SearchStrategy[tuple[int, ...]]


def arrays(
    domain: Interval = real, shape: Shapes = SHAPES, dtype: DTypeLike | None = None
) -> st.SearchStrategy[np.ndarray]:
    """Arrays of numbers from a domain; they shrink to small arrays of simple numbers.

    Arguments:
        domain: such as ``ad.real`` or ``ad.above(-1)``.
        shape: a shape, or a strategy for shapes; by default up to three sides of up to four.
        dtype: by default float64, or int64 for whole numbers; in a complex array the real and
            the imaginary parts are from the domain.

    >>> from hypothesis import find
    >>> find(arrays(real, (2,)), lambda x: x[1] > 0.5)
    array([0., 1.])
    """
    default = np.dtype(np.int64 if domain.integer else np.float64)
    dtype = default if dtype is None else np.dtype(dtype)
    elements, drawn_as = _elements(domain), default
    if dtype.kind == "c":
        elements, drawn_as = st.builds(complex, elements, elements), np.dtype(np.complex128)
    drawn = hnp.arrays(drawn_as, shape, elements=elements, fill=st.nothing())
    return drawn if drawn_as == dtype else drawn.map(lambda array: array.astype(dtype))


def _elements(domain: Interval) -> st.SearchStrategy[Any]:
    """Numbers of a domain, away from its edges and holes."""
    if domain.integer:
        return st.integers(int(domain.low), int(domain.high))
    pieces = domain_pieces(domain)
    return st.one_of([_floats(low, high) for low, high in pieces])


def domain_pieces(domain: Interval) -> list[tuple[float, float]]:
    """The closed intervals that samples come from; the one with the simplest numbers is first.

    >>> domain_pieces(Interval(-2.0, 2.0, holes=(0.0,), margin=0.25))
    [(0.25, 1.75), (-1.75, -0.25)]
    """
    room = min(domain.margin, (domain.high - domain.low) / 8)
    edges = [domain.low + room]
    for hole in sorted(domain.holes):
        edges += [hole - domain.margin, hole + domain.margin]
    edges.append(domain.high - room)
    pieces = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    return sorted(pieces, key=lambda piece: (max(piece) <= 0, abs(piece[0])))


def _floats(low: float, high: float) -> st.SearchStrategy[float]:
    if max(abs(low), abs(high)) > 1e3 or high - low < 0.1:
        return st.floats(low, high)
    # Half precision has all the numbers that are needed, and they are short.
    inner = np.nextafter(np.array([low, high], np.float16), np.array([high, low], np.float16))
    return st.floats(float(inner[0]), float(inner[1]), width=16, allow_subnormal=False)


def broadcastable_arrays(
    *domains: Interval, dtype: DTypeLike | None = None
) -> st.SearchStrategy[tuple[np.ndarray, ...]]:
    """One array from each domain; their shapes broadcast together.

    >>> from hypothesis import given
    >>> @given(broadcastable_arrays(real, real))
    ... def test_sums_commute(pair):
    ...     np.testing.assert_array_equal(np.add(*pair), np.add(*pair[::-1]))
    """
    shapes = hnp.mutually_broadcastable_shapes(
        num_shapes=len(domains), max_dims=3, min_side=0, max_side=4
    )
    return shapes.flatmap(
        lambda drawn: st.tuples(
            *(
                arrays(domain, shape, dtype)
                for domain, shape in zip(domains, drawn.input_shapes, strict=True)
            )
        )
    )


@st.composite
def indices(draw: Callable[..., Any], shape: tuple[int, ...]) -> Any:
    """Anything that NumPy accepts in ``x[...]`` for an array of this shape.

    Numbers, slices, ``...`` and ``None``; lists and arrays of whole numbers, which may repeat;
    masks of truth values; and these mixed.

    >>> from hypothesis import find
    >>> find(indices((2,)), lambda index: isinstance(index, np.ndarray))
    array([False, False])
    """
    kinds = ["basic", "mask", "arrays", "mixed"] if shape and min(shape) else ["basic", "mask"]
    kind = draw(st.sampled_from(kinds))
    if kind == "basic":
        return draw(hnp.basic_indices(shape, allow_newaxis=True))
    if kind == "mask":
        return draw(hnp.arrays(bool, shape))
    leading = draw(st.integers(1, len(shape)))
    parts = list(draw(hnp.integer_array_indices(shape[:leading])))
    if kind == "arrays":
        return tuple(parts) if leading > 1 else parts[0]
    keep = draw(st.integers(0, leading - 1))  # this axis is sliced, or a number, or listed
    parts[keep] = draw(
        st.one_of(
            st.slices(shape[keep]),
            st.integers(-shape[keep], shape[keep] - 1),
            st.lists(st.integers(0, shape[keep] - 1), min_size=1, max_size=1),
        )
    )
    return tuple(parts)


def layouts(array: np.ndarray) -> st.SearchStrategy[np.ndarray]:
    """The same array in any memory layout: contiguous, transposed, strided, reversed, locked.

    >>> from hypothesis import find
    >>> find(layouts(np.zeros((2, 2))), lambda x: not x.flags.writeable).flags.c_contiguous
    True
    """
    return st.sampled_from(_LAYOUTS).map(lambda layout: layout(array))


def _plain(array: np.ndarray) -> np.ndarray:
    return np.array(array)


def _transposed(array: np.ndarray) -> np.ndarray:
    return np.array(array.T).T


def _reversed(array: np.ndarray) -> np.ndarray:
    return np.flip(np.array(np.flip(array)))


def _strided(array: np.ndarray) -> np.ndarray:
    if array.ndim == 0:
        return np.array([array, array])[1, ...]
    room = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    room[..., ::2] = array
    return room[..., ::2]


def _locked(array: np.ndarray) -> np.ndarray:
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


_LAYOUTS = (_plain, _locked, _transposed, _strided, _reversed)


class HypothesisDraw(Draw):
    """The choices of a domain's cases, made by hypothesis.

    Values are in general position, as those of a generator are: no two are related by accident.
    Special ones belong into the points of a declaration, or are put in by its cases.
    """

    def __init__(self, draw: Callable[..., Any]) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def values(self, domain: Interval, shape: tuple[int, ...]) -> np.ndarray:
        seed = self._draw(st.integers(0, 2**16 - 1))
        values = domain.sample(np.random.default_rng(seed), shape)
        return values if domain.integer else np.round(values, 4)


@st.composite
def calls(
    draw: Callable[..., Any],
    function: Any,
    *,
    dtypes: Sequence[DTypeLike] = (np.float64,),
    any_layout: bool = False,
) -> Call:
    """Arguments for a declared function, from its domain: ``(args, kwargs)``.

    Arguments:
        function: what was declared (``np.exp``), or what `autodiff.primitive` returned.
        dtypes: each differentiable array gets one of these; the first is the simplest.
        any_layout: whether arrays may have any memory layout, or are all plain.

    >>> from hypothesis import given
    >>> @given(calls(np.concatenate))
    ... def test_any_call(call):
    ...     args, kwargs = call
    ...     np.concatenate(*args, **kwargs)
    """
    entry = entry_of(function)
    bound = BoundCall(entry, *_drawn(draw, entry))
    chosen = []
    for array in bound.arrays:
        array = array.astype(draw(st.sampled_from(dtypes)))
        chosen.append(draw(st.sampled_from(_LAYOUTS))(array) if any_layout else array)
    return bound.with_arrays(chosen)


def _drawn(draw: Callable[..., Any], entry: Entry) -> Call:
    choices = HypothesisDraw(draw)
    if isinstance(entry.domain, Cases):
        return draw_call(entry, choices)
    intervals = intervals_of(entry)
    shapes = choices.broadcastable(len(intervals))
    pairs = zip(intervals, shapes, strict=True)
    return tuple(draw(arrays(domain, shape)) for domain, shape in pairs), {}
