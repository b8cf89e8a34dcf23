"""Pooling in any number of dimensions: the maximum, the sum or the mean in windows.

A maximum and a sum over a window are taken axis by axis, each as a few operations on shifted views
of the whole array. Equal maxima of a window share its gradient equally, as everywhere here, where
PyTorch gives it to the first of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import primitive
from autodiff.errors import ShapeError
from autodiff.rules.shared.windows import Axes, out_size, overlap, paddings, per_axis, window_text
from autodiff.tensors.operands import operand
from autodiff.tensors.tensor import Tensor

__all__ = ["adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "max_pool"]


@dataclass(frozen=True)
class Windows:
    """Place t of the result sees the places ``t * stride + k * dilation - padding`` of the image.

    k goes through the window, and places outside of the image do not count. Tuples have one number
    for each spatial axis; the spatial axes are the last ones of an array.
    """

    size: Axes
    window: Axes
    out: Axes
    stride: Axes
    padding: Axes
    dilation: Axes

    def __str__(self) -> str:
        return window_text(self.window, self.stride, self.padding, self.dilation)

    def along(self, axis: int) -> list[tuple[slice, slice]]:
        """For each element of the window along an axis: which places see it, and where it is."""
        step, size, out = self.stride[axis], self.size[axis], self.out[axis]
        return [
            overlap(k * self.dilation[axis] - self.padding[axis], step, size, out)
            for k in range(self.window[axis])
        ]

    def elements(self) -> Iterator[tuple[Any, Any]]:
        """For each element of the window: indices into the result and into the images."""
        for pairs in product(*(self.along(axis) for axis in range(len(self.size)))):
            places, sources = zip(*pairs, strict=True)
            yield (..., *places), (..., *sources)

    @property
    def apart(self) -> bool:
        """Whether no two windows have an element in common."""
        reach = (d * (k - 1) for d, k in zip(self.dilation, self.window, strict=True))
        return all(s > r for s, r in zip(self.stride, reach, strict=True))


def _reduce(x: Any, windows: Windows, function: Any, start: float) -> Any:
    """The windows' elements joined by a ufunc of two arguments, axis by axis."""
    x = np.asarray(x)
    for axis in range(len(windows.size)):
        before, after = (slice(None),) * (x.ndim - len(windows.size) + axis), windows.out[axis]
        pieces = windows.along(axis)
        if all(places == slice(0, after) for places, _ in pieces):
            views = [x[(*before, source)] for _, source in pieces]
            x = function(*views[:2]) if len(views) > 1 else views[0]
            for view in views[2:]:
                function(x, view, out=x)
            continue
        shape = (*x.shape[: len(before)], after, *x.shape[len(before) + 1 :])
        y = np.full(shape, start, x.dtype)
        for places, source in pieces:
            part = y[(*before, places)]
            function(part, x[(*before, source)], out=part)
        x = y
    return x


# ---------------------------------------------------------------- the maximum


def _maximum(x: Any, windows: Windows) -> Any:
    dtype = np.asarray(x).dtype
    lowest = -np.inf if dtype.kind == "f" else np.iinfo(dtype).min
    return _reduce(x, windows, np.maximum, lowest)


def _share(v: Any, x: Any, top: Any, windows: Windows) -> Any:
    """The elements of x that are the maximum `top` of a window share its element of v."""
    v, x = np.asarray(v), np.asarray(x)
    hits, ties = _hits(x, np.asarray(top), windows)
    share = v if ties is None else v / ties.astype(v.dtype)
    result = (np.empty if _covered(windows) else np.zeros)(x.shape, v.dtype)
    for places, source, hit in hits:
        part = result[source]
        if windows.apart:
            np.multiply(share[places], hit, out=part)
        else:
            part += share[places] * hit
    return result


def _collect(v: Any, x: Any, top: Any, windows: Windows) -> Any:
    """The mean of v over the elements of x that are the maximum `top` of a window."""
    v, x = np.asarray(v), np.asarray(x)
    hits, ties = _hits(x, np.asarray(top), windows)
    total = np.zeros(np.shape(top), v.dtype)
    for places, source, hit in hits:
        part = total[places]
        part += v[source] * hit
    return total if ties is None else total / ties.astype(v.dtype)


def _hits(x: Any, top: Any, windows: Windows) -> tuple[list[tuple[Any, Any, Any]], Any]:
    """For each element of the window, where it is the maximum; and how often a maximum occurs.

    The second is None if there are no ties, and 1 where the maximum is a NaN.
    """
    count = np.zeros(top.shape, np.min_scalar_type(math.prod(windows.window)))
    hits = []
    for places, source in windows.elements():
        hit = x[source] == top[places]
        part = count[places]
        np.add(part, hit.view(np.uint8), out=part)
        hits.append((places, source, hit))
    return hits, np.maximum(count, 1) if count.max(initial=0) > 1 else None


def _covered(windows: Windows) -> bool:
    """Whether windows side by side cover the images, each element once."""
    joined = tuple(n * k for n, k in zip(windows.out, windows.window, strict=True))
    return windows.window == windows.stride and windows.size == joined and not any(windows.padding)


# ---------------------------------------------------------------- the sum


def _spread(v: Any, windows: Windows) -> Any:
    """Each element of v added to all elements of its window."""
    v = np.asarray(v)
    for axis in range(len(windows.size)):
        before = (slice(None),) * (v.ndim - len(windows.size) + axis)
        shape = (*v.shape[: len(before)], windows.size[axis], *v.shape[len(before) + 1 :])
        x = np.zeros(shape, v.dtype)
        for places, source in windows.along(axis):
            x[(*before, source)] += v[(*before, places)]
        v = x
    return v


# ---------------------------------------------------------------- the primitives


def _drawn(d: Draw) -> tuple[Windows, Axes, Axes]:
    """Windows with an element in the image each, and the shapes of images and of results."""
    axes = d.choice((2, 1, 3))
    size = tuple(d.integer(2, 4) for _ in range(axes))
    window = tuple(d.integer(1, 3 if n > 2 else 2) for n in size)
    stride = tuple(d.integer(1, 3) for _ in range(axes))
    padding = tuple(d.integer(0, k // 2) for k in window)
    dilation = tuple(
        d.choice((1, 2)) if 2 * k <= n else 1 for n, k in zip(size, window, strict=True)
    )
    pairs = tuple(zip(padding, padding, strict=True))
    out = out_size("a case", size, window, stride, pairs, dilation)
    lead = d.choice(((1, 2), (2, 1), (0, 1)))
    return Windows(size, window, out, stride, padding, dilation), (*lead, *size), (*lead, *out)


def _pooled(d: Draw) -> Call:
    windows, images, _ = _drawn(d)
    return (d.distinct(images), windows), {}


def _shared(made: bool) -> Callable[[Draw], Call]:
    def draw(d: Draw) -> Call:
        windows, images, results = _drawn(d)
        x = d.distinct(images)
        v = d.array(results if made else images)
        return (v, x, _maximum(x, windows), windows), {}

    return draw


window_max = primitive(
    _maximum,
    name="max_pool",
    x=lambda g, x, y, windows: share(g, x, y, windows),
    selects=True,
    domain=cases(_pooled),
)
share = primitive(
    _share,
    name="max_pool_share",
    v=lambda g, x, top, windows: collect(g, x, top, windows),
    x=None,
    top=None,
    domain=cases(_shared(True)),
)
collect = primitive(
    _collect,
    name="max_pool_collect",
    v=lambda g, x, top, windows: share(g, x, top, windows),
    x=None,
    top=None,
    selects=True,
    domain=cases(_shared(False)),
)
window_sum = primitive(
    lambda x, windows: _reduce(x, windows, np.add, 0),
    name="sum_pool",
    x=lambda g, windows: spread(g, windows),
    selects=True,
    domain=cases(_pooled),
)


def _spread_case(d: Draw) -> Call:
    windows, _, results = _drawn(d)
    return (d.array(results), windows), {}


spread = primitive(
    _spread,
    name="sum_pool_spread",
    v=lambda g, windows: window_sum(g, windows),
    domain=cases(_spread_case),
)


# ---------------------------------------------------------------- for users


def max_pool(
    x: Any,
    window: int | Axes,
    *,
    stride: int | Axes | None = None,
    padding: int | Axes = 0,
    dilation: int | Axes = 1,
) -> Any:
    """The maximum in each window that moves over images (n, channels, *size).

    Arguments:
        window: how long it is, one number or one for each spatial axis.
        stride: how far it moves; by default its own length, so that windows lie side by side.
        padding: how far it may reach beyond either end, at most half its length.
        dilation: the step from one element to the next.

    Returns:
        shape (n, channels, *out), where
        out = (size + 2 * padding - dilation * (window - 1) - 1) // stride + 1.

    Raises:
        ShapeError: a window does not fit; ValueError: a setting makes no sense.

    >>> max_pool(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    array([[[3., 2.]]])
    """
    return window_max(x, _windows("max_pool", x, window, stride, padding, dilation))


def avg_pool(
    x: Any,
    window: int | Axes,
    *,
    stride: int | Axes | None = None,
    padding: int | Axes = 0,
    count_padding: bool = True,
) -> Any:
    """The mean in each window that moves over images (n, channels, *size).

    window, stride, padding and what is returned and raised: as for `max_pool`. With `count_padding`
    elements beyond the ends count as zeros, without it they do not count.

    >>> avg_pool(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    array([[[2., 1.]]])
    """
    windows = _windows("avg_pool", x, window, stride, padding, 1)
    total = window_sum(x, windows)
    if count_padding or not any(windows.padding):
        return total * (1 / math.prod(windows.window))
    ones = np.ones(windows.size, getattr(x, "dtype", float))
    return total / _reduce(ones, windows, np.add, 0)


def adaptive_avg_pool(x: Any, size: int | Axes) -> Any:
    """The mean over `size` windows along each axis of images (n, channels, *size).

    Window t of n along an axis of length m goes from ``t m // n`` to the next whole number from
    ``(t + 1) m / n``, so windows may overlap by one element. `adaptive_avg_pool(x, 1)` is the mean
    over whole images. Returns shape (n, channels, *size).

    >>> adaptive_avg_pool(np.array([[[0.0, 1.0, 2.0, 3.0, 4.0]]]), 2)
    array([[[1., 3.]]])
    """
    return _adaptive("adaptive_avg_pool", x, size, avg_pool, np.mean)


def adaptive_max_pool(x: Any, size: int | Axes) -> Any:
    """The maximum over `size` windows along each axis; see `adaptive_avg_pool`.

    >>> adaptive_max_pool(np.array([[[0.0, 1.0, 2.0, 3.0, 4.0]]]), 2)
    array([[[2., 4.]]])
    """
    return _adaptive("adaptive_max_pool", x, size, max_pool, np.max)


def _adaptive(
    name: str, x: Any, size: int | Axes, pool: Callable[..., Any], reduce: Callable[..., Any]
) -> Any:
    x = x if isinstance(x, Tensor) else operand(x, name, None)
    sides = np.shape(x)[2:]
    wanted = per_axis(name, "size", size, _axes(name, np.shape(x)))
    if any(n > m for n, m in zip(wanted, sides, strict=True)):
        raise ShapeError(
            f"{name}: images of size {sides} have no {wanted} windows; make it smaller"
        )
    if set(wanted) == {1}:
        return reduce(x, axis=tuple(range(2, 2 + len(sides))), keepdims=True)
    if not any(m % n for n, m in zip(wanted, sides, strict=True)):
        return pool(x, tuple(m // n for n, m in zip(wanted, sides, strict=True)))
    slices = [
        [slice(t * m // n, -(-(t + 1) * m // n)) for t in range(n)]
        for n, m in zip(wanted, sides, strict=True)
    ]
    along = tuple(range(-len(sides), 0))
    cells = [reduce(x[(..., *cell)], axis=along) for cell in product(*slices)]
    return np.reshape(np.stack(cells, axis=-1), (*np.shape(x)[:2], *wanted))


def _axes(name: str, shape: Axes) -> int:
    if len(shape) < 3:
        raise ShapeError(f"{name}: give images (n, channels, *size), not an array of shape {shape}")
    return len(shape) - 2


def _windows(
    name: str,
    x: Any,
    window: int | Axes,
    stride: int | Axes | None,
    padding: int | Axes,
    dilation: int | Axes,
) -> Windows:
    axes, size = _axes(name, np.shape(x)), np.shape(x)[2:]
    window = per_axis(name, "window", window, axes)
    steps = window if stride is None else per_axis(name, "stride", stride, axes)
    spacing = per_axis(name, "dilation", dilation, axes)
    sides = per_axis(name, "padding", padding, axes, 0)
    if any(2 * p > d * (k - 1) + 1 for p, d, k in zip(sides, spacing, window, strict=True)):
        raise ValueError(f"{name}: padding {sides} is more than half of the window {window}")
    pairs = paddings(name, sides, window, steps, spacing)
    out = out_size(name, size, window, steps, pairs, spacing)
    return Windows(size, window, out, steps, sides, spacing)
