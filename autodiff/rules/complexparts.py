"""Parts of complex numbers, repairs of infinite ones, limits and rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, between, cases, nonzero
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.rules.shared.cotangents import zero
from autodiff.rules.shared.viewing import as_view


def _any(d: Draw) -> Call:
    return (d.array(),), {}


def _complex_number(real: Any, imag: Any) -> Any:
    z = np.empty(
        np.broadcast_shapes(np.shape(real), np.shape(imag)), np.result_type(real, imag, 1j)
    )
    z.real, z.imag = real, imag  # real + 1j * imag has NaN where imag is infinite
    return z


def _parts(d: Draw) -> Call:
    shape = d.shape()
    return (d.array(shape), d.array(shape)), {}


# A change dx moves the result by Re(dx), and by Im(dx) = Re(-1j * dx).
real_part = primitive(
    np.real,
    signature="val",
    forward=lambda val: val.real if np.iscomplexobj(val) else np.asarray(val)[...],
    val=lambda g: g,
    view=lambda val, part: complex_number(part, np.imag(val)) if np.iscomplexobj(val) else part,
    domain=cases(_any),
)
imaginary_part = primitive(
    np.imag,
    signature="val",
    val=lambda g, val: g * -1j if np.iscomplexobj(val) else zero(g),
    view=lambda val, part: complex_number(np.real(val), part),
    selects=True,
    domain=cases(_any),
)


@composite(np.imag, domain=cases(_any))
def imag(val: Any) -> Any:
    """The imaginary part; that of real numbers cannot be written to."""
    part = imaginary_part(val)
    return part if np.iscomplexobj(val) else as_view(part, val, imaginary_part)


complex_number = primitive(
    _complex_number,
    name="complex_number",
    real=lambda g: g,
    imag=lambda g: g * 1j,
    domain=cases(_parts),
)


@composite(np.angle, domain=cases(lambda d: ((d.array(domain=nonzero),), {"deg": d.flag()})))
def angle(z: Any, deg: bool = False) -> Any:
    """The angle in the complex plane, in radians or degrees."""
    turn = np.arctan2(np.imag(z), np.real(z))
    return turn * (180 / math.pi) if deg else turn


@composite(np.real_if_close, domain=cases(_any))
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part, if every imaginary part is rounding error."""
    if not np.iscomplexobj(a):
        return a
    limit = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    return np.real(a) if np.all(np.abs(plain(a).imag) < limit) else a


def _with_holes(d: Draw) -> Call:
    x = d.array(d.shape(min_dims=1, min_side=1))
    x.flat[0] = d.choice((np.nan, np.inf, -np.inf))
    return (x,), {"posinf": 3.0, "neginf": -3.0}


@composite(np.nan_to_num, domain=cases(_with_holes))
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Finite numbers in place of NaN and infinities; what is replaced has slope zero."""
    if np.iscomplexobj(x):
        y = _repaired(np.real(x), nan, posinf, neginf) + 1j * _repaired(
            np.imag(x), nan, posinf, neginf
        )
    else:
        y = _repaired(x, nan, posinf, neginf)
    return y if copy else x._rebind(y)


def _repaired(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    x = np.where(np.isnan(x), nan, x)
    x = np.where(np.isposinf(x), limits.max if posinf is None else posinf, x)
    return np.where(np.isneginf(x), limits.min if neginf is None else neginf, x)


# ---------------------------------------------------------------- limits and rounding


def _clipped(d: Draw) -> Call:
    first, second = d.broadcastable(2)
    low = d.choice((None, -0.5, d.array(second, between(-0.9, -0.4))))
    high = d.choice((0.5, d.array(second, between(0.3, 0.9))))
    return (1.2 * np.sign(d.array(first, nonzero)) * d.array(first, between(0, 0.2)), low, high), {}


# The ufunc is what the method of a plain array calls: array.clip(t, 1).
@composite(np.clip, np._core.umath.clip, domain=cases(_clipped))  # type: ignore[attr-defined]
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None,
    max: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """The elements limited to an interval; on a limit, element and limit share the gradient."""
    if (min is not None or max is not None) and (a_min is not None or a_max is not None):
        raise ValueError("clip: give either a_min and a_max, or min= and max=")
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _roundable(d: Draw) -> Call:
    return (d.array(domain=between(0.61, 1.39)),), {"decimals": d.choice((0, -1))}


def _rounding(function: Any) -> Any:
    return primitive(
        function,
        signature="a, decimals=0, out=None",
        forward=lambda a, decimals, out: np.round(a, decimals),
        a=lambda g: zero(g),
        selects=True,
        domain=cases(_roundable),
    )


round = _rounding(np.round)
around = _rounding(np.around)


@composite(np.fix, domain=between(0.2, 0.8))
def fix(x: Any, out: Any = None) -> Any:
    """The nearest whole number towards zero."""
    return np.trunc(x)
