"""Convolution in any number of dimensions: the three derivatives of one trilinear form.

For images x (n, c, *size), a kernel w (o, c, *window) and images g (n, o, *out), let

    T(x, w, g) = sum of  g[n, o, t] * w[o, c, k] * x[n, c, t * stride + k * dilation - padding]

over all indices, where x is zero outside. A convolution is the derivative of T by g, and its rules
for x and w are the derivatives by these. So three primitives are each other's rules, and there are
derivatives of every order. A transposed convolution is the derivative by x and nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import primitive
from autodiff.engine.sums import channel_sums
from autodiff.errors import ShapeError
from autodiff.rules.shared.unfolding import Geometry, blocks_to_join, join, joined, unfolded
from autodiff.rules.shared.windows import Axes, Padding, out_size, paddings, per_axis

__all__ = ["convolve", "convolve_transpose"]

# ---------------------------------------------------------------- the derivative by g


def _convolve(x: Any, weight: Any, geometry: Geometry) -> Any:
    """y[n, o, t] = sum of w[o, c, k] * x[n, c, t * stride + k * dilation - padding]."""
    return _convolve_and_add(x, weight, np.zeros(0, bool), geometry)


def _convolve_and_add(x: Any, weight: Any, bias: Any, geometry: Geometry) -> Any:
    """The same, plus bias[o] unless the bias is empty."""
    x, weight, bias = np.asarray(x), np.asarray(weight), np.asarray(bias)
    blocks = blocks_to_join(x, geometry)
    if not blocks:
        return _convolve_each(x, weight, bias, geometry)
    parts = [
        _convolve_each(joined(x[b]), weight[:, :, None], bias, join(geometry, len(x[b])))
        for b in blocks
    ]
    return np.concatenate([np.moveaxis(part[0], 1, 0) for part in parts])


def _convolve_each(x: Any, weight: Any, bias: Any, geometry: Geometry) -> Any:
    dtype = np.result_type(x, weight, bias)
    groups, steps = geometry.groups, geometry.window[0]
    outputs, channels = len(weight) // groups, weight.shape[1]
    # (groups, o, c, step, taps) -> for each step the matrices (groups, o, taps and c)
    taps = math.prod(geometry.window[1:])
    kernels = weight.reshape(groups, outputs, channels, steps, taps).transpose(3, 0, 1, 4, 2)
    kernels = kernels.astype(dtype).reshape(steps, groups, outputs, taps * channels)
    y = np.empty((len(x), groups, outputs, math.prod(geometry.out)), dtype)
    scratch = None
    for block, views in unfolded(x, geometry, dtype):
        part = y[block]
        np.matmul(kernels[0], views[0], out=part)
        for kernel, view in zip(kernels[1:], views[1:], strict=True):
            scratch = np.matmul(kernel, view, out=None if scratch is None else scratch[: len(part)])
            part += scratch
        if bias.size:  # while the block is in the cache
            part += bias.reshape(groups, outputs, 1)
    return y.reshape(len(x), len(weight), *geometry.out)


# ---------------------------------------------------------------- the derivative by x


def _transpose(g: Any, weight: Any, geometry: Geometry) -> Any:
    """x[n, c, t * stride + k * dilation - padding] += w[o, c, k] * g[n, o, t].

    Along each axis, the places that leave the same rest when divided by the stride see the same
    elements of the kernel, and see them as a plain convolution does, in reversed order.
    """
    g, weight = np.asarray(g), np.asarray(weight)
    groups, window = geometry.groups, geometry.window
    outputs, channels = len(weight) // groups, weight.shape[1]
    turned = weight.reshape(groups, outputs, channels, *window).swapaxes(1, 2)
    turned = turned.reshape(groups * channels, outputs, *window)
    x = np.zeros((len(g), groups * channels, *geometry.size), np.result_type(g, weight))
    axes = range(len(window))
    for phases in product(*(list(_phases(geometry, axis)) for axis in axes)):
        places = tuple(phase.places for phase in phases)
        elements = tuple(phase.elements for phase in phases)
        part = turned[:, :, *elements]
        made = x[:, :, *places]
        inner = Geometry(
            geometry.out,
            part.shape[2:],
            made.shape[2:],
            (1,) * len(window),
            tuple(phase.padding for phase in phases),
            tuple(phase.dilation for phase in phases),
            groups,
        )
        if made.shape == x.shape:
            return _convolve(g, part, inner)
        made[...] = _convolve(g, part, inner)
    return x


@dataclass(frozen=True)
class _Phase:
    """The places of one axis with the same rest, and how they see the kernel and g."""

    places: slice
    elements: slice
    padding: int
    dilation: int


def _phases(geometry: Geometry, axis: int) -> Iterator[_Phase]:
    size, window = geometry.size[axis], geometry.window[axis]
    stride, padding = geometry.stride[axis], geometry.padding[axis]
    dilation = geometry.dilation[axis]
    for rest in range(stride):
        # place = whole * stride + rest - padding meets element k and t = whole - k * dilation
        # // stride, for every k whose k * dilation leaves this rest.
        met = [k for k in range(window) if (k * dilation - rest) % stride == 0]
        whole = -((rest - padding) // stride)
        first = whole * stride + rest - padding
        if not met or first >= size:
            continue
        between = met[1] - met[0] if len(met) > 1 else 1
        yield _Phase(
            slice(first, None, stride),
            slice(met[-1], met[0] - 1 if met[0] else None, -between),
            (met[-1] * dilation - rest) // stride - whole,
            max(1, between * dilation // stride),
        )


# ---------------------------------------------------------------- the derivative by w


def _correlate(x: Any, g: Any, geometry: Geometry) -> Any:
    """w[o, c, k] = sum of g[n, o, t] * x[n, c, t * stride + k * dilation - padding]."""
    x, g = np.asarray(x), np.asarray(g)
    blocks = blocks_to_join(x, geometry)
    if not blocks:
        return _correlate_each(x, g, geometry)
    parts = [
        _correlate_each(joined(x[b]), joined(g[b]), join(geometry, len(x[b])))[:, :, 0]
        for b in blocks
    ]
    return np.add.reduce(parts)


def _correlate_each(x: Any, g: Any, geometry: Geometry) -> Any:
    dtype = np.result_type(x, g)
    groups, steps = geometry.groups, geometry.window[0]
    outputs, channels = g.shape[1] // groups, x.shape[1] // groups
    places, taps = math.prod(geometry.out), math.prod(geometry.window[1:])
    columns = np.ascontiguousarray(g, dtype).reshape(len(g), groups, outputs, places)
    columns = columns.swapaxes(2, 3)
    w = np.zeros((steps, groups, taps * channels, outputs), dtype)
    for block, views in unfolded(x, geometry, dtype):
        for step, view in enumerate(views):
            w[step] += np.add.reduce(np.matmul(view, columns[block]), axis=0)
    # (steps, groups, taps, c, o) -> (groups, o, c, steps, taps)
    w = w.reshape(steps, groups, taps, channels, outputs).transpose(1, 4, 3, 0, 2)
    return w.reshape(groups * outputs, channels, *geometry.window)


# ---------------------------------------------------------------- the primitives


def _drawn(d: Draw) -> tuple[Geometry, dict[str, Axes]]:
    """A geometry and the shapes of x, w and g."""
    axes = d.choice((2, 1, 2, 3))
    size, window, stride, out = (
        tuple(d.integer(1, most) for _ in range(axes)) for most in (4, 3, 3, 3)
    )
    dilation = tuple(d.integer(1, 2) for _ in range(axes))
    padding = tuple(d.choice((0, 1, 2, -1)) for _ in range(axes))
    groups, channels, outputs = d.choice((1, 1, 2)), d.integer(1, 2), d.integer(1, 2)
    count = d.choice((1, 2, 2, 0))
    shapes = {
        "x": (count, groups * channels, *size),
        "w": (groups * outputs, channels, *window),
        "g": (count, groups * outputs, *out),
    }
    return Geometry(size, window, out, stride, padding, dilation, groups), shapes


def _case(first: str, second: str) -> Any:
    def draw(d: Draw) -> Call:
        geometry, shapes = _drawn(d)
        return (d.array(shapes[first]), d.array(shapes[second]), geometry), {}

    return cases(draw)


def _with_a_bias(d: Draw) -> Call:
    geometry, shapes = _drawn(d)
    bias = d.array(shapes["w"][:1])
    return (d.array(shapes["x"]), d.array(shapes["w"]), bias, geometry), {}


convolution = primitive(
    _convolve,
    name="convolve",
    x=lambda g, weight, geometry: transposed(g, weight, geometry),
    weight=lambda g, x, geometry: correlation(x, g, geometry),
    domain=_case("x", "w"),
)
biased = primitive(
    _convolve_and_add,
    name="convolve",
    x=lambda g, weight, geometry: transposed(g, weight, geometry),
    weight=lambda g, x, geometry: correlation(x, g, geometry),
    bias=lambda g: channel_sums(g),
    domain=cases(_with_a_bias),
)
transposed = primitive(
    _transpose,
    name="convolve_transpose",
    signature="v, weight, geometry",
    v=lambda g, weight, geometry: convolution(g, weight, geometry),
    weight=lambda g, v, geometry: correlation(g, v, geometry),
    domain=_case("g", "w"),
)
correlation = primitive(
    _correlate,
    name="correlate_windows",
    signature="x, v, geometry",
    x=lambda g, v, geometry: transposed(v, g, geometry),
    v=lambda g, x, geometry: convolution(x, g, geometry),
    domain=_case("x", "g"),
)


# ---------------------------------------------------------------- for users


def convolve(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Axes = 1,
    padding: Padding = 0,
    dilation: int | Axes = 1,
    groups: int = 1,
) -> Any:
    """A kernel moved over images (it is not flipped), in as many dimensions as the images have.

    Arguments:
        x: shape (n, channels, *size), zero outside.
        weight: shape (outputs, channels / groups, *window).
        bias: shape (outputs,), or None.
        stride, dilation: the steps of the window, and inside the window; one number, or one for
            each axis.
        padding: zeros on both sides of each axis: a number, one for each axis, or one pair
            (before, after) for each; "valid" is 0, and "same" keeps the size at stride 1.
        groups: into how many parts the channels fall; each output sees one of them.

    Returns:
        shape (n, outputs, *out), where
        out = (size + padding - dilation * (window - 1) - 1) // stride + 1.

    Raises:
        ShapeError: the shapes do not go together; ValueError: a setting makes no sense.

    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> convolve(x, np.array([[[1.0, 0.0, -1.0]]]))
    array([[[-2., -2., -2.]]])
    """
    name, size = "convolve", _sizes("convolve", x, weight)
    window = np.shape(weight)[2:]
    steps = per_axis(name, "stride", stride, len(size))
    spacing = per_axis(name, "dilation", dilation, len(size))
    sides = paddings(name, padding, window, steps, spacing)
    _check_groups(name, np.shape(x)[1], np.shape(weight)[0], groups)
    _check_channels(name, np.shape(x), np.shape(weight), np.shape(weight)[1] * groups)
    _check_bias(name, bias, np.shape(weight)[0])
    geometry = Geometry(
        size,
        window,
        out_size(name, size, window, steps, sides, spacing),
        steps,
        tuple(before for before, _ in sides),
        spacing,
        groups,
    )
    if bias is None:
        return convolution(x, weight, geometry)
    return biased(x, weight, bias, geometry)


def convolve_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: int | Axes = 1,
    padding: Padding = 0,
    output_padding: int | Axes = 0,
    dilation: int | Axes = 1,
    groups: int = 1,
) -> Any:
    """The transpose of `convolve` with the same settings: each element of x spreads a kernel.

    Arguments:
        x: shape (n, channels, *size).
        weight: shape (channels, outputs / groups, *window).
        bias: shape (outputs,), or None.
        padding: how much of the result is cut off; written as for `convolve`.
        output_padding: how much longer the result is at the end of each axis. A convolution with a
            stride takes images of several sizes to one size; this chooses among them.

    Returns:
        shape (n, outputs, *out), where
        out = (size - 1) * stride + dilation * (window - 1) + 1 - padding + output_padding.

    Raises:
        ShapeError: the shapes do not go together; ValueError: a setting makes no sense.

    >>> x = np.array([[[1.0, 10.0]]])
    >>> convolve_transpose(x, np.array([[[1.0, 2.0, 3.0]]]), stride=2)
    array([[[ 1.,  2., 13., 20., 30.]]])
    """
    name, size = "convolve_transpose", _sizes("convolve_transpose", x, weight)
    axes, window = len(size), np.shape(weight)[2:]
    steps = per_axis(name, "stride", stride, axes)
    spacing = per_axis(name, "dilation", dilation, axes)
    extra = per_axis(name, "output_padding", output_padding, axes, 0)
    sides = paddings(name, padding, window, steps, spacing)
    outputs = np.shape(weight)[1] * groups
    _check_groups(name, np.shape(x)[1], outputs, groups)
    _check_channels(name, np.shape(x), np.shape(weight), np.shape(weight)[0])
    _check_bias(name, bias, outputs)
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, spacing, strict=True)):
        raise ValueError(
            f"{name}: output_padding is {output_padding}; it must be less than stride {steps} or "
            f"dilation {spacing}"
        )
    out = tuple(
        (n - 1) * s + d * (k - 1) + 1 - sum(p) + e
        for n, s, d, k, p, e in zip(size, steps, spacing, window, sides, extra, strict=True)
    )
    if min(out) < 0:
        raise ShapeError(f"{name}: padding {padding} cuts off all of the result, of size {out}")
    before = tuple(side for side, _ in sides)
    geometry = Geometry(out, window, size, steps, before, spacing, groups)
    y = transposed(x, weight, geometry)
    return y if bias is None else y + np.reshape(bias, (-1,) + (1,) * axes)


def _sizes(name: str, x: Any, weight: Any) -> Axes:
    """The sizes of the spatial axes of images that have as many as the kernel."""
    images, kernel = np.shape(x), np.shape(weight)
    if len(images) != len(kernel) or len(images) < 3:
        raise ShapeError(
            f"{name}: images have shape {images} and the kernel {kernel}; give images (n, "
            "channels, *size) and a kernel with the same number of axes, three or more"
        )
    return images[2:]


def _check_channels(name: str, images: Axes, kernel: Axes, needed: int) -> None:
    if images[1] != needed:
        raise ShapeError(
            f"{name}: images {images} have {images[1]} channels, but the kernel {kernel} is for "
            f"{needed}; the channels are the second axis"
        )


def _check_groups(name: str, channels: int, outputs: int, groups: int) -> None:
    if (
        not isinstance(groups, int | np.integer)
        or groups < 1
        or channels % groups
        or outputs % groups
    ):
        raise ShapeError(
            f"{name}: {channels} channels and {outputs} outputs do not fall into {groups} groups "
            "of equal size"
        )


def _check_bias(name: str, bias: Any, outputs: int) -> None:
    if bias is not None and np.shape(bias) != (outputs,):
        raise ShapeError(f"{name}: the bias has shape {np.shape(bias)}; give ({outputs},)")
