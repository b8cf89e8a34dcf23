"""numpy.fft. Each transform is linear, so its rule is the transposed transform.

The matrix of a complex transform is symmetric: it is its own transpose. A real transform keeps one
half of a spectrum whose other half follows; so each coefficient stands for two, except that of
frequency 0 and, for an even length, the last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, primitive
from autodiff.engine.shapes import normalize_axes
from autodiff.rules.shared.cotangents import conj

# The transpose of a transform is an inverse one, which is normalized at the other end.
_OPPOSITE: dict[Any, Any] = {
    None: "forward",
    "backward": "forward",
    "ortho": "ortho",
    "forward": "backward",
}


def _cut_or_pad(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` cut, or filled with zeros, at the end of each axis."""
    if x.shape == shape:
        return x
    x = x[tuple(slice(side) for side in shape)]
    missing = [(0, side - have) for side, have in zip(shape, x.shape, strict=True)]
    return np.pad(x, missing) if any(after for _, after in missing) else x


def _with_side(shape: tuple[int, ...], axis: int, side: int) -> tuple[int, ...]:
    axis %= len(shape)
    return (*shape[:axis], side, *shape[axis + 1 :])


# ---------------------------------------------------------------- one axis


def _line(d: Draw) -> Call:
    x = d.array(min_dims=1, min_side=1)
    options = {
        "n": d.choice((None, 4, 3, 1, 6)),
        "axis": d.axis(x.ndim),
        "norm": d.choice((None, "ortho", "forward", "backward")),
    }
    return (x,), options


def _half_line(d: Draw) -> Call:
    args, options = _line(d)
    if options["n"] is None and args[0].shape[options["axis"]] == 1:
        options["n"] = 2  # the default, 2 * (1 - 1), is refused
    return args, options


def _complex_rule(transform: Any) -> Any:
    def rule(g: Any, a_shape: tuple[int, ...], axis: int, norm: Any) -> Any:
        return _cut_or_pad(transform(g, None, axis, norm), a_shape)

    return rule


fft = primitive(np.fft.fft, a=_complex_rule(np.fft.fft), selects=True, domain=cases(_line))
ifft = primitive(np.fft.ifft, a=_complex_rule(np.fft.ifft), selects=True, domain=cases(_line))


def _half_weights(kept: int, length: int, axis: int, ndim: int, inner: float) -> np.ndarray:
    """1 for the coefficients that stand for themselves, `inner` for those that stand for two."""
    weights = np.full(kept, inner)
    weights[0] = 1
    if length % 2 == 0:
        weights[length // 2 :] = 1
    return weights.reshape(_with_side((1,) * ndim, axis, kept))


def _rfft_rule(g: Any, a_shape: tuple[int, ...], n: int | None, axis: int, norm: Any) -> Any:
    length = a_shape[axis] if n is None else n
    weights = _half_weights(g.shape[axis], length, axis, len(a_shape), 0.5)
    spread = np.fft.irfft(
        conj(g) * weights.astype(np.finfo(g.dtype).dtype), length, axis, _OPPOSITE[norm]
    )
    return _cut_or_pad(spread, a_shape)


def _irfft_rule(g: Any, a_shape: tuple[int, ...], axis: int, norm: Any) -> Any:
    length = g.shape[axis]
    half = conj(np.fft.rfft(g, None, axis, _OPPOSITE[norm]))
    weights = _half_weights(half.shape[axis], length, axis, len(a_shape), 2.0)
    return _cut_or_pad(half * weights.astype(g.dtype), a_shape)


rfft = primitive(np.fft.rfft, a=_rfft_rule, selects=True, domain=cases(_line))
irfft = primitive(np.fft.irfft, a=_irfft_rule, selects=True, domain=cases(_half_line))


@composite(np.fft.hfft, domain=cases(_half_line))
def hfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """The real spectrum of a signal of which one half is given."""
    return np.fft.irfft(np.conjugate(a), n, axis, _opposite(norm))


@composite(np.fft.ihfft, domain=cases(_line))
def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """The inverse of `hfft`."""
    return np.conjugate(np.fft.rfft(a, n, axis, _opposite(norm)))


def _opposite(norm: Any) -> Any:
    return _OPPOSITE.get(norm, norm)  # NumPy says what is wrong with another one


# ---------------------------------------------------------------- several axes


def _lengths_and_axes(
    shape: tuple[int, ...], s: Any, axes: Any, *, half: bool = False
) -> list[tuple[int, int]]:
    """The length and the axis of each transform, as NumPy determines them.

    A length of -1 means what is there. Of a half spectrum (`half`), the default is the length of
    the whole.
    """
    if axes is None:
        axes = range(len(shape)) if s is None else range(-len(s), 0)
    axes = list(axes)
    if s is None:
        lengths = [shape[axis] for axis in axes]
        if half:
            lengths[-1] = 2 * (lengths[-1] - 1)
        return list(zip(lengths, axes, strict=True))
    if len(s) != len(axes):
        raise ValueError(f"fft: {len(s)} lengths s={tuple(s)} for {len(axes)} axes {tuple(axes)}")
    return [
        (shape[axis] if length in (-1, None) else length, axis)
        for length, axis in zip(s, axes, strict=True)
    ]


def _block(d: Draw) -> Call:
    x = d.array(min_dims=2, min_side=1)
    axes = d.choice(((0, 1), (-1, 0), (1,)))
    lengths = d.choice((None, (3, -1), (2, 4)))
    options = {
        "s": None if lengths is None else lengths[: len(axes)],
        "axes": axes,
        "norm": d.choice((None, "ortho", "forward", "backward")),
    }
    return (x,), options


def _half_block(d: Draw) -> Call:
    args, options = _block(d)
    options["s"] = d.choice(((3, 2), (2, 4)))[: len(options["axes"])]
    return args, options


@composite(np.fft.fftn, domain=cases(_block))
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The transform along several axes."""
    for length, axis in reversed(_lengths_and_axes(a.shape, s, axes)):
        a = np.fft.fft(a, length, axis, norm)
    return a


@composite(np.fft.ifftn, domain=cases(_block))
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The inverse of `fftn`."""
    for length, axis in reversed(_lengths_and_axes(a.shape, s, axes)):
        a = np.fft.ifft(a, length, axis, norm)
    return a


@composite(np.fft.rfftn, domain=cases(_block))
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The transform of real numbers along several axes; the last is kept to one half."""
    *others, (length, axis) = _lengths_and_axes(a.shape, s, axes)
    a = np.fft.rfft(a, length, axis, norm)
    for length, axis in reversed(others):
        a = np.fft.fft(a, length, axis, norm)
    return a


@composite(np.fft.irfftn, domain=cases(_half_block))
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The inverse of `rfftn`."""
    *others, (length, axis) = _lengths_and_axes(a.shape, s, axes, half=True)
    for other_length, other in others:
        a = np.fft.ifft(a, other_length, other, norm)
    return np.fft.irfft(a, length, axis, norm)


@composite(np.fft.fft2, domain=cases(_block))
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """`fftn` of the last two axes."""
    return fftn(a, s, axes, norm)


@composite(np.fft.ifft2, domain=cases(_block))
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The inverse of `fft2`."""
    return ifftn(a, s, axes, norm)


@composite(np.fft.rfft2, domain=cases(_block))
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """`rfftn` of the last two axes."""
    return rfftn(a, s, axes, norm)


@composite(np.fft.irfft2, domain=cases(_half_block))
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The inverse of `rfft2`."""
    return irfftn(a, s, axes, norm)


# ---------------------------------------------------------------- shifts


def _shifted(d: Draw) -> Call:
    x = d.array(min_dims=1)
    return (x,), {"axes": d.choice((None, 0, -1, (0,)))}


def _shift(x: Any, axes: int | tuple[int, ...] | None, sign: int) -> Any:
    axes = normalize_axes(axes, x.ndim)
    return np.roll(x, tuple(sign * (sign * x.shape[axis] // 2) for axis in axes), axes)


@composite(np.fft.fftshift, domain=cases(_shifted))
def fftshift(x: Any, axes: Any = None) -> Any:
    """The zero frequency moved to the middle."""
    return _shift(x, axes, 1)


@composite(np.fft.ifftshift, domain=cases(_shifted))
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of `fftshift`."""
    return _shift(x, axes, -1)
