"""Convolution, correlation and interpolation of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, between, cases, positive, real
from autodiff.declare.primitive import composite, primitive
from autodiff.tensors.tensor import as_tensor

# ---------------------------------------------------------------- convolution


def _full(a: Any, v: Any) -> Any:
    """All sums of products; the result has ``len(a) + len(v) - 1`` elements."""
    return np.convolve(a, v)


def _lengths(d: Draw) -> Call:
    return (d.array((d.integer(1, 4),)), d.array((d.integer(1, 4),))), {}


_convolution = primitive(
    _full,
    name="convolve",
    a=lambda g, v: np.convolve(g, np.flip(v), "valid"),
    v=lambda g, a: np.convolve(g, np.flip(a), "valid"),
    domain=cases(_lengths),
)


def _modes(d: Draw) -> Call:
    return _lengths(d)[0], {"mode": d.choice(("full", "same", "valid"))}


@composite(np.convolve, domain=cases(_modes))
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """The convolution of two sequences."""
    a, v = _sequence(a), _sequence(v)
    return _part(_convolution(a, v), len(a), len(v), mode)


@composite(np.correlate, domain=cases(_modes))
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """The cross-correlation of two sequences, the second conjugated."""
    a, v = _sequence(a), _sequence(v)
    y = _convolution(a, np.flip(np.conjugate(v)))
    if len(v) > len(a):  # NumPy exchanges the two and reverses the result
        return np.flip(_part(np.flip(y), len(v), len(a), mode))
    return _part(y, len(a), len(v), mode)


def _sequence(x: Any) -> Any:
    x = as_tensor(x)
    if x.ndim > 1 or x.size == 0:
        raise ValueError(f"convolve: a sequence has shape {x.shape}, which does not work")
    return np.ravel(x)


def _part(full: Any, first: int, second: int, mode: str) -> Any:
    """What `mode` keeps of the full result."""
    short, long = sorted((first, second))
    if mode == "full":
        return full
    if mode == "same":
        return full[(short - 1) // 2 :][:long]
    if mode == "valid":
        return full[short - 1 : long]
    raise ValueError(f"convolve: the mode {mode!r} is none of 'full', 'same' and 'valid'")


# ---------------------------------------------------------------- interpolation


def _table(d: Draw) -> Call:
    knots = np.cumsum(d.array((4,), positive) + 0.4) - 3
    x = knots[[0, 1, 2]] + d.array((3,), between(0.05, 0.35))
    if d.flag():
        x = np.append(x, [knots[0] - 1, knots[-1] + 1])
    values = d.array((4,), real)
    kind = d.choice(("plain", "borders", "period"))
    if kind == "borders":
        return (x, knots, values), {"left": d.array(()), "right": d.array(())}
    return (x, knots, values), {} if kind == "plain" else {"period": 20.0}


@composite(np.interp, domain=cases(_table))
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """The broken line through the points ``(xp, fp)``, at `x`.

    At a point, the slope is the mean of those on both sides.
    """
    x, xp = as_tensor(x).astype(float), as_tensor(xp).astype(float)
    fp = as_tensor(fp).astype(complex if np.iscomplexobj(fp) else float)
    if period is not None:
        left = right = None
        period = np.abs(period)
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    count = len(xp)
    lowest = -1 if left is None else 0  # segments beyond the ends that go on from them
    highest = count - 1 if right is None else max(count - 2, 0)
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right

    def segment(k: np.ndarray) -> Any:
        """The value at `x` of the k-th piece of the line."""
        start = np.clip(k, 0, max(count - 2, 0))
        stop = np.minimum(start + 1, count - 1)
        width = np.where(stop == start, 1, xp[stop] - xp[start])
        y = fp[start] + (fp[stop] - fp[start]) / width * (x - xp[start])
        return np.where(k < 0, left, np.where(k > count - 2, fp[-1], y)) if count > 1 else y

    after = np.clip(np.searchsorted(xp, x, "right") - 1, lowest, highest)
    before = np.clip(np.searchsorted(xp, x, "left") - 1, lowest, highest)
    y = segment(after)
    if np.any(before != after):
        y = np.where(before == after, y, (y + segment(before)) / 2)
    y = np.where(x < xp[0], left, np.where(x > xp[-1], right, y))
    return np.where(np.isnan(x), np.nan, y)
