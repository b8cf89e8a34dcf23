"""Unfolding images for a convolution: each element of the kernel sees its own copy, or a view.

Images are unfolded along all axes of the kernel but the first, a few at a time, into a buffer that
stays in the cache. A step along the first axis is a shift by whole rows, so it is another view of
the same buffer; each view takes part in one matrix product. That needs a third of the copying and
of the memory of unfolding a 3x3 kernel in full.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from autodiff.rules.shared.windows import Axes, overlap, window_text

__all__ = ["Geometry", "blocks_to_join", "join", "joined", "unfolded"]

BLOCK_BYTES = 1 << 19  # of the buffer: half of a core's own cache
FEW_PLACES = 8  # with so few places in the result, or
FEW_ROWS = 1  # so few rows in the buffer, all images of a block share one matrix product


@dataclass(frozen=True)
class Geometry:
    """Which elements meet: place t of the result and element k of the kernel in the images' place
    ``t * stride + k * dilation - padding``. Tuples have one number for each spatial axis.
    """

    size: Axes
    window: Axes
    out: Axes
    stride: Axes
    padding: Axes  # before the first place; negative if the image begins further left
    dilation: Axes
    groups: int = 1  # channels of different groups do not meet

    def __str__(self) -> str:
        return window_text(self.window, self.stride, self.padding, self.dilation)


def unfolded(x: Any, geometry: Geometry, dtype: Any) -> Iterator[tuple[slice, list[Any]]]:
    """Blocks of images, unfolded: which images, and a view for each step along the first axis.

    A view has shape (images, groups, rows, places): one row for each channel of a group and each
    element of the kernel along the other axes, one column for each place of the result.
    """
    (steps, *window), (height, *out) = geometry.window, geometry.out
    stride, spacing = geometry.stride[0], geometry.dilation[0]
    groups, channels = geometry.groups, x.shape[1] // geometry.groups
    images = x.reshape(len(x), groups, channels, *geometry.size)
    line, rows = math.prod(out), height + (steps - 1) * spacing // stride
    taps, length = math.prod(window), stride * rows * line
    count = max(1, BLOCK_BYTES // max(1, dtype.itemsize * groups * taps * channels * length))
    shifts = [divmod(step * spacing, stride) for step in range(steps)]
    as_it_is = rows <= geometry.size[0] and _needs_no_copy(x, geometry, dtype)
    flat_shape = (stride, (geometry.size[0] if as_it_is else rows) * line)
    buffer, copies = None, []
    if not as_it_is:
        shape = (min(count, len(x)), groups, taps, channels, stride, rows, *out)
        buffer = np.zeros(shape, dtype)  # the places outside of the images stay zero
        copies = list(_copies(geometry, rows, {rest for _, rest in shifts}))
    for start in range(0, len(x), count):
        block = slice(start, start + count)
        filled = images[block]
        if buffer is not None:
            filled = buffer[: len(filled)]
            for target, source in copies:
                filled[target] = images[block][source]
        flat = filled.reshape(len(filled), groups, taps * channels, *flat_shape)
        yield (
            block,
            [flat[:, :, :, rest, whole * line : (whole + height) * line] for whole, rest in shifts],
        )


def _needs_no_copy(x: Any, geometry: Geometry, dtype: Any) -> bool:
    """Whether the images themselves are the unfolded ones: kernels of 1 beyond the first axis."""
    return (
        x.dtype == dtype
        and x.flags.c_contiguous
        and geometry.size[1:] == geometry.out[1:]
        and not any(geometry.padding)
        and set(geometry.stride + geometry.window[1:]) == {1}
    )


def _copies(geometry: Geometry, rows: int, rests: set[int]) -> Iterator[tuple[Any, Any]]:
    """What is copied: indices into the buffer, and into images with their channels in groups."""
    size, window, out = geometry.size, geometry.window, geometry.out
    stride, padding, dilation = geometry.stride, geometry.padding, geometry.dilation
    whole = slice(None)
    for tap, element in enumerate(product(*map(range, window[1:]))):
        pairs = [
            overlap(element[a - 1] * dilation[a] - padding[a], stride[a], size[a], out[a])
            for a in range(1, len(size))
        ]
        targets, sources = zip(*pairs, strict=True) if pairs else ((), ())
        for rest in rests:
            lines, source = overlap(rest - padding[0], stride[0], size[0], rows)
            yield (
                (whole, whole, tap, whole, rest, lines, *targets),
                (whole, whole, whole, source, *sources),
            )


def joined(images: Any) -> Any:
    """Images (n, c, *size) as one image (1, c, n, *size) with an axis more."""
    return np.moveaxis(images, 0, 1)[None]


def join(geometry: Geometry, count: int) -> Geometry:
    """The geometry of `count` joined images."""
    return Geometry(
        (count, *geometry.size),
        (1, *geometry.window),
        (count, *geometry.out),
        (1, *geometry.stride),
        (0, *geometry.padding),
        (1, *geometry.dilation),
        geometry.groups,
    )


def blocks_to_join(x: Any, geometry: Geometry) -> list[slice]:
    """The blocks of images to be joined, where a product for each image would be too small."""
    rows = x.shape[1] // geometry.groups * math.prod(geometry.window[1:])
    places = math.prod(geometry.out)
    if len(x) < 2 or (places > FEW_PLACES and rows > FEW_ROWS):
        return []
    bytes_each = x.itemsize * x.shape[1] * math.prod(geometry.window) * places
    count = max(1, 4 * BLOCK_BYTES // max(1, bytes_each))
    return [slice(start, start + count) for start in range(0, len(x), count)]
