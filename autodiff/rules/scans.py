"""Running results, ``ufunc.accumulate``, in a few calls of NumPy instead of one for each element.

The result obeys ``y[k] = f(y[k - 1], x[k])``. So the cotangents of all y, with what comes back
through later ones, obey a linear recurrence ``s[k] = g[k] + slope[k + 1] * s[k + 1]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.declaration import Bend
from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import plain, primitive
from autodiff.rules import choosing, elementwise
from autodiff.rules.shared.recurrences import backwards

SCANNED = {
    e.function: e
    for e in (
        choosing.maximum,
        choosing.minimum,
        choosing.fmax,
        choosing.fmin,
        elementwise.logaddexp,
        elementwise.logaddexp2,
        elementwise.subtract,
        elementwise.divide,
        elementwise.hypot,
    )
}
_ANY = (np.maximum, np.minimum, np.fmax, np.fmin, np.subtract)  # whatever the numbers are


def suits_scan(function: np.ufunc, x: Any) -> bool:
    """Whether `accumulated` is right for it.

    Near infinities and NaN, sums look at each step. A hypot has a smooth square at 0, which only
    the calls one after the other know; and quotients by 0 are poles.
    """
    if function not in SCANNED or x.dtype.kind != "f":
        return False
    x = plain(x)
    if function in (np.divide, np.hypot) and not np.all(x):
        return False
    return function in _ANY or bool(np.all(np.isfinite(x)))


def _slope(function: np.ufunc, argument: str, y: Any, a: Any, b: Any) -> Any:
    rule = SCANNED[function].rules[argument]
    known = {"g": np.ones(b.shape, b.dtype), "y": y, "a": a, "b": b}
    return rule.function(*(known[name] for name in rule.names))


def _accumulated(x: Any, function: np.ufunc, axis: int) -> Any:
    return function.accumulate(x, axis)


def _accumulated_rule(g: Any, y: Any, x: Any, function: np.ufunc, axis: int) -> Any:
    g, y, x = (np.moveaxis(v, axis, 0) for v in (g, y, x))
    keep, take = (_slope(function, name, y[1:], y[:-1], x[1:]) for name in ("a", "b"))
    total = backwards(keep, g)
    return np.moveaxis(np.concatenate([total[:1], total[1:] * take]), 0, axis)


def _running_tie(y: Any, x: Any, function: np.ufunc, axis: int) -> Any:
    """Where several elements are the extremum so far."""
    if function not in (np.maximum, np.minimum, np.fmax, np.fmin):
        return np.zeros(y.shape, bool)
    y, x = (np.moveaxis(plain(v), axis, 0) for v in (y, x))
    ties = np.zeros(y.shape, bool)
    ties[1:] = y[:-1] == x[1:]
    places = np.arange(len(y)).reshape(-1, *[1] * (y.ndim - 1))
    latest = np.maximum.accumulate(np.where(ties, places, 0), 0)
    tied = np.take_along_axis(ties, latest, 0) & (np.take_along_axis(y, latest, 0) == y)
    return np.moveaxis(tied, 0, axis)


def _running(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=1))
    function = d.choice(tuple(SCANNED))
    if function in (np.divide, np.hypot):
        x = 1 + np.abs(x) / 10
    return (x, function, d.axis(x.ndim)), {}


accumulated = primitive(
    _accumulated,
    name="accumulate",
    x=_accumulated_rule,
    selects=True,
    bend=Bend(at=_running_tie, smooth=False, x=lambda q, dx: q * dx),
    domain=cases(_running),
)
