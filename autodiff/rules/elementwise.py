"""Ufuncs: arithmetic, powers, exponentials, trigonometry, complex numbers.

Sources of the formulas: the differentiation tables of Abramowitz and Stegun, chapters 4 and 6,
unless a line says otherwise. At their kinks ``abs`` and `hypot` have slope 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.declaration import Bend
from autodiff.declare.domains import Draw, above, between, cases, nonzero, real
from autodiff.declare.domains import positive as positive_numbers
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.rules.network.basic import sigmoid
from autodiff.rules.shared.cotangents import conj, over, within, zero
from autodiff.rules.shared.numbers import ONE

LN2 = math.log(2)
LN10 = math.log(10)


def has_squares(x: Any) -> bool:
    """Whether ``1 + x * x`` of real numbers does not overflow."""
    x = np.abs(plain(x))
    return bool(np.max(x, initial=0) < math.sqrt(np.finfo(x.dtype).max) / 2)


# ---------------------------------------------------------------- arithmetic

add = primitive(
    np.add,
    forward="a + b",
    a="g",
    b="g",
    domain=real,
    operators=("__add__", "__radd__"),
)
subtract = primitive(
    np.subtract,
    forward="a - b",
    a="g",
    b="-g",
    domain=real,
    operators=("__sub__", "__rsub__"),
)
multiply = primitive(
    np.multiply,
    forward="a * b",
    a="g * b",
    b="g * a",
    singular=True,
    domain=real,
    points=[0.0],
    operators=("__mul__", "__rmul__"),
)
divide = primitive(
    np.divide,
    forward="a / b",
    a="g / b",
    b="-g * y / b",
    singular=True,
    domain=(real, nonzero),
    operators=("__truediv__", "__rtruediv__"),
)
negative = primitive(np.negative, forward="-x", x="-g", domain=real, operators=("__neg__",))
positive = primitive(np.positive, forward="+x", x="g", domain=real, operators=("__pos__",))
reciprocal = primitive(np.reciprocal, x="-g * y * y", singular=True, domain=nonzero)
square = primitive(
    np.square, forward="x * x", x="g * (x + x)", singular=True, domain=real, points=[0.0]
)


# ---------------------------------------------------------------- powers and roots


def _power(a: Any, b: Any) -> Any:
    # Products are hundreds of times faster than the general power.
    if b.__class__ is int:
        if b == 2:
            return a * a
        if b == 3:
            return a * a * a
    return a**b


def _power_base(g: Any, a: Any, b: Any) -> Any:
    if b.__class__ is int or b.__class__ is float:
        if b == 0:
            return np.zeros_like(g)
        if b == 2:
            return g * (a + a)
        return g if b == 1 else g * (b * a ** (b - 1))
    # a**(b - 1) does not exist for a = b = 0, where the slope is 0 like everywhere on b = 0.
    flat = (a == 0) & (b == 0)
    slope = b * np.where(flat, 1, a) ** np.where(flat, 1, b - 1)
    # b - 1 may be rounded to b, which has another parity; 1 / a may overflow, and b / a not.
    lost = (b - 1 == b) | (np.abs(a) < np.finfo(g.dtype).tiny) & (a != 0)
    if np.any(lost):
        steep = np.where(lost, a, 1)
        slope = np.where(lost, b * steep**b / steep, slope)
    return g * slope


def _power_exponent(g: Any, y: Any, a: Any) -> Any:
    return g * y * np.log(np.where(a == 0, 1, a))  # 0**b is flat in b > 0


def _powers(d: Draw) -> Any:
    first, second = d.broadcastable(2)
    if d.flag():
        return (d.array(first, positive_numbers), d.array(second, real)), {}
    if d.flag():
        return (d.array(first, nonzero), d.choice((2, 3, 0, 1, -1, -2))), {}
    return (d.array(first, real), d.choice((2, 3, 4, 1, 2.0))), {}


power = primitive(
    np.power,
    forward=_power,
    a=_power_base,
    b=_power_exponent,
    singular=True,
    domain=cases(_powers),
    operators=("__pow__", "__rpow__"),
)
sqrt = primitive(np.sqrt, x="g / (y + y)", singular=True, domain=positive_numbers)
cbrt = primitive(np.cbrt, x=lambda g, y: g / (3 * y * y), singular=True, domain=nonzero)
hypot = primitive(
    np.hypot,
    a=lambda g, y, a: g * over(a, y),
    b=lambda g, y, b: g * over(b, y),
    bend=Bend(at=lambda y: y == 0, a=lambda q, da: q * da, b=lambda q, db: q * db),
    singular=True,
    domain=nonzero,
)


@composite(np.float_power, domain=(positive_numbers, real))
def float_power(a: Any, b: Any) -> Any:
    """The power in at least float64."""
    kind = np.result_type(*(v.dtype if hasattr(v, "dtype") else v for v in (a, b)), np.float64)
    wide = [v.astype(kind) if hasattr(v, "astype") else kind.type(v) for v in (a, b)]
    return np.power(*wide)


# ---------------------------------------------------------------- exponentials and logarithms

exp = primitive(np.exp, x="g * y", singular=True, domain=real)
exp2 = primitive(np.exp2, x=lambda g, y: g * (y * LN2), singular=True, domain=real)
# Not y + 1, which is 0 from x = -37 on.
expm1 = primitive(
    np.expm1, x=lambda g, x: g * np.exp(x), singular=True, domain=real, points=[0.0, -40.0]
)
log = primitive(np.log, x=lambda g, x: within(g / x, x, 0), singular=True, domain=positive_numbers)
# x * LN10 would overflow, and lose digits of the smallest numbers.
log2 = primitive(
    np.log2,
    x=lambda g, x: within(g * (1 / LN2) / x, x, 0),
    singular=True,
    domain=positive_numbers,
)
log10 = primitive(
    np.log10,
    x=lambda g, x: within(g * (1 / LN10) / x, x, 0),
    singular=True,
    domain=positive_numbers,
)
log1p = primitive(
    np.log1p,
    x=lambda g, x: within(g / (1 + x), x, -1),
    singular=True,
    domain=above(-1),
    points=[0.0],
)


def _shares(g: Any, y: Any, a: Any, b: Any, base: float) -> Any:
    """How `a` takes part in ``log(base**a + base**b)``; the shares of both add up to 1.

    From the difference of the arguments: the result's rounding error would tell in ``exp(a - y)``.
    Equal arguments share, infinite ones too; but both slopes are 0 where both are -inf.
    """
    if np.any(np.isinf(y)):
        g, a, b = np.where(y == -np.inf, 0, g), *(np.where(a == b, 0, v) for v in (a, b))
    apart = a - b
    return g * sigmoid(apart if base == math.e else apart * LN2)


logaddexp = primitive(
    np.logaddexp,
    a=lambda g, y, a, b: _shares(g, y, a, b, math.e),
    b=lambda g, y, a, b: _shares(g, y, b, a, math.e),
    singular=True,
    domain=real,
)
logaddexp2 = primitive(
    np.logaddexp2,
    a=lambda g, y, a, b: _shares(g, y, a, b, 2),
    b=lambda g, y, a, b: _shares(g, y, b, a, 2),
    singular=True,
    domain=real,
)

# ---------------------------------------------------------------- trigonometry

sin = primitive(np.sin, x=lambda g, x: g * np.cos(x), singular=True, domain=real, points=[0.0])
cos = primitive(np.cos, x=lambda g, x: -g * np.sin(x), singular=True, domain=real, points=[0.0])
tan = primitive(
    np.tan, x=lambda g, y: g * (1 + y * y), singular=True, domain=between(-1.2, 1.2), points=[0.0]
)


# On a branch cut the sign of a zero tells the side, and 1 - x * x would lose it. For real numbers
# (1 - x) (1 + x) keeps the digits near 1, and hypot(1, x), which takes long, those of large ones.


def _cos_of_arcsin(x: Any) -> Any:
    return np.cos(np.arcsin(x)) if np.iscomplexobj(x) else np.sqrt((1 - x) * (1 + x))


def _cosh_of_arcsinh(x: Any) -> Any:
    if np.iscomplexobj(x):
        return np.cosh(np.arcsinh(x))
    return np.sqrt(1 + x * x) if has_squares(x) else np.hypot(1, x)


def _sinh_of_arccosh(x: Any) -> Any:
    return np.sinh(np.arccosh(x)) if np.iscomplexobj(x) else np.sqrt(x - 1) * np.sqrt(x + 1)


arcsin = primitive(
    np.arcsin, x=lambda g, x: g / _cos_of_arcsin(x), singular=True, domain=between(-0.95, 0.95)
)
arccos = primitive(
    np.arccos, x=lambda g, x: -g / _cos_of_arcsin(x), singular=True, domain=between(-0.95, 0.95)
)


def _arctan_rule(g: Any, x: Any) -> Any:
    if np.iscomplexobj(x) or has_squares(x):
        return g / (1 + x * x)
    length = np.hypot(1, x)
    return g / length / length


def _turn(g: Any, across: Any, along: Any) -> Any:
    """The change of an angle for a step at a right angle to `across`, which is from the origin."""
    length = np.hypot(across, along)
    return g * over(over(across, length), length)


arctan = primitive(np.arctan, x=_arctan_rule, domain=real, points=[0.0])
arctan2 = primitive(
    np.arctan2,
    a=lambda g, a, b: _turn(g, b, a),
    b=lambda g, a, b: -_turn(g, a, b),
    singular=True,
    domain=(nonzero, nonzero),
)
sinh = primitive(np.sinh, x=lambda g, x: g * np.cosh(x), singular=True, domain=real, points=[0.0])
cosh = primitive(np.cosh, x=lambda g, x: g * np.sinh(x), singular=True, domain=real, points=[0.0])


# Looked up here, they save a small array a tenth of the rule's time.
ndarray, multiply_arrays, subtract_arrays = np.ndarray, np.multiply, np.subtract


def _tanh_rule(g: Any, y: Any) -> Any:
    if not (y.__class__ is g.__class__ is ndarray):
        return g * (1 - y * y)
    slope = multiply_arrays(y, y)
    subtract_arrays(ONE[y.dtype], slope, slope)
    return multiply_arrays(slope, g, slope)


tanh = primitive(np.tanh, x=_tanh_rule, domain=real, points=[0.0])
arcsinh = primitive(np.arcsinh, x=lambda g, x: g / _cosh_of_arcsinh(x), domain=real, points=[0.0])
arccosh = primitive(
    np.arccosh, x=lambda g, x: g / _sinh_of_arccosh(x), singular=True, domain=above(1)
)
arctanh = primitive(
    np.arctanh,
    x=lambda g, x: within(g / ((1 - x) * (1 + x)), x, -1, 1),
    singular=True,
    domain=between(-0.9, 0.9),
)
deg2rad = primitive(np.deg2rad, x=lambda g: g * (math.pi / 180), domain=real)
radians = primitive(np.radians, x=lambda g: g * (math.pi / 180), domain=real)
rad2deg = primitive(np.rad2deg, x=lambda g: g * (180 / math.pi), domain=real)
degrees = primitive(np.degrees, x=lambda g: g * (180 / math.pi), domain=real)

# ---------------------------------------------------------------- complex numbers

conjugate = primitive(np.conjugate, x=lambda g: conj(g), domain=real)


def _sign(g: Any, y: Any, x: Any) -> Any:
    if not np.iscomplexobj(x):
        return zero(g)
    # d(x/|x|) = (dx - y Re(conj(y) dx)) / |x|
    return over(g - conj(y) * np.real(g * y), np.abs(x))


sign = primitive(np.sign, x=_sign, selects=True, domain=nonzero)
absolute = primitive(
    np.absolute,
    x=lambda g, x: g * conj(np.sign(x)),
    bend=Bend(at=lambda x: x == 0, x=lambda q, dx: q * conj(dx)),
    singular=True,
    domain=nonzero,
    kinks=[0.0],
    operators=("__abs__",),
    elementwise=False,  # a complex number has a real one
)
fabs = primitive(
    np.fabs,
    x=lambda g, x: g * np.sign(x),
    bend=Bend(at=lambda x: x == 0, x=lambda q, dx: q * dx),
    singular=True,
    domain=nonzero,
    kinks=[0.0],
)
