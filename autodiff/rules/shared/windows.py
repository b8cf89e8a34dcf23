"""Windows that move over images: what convolution and pooling have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ShapeError

__all__ = ["Axes", "Padding", "out_size", "overlap", "paddings", "per_axis", "window_text"]

Axes = tuple[int, ...]  # one number for each spatial axis
Padding = Any  # "valid", "same", a number, one for each axis, or one pair for each axis


def overlap(offset: int, step: int, length: int, count: int) -> tuple[slice, slice]:
    """Which of the places ``offset + step * t``, t < `count`, lie in an axis of `length`.

    Returns the slice of t and the slice of the axis.

    >>> overlap(-1, 2, 5, 4)
    (slice(1, 3, None), slice(1, 4, 2))
    """
    first = max(0, -(offset // step))
    last = min(count, (length - 1 - offset) // step + 1)
    if first >= last:
        return slice(0, 0), slice(0, 0)
    return slice(first, last), slice(offset + first * step, offset + (last - 1) * step + 1, step)


def per_axis(function: str, name: str, value: Any, axes: int, least: int = 1) -> Axes:
    """A setting that may be one number for all axes or one for each, as a tuple.

    Raises ValueError for anything else, and for a number below `least`.

    >>> per_axis("convolve", "stride", 2, 3)
    (2, 2, 2)
    """
    numbers = (value,) * axes if isinstance(value, int | np.integer) else value
    fits = isinstance(numbers, tuple | list) and len(numbers) == axes
    if not fits or any(not isinstance(n, int | np.integer) or n < least for n in numbers):
        raise ValueError(
            f"{function}: {name} is {value!r}; give a whole number of at least {least}"
            + (f", or one for each of the {axes} axes" if axes > 1 else "")
        )
    return tuple(int(n) for n in numbers)


def paddings(
    function: str, padding: Padding, window: Axes, stride: Axes, dilation: Axes
) -> tuple[tuple[int, int], ...]:
    """How many zeros stand before and after each axis.

    With "same" and stride 1 the result has the size of the image; an odd total has one zero more
    after than before.

    >>> paddings("convolve", "same", (3, 4), (1, 1), (1, 1))
    ((1, 1), (1, 2))
    """
    if padding == "valid":
        padding = 0
    if padding == "same":
        if max(stride) > 1:
            raise ValueError(f"{function}: padding 'same' needs stride 1, not {stride}")
        totals = [d * (k - 1) for d, k in zip(dilation, window, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, tuple | list) and all(isinstance(p, tuple | list) for p in padding):
        before = per_axis(function, "padding", [p[0] for p in padding], len(window), 0)
        after = per_axis(function, "padding", [p[1] for p in padding], len(window), 0)
        return tuple(zip(before, after, strict=True))
    sides = per_axis(function, "padding", padding, len(window), 0)
    return tuple((side, side) for side in sides)


def window_text(window: Axes, stride: Axes, padding: Axes, dilation: Axes) -> str:
    """How a window moves, in short: what is not 1, or 0 for the padding, is said.

    >>> window_text((3, 3), (2, 2), (1, 1), (1, 1)), window_text((3, 5), (1, 1), (0, 2), (1, 1))
    ('3x3, stride 2, padding 1', '3x5, padding 0x2')
    """
    parts = ["x".join(map(str, window))]
    for name, numbers, usual in (
        ("stride", stride, 1),
        ("padding", padding, 0),
        ("dilation", dilation, 1),
    ):
        if set(numbers) != {usual}:
            same = len(set(numbers)) == 1
            parts.append(f"{name} {numbers[0] if same else 'x'.join(map(str, numbers))}")
    return ", ".join(parts)


def out_size(
    function: str,
    size: Axes,
    window: Axes,
    stride: Axes,
    padding: tuple[tuple[int, int], ...],
    dilation: Axes,
) -> Axes:
    """How many places a window has in an image; `ShapeError` if it does not fit in."""
    out = []
    for n, k, s, (before, after), d in zip(size, window, stride, padding, dilation, strict=True):
        room = before + n + after - (d * (k - 1) + 1)
        if room < 0:
            raise ShapeError(
                f"{function}: a window of {d * (k - 1) + 1} does not fit into an axis of {n} with "
                f"padding {before} and {after} (size {size}, window {window}); pad more, or make "
                "the window smaller"
            )
        out.append(room // s + 1)
    return tuple(out)
