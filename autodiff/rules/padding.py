"""`pad` in all its modes: one axis after the other, as NumPy does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, plain
from autodiff.rules.indexing import scatter
from autodiff.tensors.tensor import as_tensor

Widths = list[tuple[int, int]]

_STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max,
    "minimum": np.min,
    "mean": np.mean,
    "median": np.median,
}
_OPTIONS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    **dict.fromkeys(_STATISTICS, "stat_length"),
}


def _padded(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, max_dims=2, min_side=2))
    mode = d.choice(("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp",
                     "mean", "maximum", "minimum", "median"))  # fmt: skip
    options: dict[str, Any] = {}
    if mode in ("reflect", "symmetric"):
        options["reflect_type"] = d.choice(("even", "odd"))
    if mode in ("constant", "linear_ramp") and d.flag():
        options[_OPTIONS[mode]] = d.array((2,))
    if mode in _STATISTICS and d.flag():
        options["stat_length"] = d.integer(1, 2)
    width = d.choice((1, (2, 0), (0, 3), 5))
    return (x, width), {"mode": mode, **options}


@composite(np.pad, domain=cases(_padded))
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """Borders around an array."""
    array = as_tensor(array)
    if array.dtype.kind not in "fc":
        return as_tensor(np.pad(array.data, plain(pad_width), mode, **options))
    widths = _widths(pad_width, array.ndim)
    if callable(mode):
        return _by_function(_zeros_around(array, widths), widths, mode, options)
    option = options.pop(_OPTIONS.get(mode, ""), None)
    if options:
        raise ValueError(f"pad: mode {mode!r} does not know {', '.join(map(repr, options))}")
    if mode == "empty" or (mode == "constant" and option is None):
        return _zeros_around(array, widths)
    for axis, width in enumerate(widths):
        if any(width):
            array = _pad_axis(array, axis, width, mode, option, len(widths))
    return array


def _widths(pad_width: Any, ndim: int) -> Widths:
    if isinstance(pad_width, dict):
        pairs: list[Any] = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[axis] = width if isinstance(width, tuple) else (width, width)
        pad_width = pairs
    widths = np.broadcast_to(plain(pad_width), (ndim, 2)).tolist()
    if any(not isinstance(side, int) for pair in widths for side in pair):
        raise TypeError("pad: `pad_width` must be whole numbers")
    if any(side < 0 for pair in widths for side in pair):
        raise ValueError("pad: `pad_width` must not be negative")
    return [(before, after) for before, after in widths]


def _zeros_around(array: Any, widths: Widths) -> Any:
    inner = tuple(slice(b, b + n) for (b, _), n in zip(widths, array.shape, strict=True))
    shape = tuple(b + n + a for (b, a), n in zip(widths, array.shape, strict=True))
    return scatter(array, inner, shape)


def _pad_axis(x: Any, axis: int, width: tuple[int, int], mode: str, option: Any, ndim: int) -> Any:
    before, after = width
    length = x.shape[axis]
    if mode == "constant":
        first, last = np.broadcast_to(option, (ndim, 2))[axis]
        return _between(x, axis, width, first, last)
    if length == 0:
        raise ValueError(
            f"pad: axis {axis} is empty; only the modes 'constant' and 'empty' can extend it"
        )
    if mode in ("edge", "wrap") or (mode in ("reflect", "symmetric") and length == 1):
        mode = "wrap" if mode == "wrap" else "edge"
        return np.take(x, np.pad(np.arange(length), width, mode=mode), axis)
    if mode in ("reflect", "symmetric"):
        return _mirrored(x, axis, np.arange(-before, length + after), mode, option or "even")
    if mode == "linear_ramp":
        first, last = np.broadcast_to(0 if option is None else option, (ndim, 2))[axis]
        return _between(x, axis, width, *_ramps(x, axis, width, first, last))
    if mode in _STATISTICS:
        return _between(x, axis, width, *_statistics(x, axis, mode, option, ndim))
    raise ValueError(f"pad: the mode {mode!r} does not exist")


def _between(x: Any, axis: int, width: tuple[int, int], first: Any, last: Any) -> Any:
    """`x` between borders that are filled with `first` and `last`."""

    def border(value: Any, length: int) -> Any:
        shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
        return np.broadcast_to(as_tensor(value).astype(x.dtype), shape)

    return np.concatenate([border(first, width[0]), x, border(last, width[1])], axis)


def _mirrored(x: Any, axis: int, place: np.ndarray, mode: str, kind: str) -> Any:
    """`x` continued to every `place` by reflection at its ends.

    ``symmetric`` repeats the end itself, ``reflect`` does not. The ``odd`` kind reflects in the
    end point: ``2 * x[end] - x``, so that each full turn adds twice the difference of the ends.
    """
    length = x.shape[axis]
    half = length if mode == "symmetric" else length - 1
    turns, rest = np.divmod(place, 2 * half)
    back = rest >= length
    source = np.where(back, 2 * half - rest - (mode == "symmetric"), rest)
    y = np.take(x, source, axis)
    if kind == "even":
        return y
    column = (-1,) + (1,) * (x.ndim - 1 - axis)
    sign, turns, back = (
        np.reshape(v, column).astype(x.dtype) for v in (np.where(back, -1, 1), turns, back)
    )
    first, last = np.take(x, [0], axis), np.take(x, [-1], axis)
    return sign * y + 2 * (turns * (last - first) + back * last)


def _ramps(x: Any, axis: int, width: tuple[int, int], first: Any, last: Any) -> tuple[Any, Any]:
    """Straight lines from the end values to the edges of `x`."""
    column = (-1,) + (1,) * (x.ndim - 1 - axis)
    before, after = (
        np.reshape(np.arange(n, dtype=x.dtype) / max(n, 1), column).astype(x.dtype) for n in width
    )
    up = first + (np.take(x, [0], axis) - first) * before
    down = last + (np.take(x, [-1], axis) - last) * after
    return up, np.flip(down, axis)


def _statistics(x: Any, axis: int, mode: str, lengths: Any, ndim: int) -> tuple[Any, Any]:
    """The statistic of the elements at either end of an axis."""
    function, size = _STATISTICS[mode], x.shape[axis]
    pair = (size, size) if lengths is None else np.broadcast_to(lengths, (ndim, 2))[axis].tolist()
    before, after = (min(length, size) for length in pair)
    if min(before, after) < 1:
        raise ValueError("pad: `stat_length` must be at least 1")
    left = function(np.take(x, np.arange(before), axis), axis=axis, keepdims=True)
    right = function(np.take(x, np.arange(size - after, size), axis), axis=axis, keepdims=True)
    return left, right


def _by_function(x: Any, widths: Widths, function: Any, options: dict[str, Any]) -> Any:
    """The user's function works in place on each line of the array padded with zeros."""
    for axis, width in enumerate(widths):
        lines = np.moveaxis(x, axis, -1)
        done = []
        for index in np.ndindex(lines.shape[:-1]):
            line = lines[index]
            function(line, width, axis, options)
            done.append(line)
        x = np.moveaxis(np.reshape(np.stack(done), lines.shape), -1, axis)
    return x
