"""Ufuncs that take numbers apart: whole quotients, remainders, parts of floating-point numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Draw, between, cases, integers, nonzero, real
from autodiff.declare.primitive import composite, primitive
from autodiff.rules.shared.cotangents import defined, zero


def _quotients(d: Draw) -> Any:
    first, second = d.broadcastable(2)
    b = d.array(second, nonzero)
    whole = d.array(np.broadcast_shapes(first, second), integers(-2, 2))
    part = d.array(np.broadcast_shapes(first, second), between(0.2, 0.8))
    return (b * (whole + part), b), {}


between_integers = cases(
    lambda d: (
        ((s := d.shape()), d.array(s, integers(-2, 2)) + d.array(s, between(0.2, 0.8)))[1:],
        {},
    )
)
floor = primitive(np.floor, x=lambda g: zero(g), selects=True, domain=between_integers)
ceil = primitive(np.ceil, x=lambda g: zero(g), selects=True, domain=between_integers)
trunc = primitive(np.trunc, x=lambda g: zero(g), selects=True, domain=between_integers)
rint = primitive(np.rint, x=lambda g: zero(g), selects=True, domain=between(0.6, 1.4))
floor_divide = primitive(
    np.floor_divide,
    forward="a // b",
    a=lambda g: zero(g),
    b=lambda g: zero(g),
    selects=True,
    domain=cases(_quotients),
    operators=("__floordiv__", "__rfloordiv__"),
)
remainder = primitive(
    np.remainder,
    forward="a % b",
    a=lambda g, y: defined(g, y),
    b=lambda g, y, a, b: defined(
        -g * np.floor_divide(a, b), y
    ),  # a / b may round up to the next number
    singular=True,
    domain=cases(_quotients),
    operators=("__mod__", "__rmod__"),
)
fmod = primitive(
    np.fmod,
    a=lambda g, y: defined(g, y),
    b=lambda g, y, a, b: -g * np.rint((a - y) / b),
    singular=True,
    domain=cases(_quotients),
)
nextafter = primitive(
    np.nextafter, a=lambda g: g, b=lambda g: zero(g), selects=True, domain=(real, real)
)
modf = primitive(
    np.modf,
    multiple=True,
    x=lambda g: g[0] if g[0] is not None else zero(g[1]),
    domain=between_integers,
)
frexp = primitive(
    np.frexp, multiple=True, x=lambda g, y: np.ldexp(g[0], -y[1]), domain=between(0.55, 0.95)
)
ldexp = primitive(np.ldexp, a=lambda g, b: np.ldexp(g, b), b=None, domain=(real, integers(-3, 3)))


@composite(np.divmod, domain=cases(_quotients))
def divmod(a: Any, b: Any) -> Any:
    """The whole quotient, which has slope zero, and the remainder."""
    return np.floor_divide(a, b), np.remainder(a, b)
