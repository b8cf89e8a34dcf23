"""Ufuncs that choose between two arguments: maxima, minima, signs.

Equal arguments of `maximum` share the cotangent equally, so that max(x, x) has slope 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.declaration import Bend
from autodiff.declare.domains import Draw, cases, nonzero, real
from autodiff.declare.primitive import primitive
from autodiff.rules.shared.cotangents import zero


def _share(g: Any, wins: Any, ties: Any) -> Any:
    """The cotangent of an argument that wins here and ties there."""
    if np.any(ties):
        return g * (wins + g.dtype.type(0.5) * ties)
    return g * wins


def _distinct_or_equal(d: Draw) -> Any:
    first, second = d.broadcastable(2)
    a = d.array(first, real)
    b = d.array(second, real)
    close = np.abs(a - b) < 0.1  # too near for numerical differences
    return (a, b if not np.any(close) else b + 5), {}


# Either may be the larger: half of their sum, and half of the absolute value of their difference.
_tie = Bend(
    at=lambda a, b: a == b,
    a=lambda q, da, db: q * (da - db) / 4,
    b=lambda q, da, db: q * (db - da) / 4,
)
maximum = primitive(
    np.maximum,
    a=lambda g, a, b: _share(g, a > b, a == b),
    b=lambda g, a, b: _share(g, b > a, a == b),
    selects=True,
    bend=_tie,
    domain=cases(_distinct_or_equal),
    kinks=[1.0],
)
minimum = primitive(
    np.minimum,
    a=lambda g, a, b: _share(g, a < b, a == b),
    b=lambda g, a, b: _share(g, b < a, a == b),
    selects=True,
    bend=_tie,
    domain=cases(_distinct_or_equal),
    kinks=[1.0],
)
fmax = primitive(
    np.fmax,
    a=lambda g, a, b: _share(g, (a > b) | np.isnan(b), a == b),
    b=lambda g, a, b: _share(g, (b > a) | np.isnan(a), a == b),
    selects=True,
    bend=_tie,
    domain=cases(_distinct_or_equal),
    kinks=[1.0],
)
fmin = primitive(
    np.fmin,
    a=lambda g, a, b: _share(g, (a < b) | np.isnan(b), a == b),
    b=lambda g, a, b: _share(g, (b < a) | np.isnan(a), a == b),
    selects=True,
    bend=_tie,
    domain=cases(_distinct_or_equal),
    kinks=[1.0],
)
heaviside = primitive(
    np.heaviside,
    a=lambda g: zero(g),
    b=lambda g, a: g * (a == 0),
    selects=True,
    domain=(nonzero, real),
)


def _same_sign(a: Any, b: Any) -> Any:
    return np.where(np.signbit(a) == np.signbit(b), 1.0, -1.0)


copysign = primitive(
    np.copysign,
    a=lambda g, a, b: g * _same_sign(a, b),
    b=lambda g: zero(g),
    selects=True,
    domain=(nonzero, nonzero),
)
