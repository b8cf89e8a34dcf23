"""Linear recurrences along the first axis, in a few calls of NumPy where their slopes allow."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import primitive

_FEW = 16  # steps that are taken one after the other


def _recurrence(a: Any, b: Any) -> Any:
    """All ``s[k + 1] = b[k + 1] + a[k] * s[k]`` along the first axis, from ``s[0] = b[0]``.

    Two steps at a time for the odd places, in the same way, then the even places from those.
    """
    count = len(b)
    if count <= _FEW:
        return _step_by_step(a, b)
    end = count // 2 * 2
    first, second = a[1 : end - 2 : 2], a[2 : end - 1 : 2]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        both = first * second
    if not _is_exact(both, first, second):
        return _step_by_step(a, b)
    odd = _recurrence(both, b[1:end:2] + a[:end:2] * b[:end:2])
    result = np.empty(b.shape, odd.dtype)
    result[0], result[1::2] = b[0], odd
    result[2::2] = b[2::2] + a[1::2] * odd[: (count - 1) // 2]
    return result


def _is_exact(product: Any, a: Any, b: Any) -> bool:
    """Whether nothing overflowed, and nothing lost digits because it is too small."""
    sizes = np.abs(product)
    limits = np.finfo(sizes.dtype)
    exact = (sizes >= limits.tiny) & (sizes <= limits.max)
    return bool(np.all(exact) or np.all(exact | (product == 0) & ((a == 0) | (b == 0))))


def _step_by_step(a: Any, b: Any) -> Any:
    kind = np.result_type(a, b)
    if b.size == len(b):  # Python is quicker than NumPy at single numbers
        last, *others = b.ravel().tolist()
        steps = [last]
        for slope, added in zip(a.ravel().tolist(), others, strict=True):
            last = added + slope * last
            steps.append(last)
        with np.errstate(over="ignore"):
            return np.array(steps, kind).reshape(b.shape)
    result = b.astype(kind)
    for k in range(len(a)):
        result[k + 1] += a[k] * result[k]
    return result


def _recurring(d: Draw) -> Call:
    shape = (d.choice((3, 1, 2, 19, 40)), *d.shape(max_dims=1))
    return (d.array((shape[0] - 1, *shape[1:])), d.array(shape)), {}


def backwards(a: Any, g: Any) -> Any:
    """``s[k] = g[k] + a[k] * s[k + 1]``, from the last."""
    return np.flip(recurrence(np.flip(a, 0), np.flip(g, 0)), 0)


recurrence = primitive(
    _recurrence,
    name="recurrence",
    a=lambda g, y, a: backwards(a, g)[1:] * y[:-1],
    b=lambda g, a: backwards(a, g),
    domain=cases(_recurring),
)
