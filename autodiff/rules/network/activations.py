"""Activations of networks that are not a line of NumPy: with kinks, or with the error function."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from autodiff.declare.domains import cases, nonzero, real
from autodiff.declare.primitive import primitive
from autodiff.rules.network.basic import sigmoid

__all__ = ["elu", "gelu", "leaky_relu", "normal_cdf"]


@primitive(
    x=lambda g, x, slope: g * (slope + (1 - slope) * (x > 0).astype(g.dtype)),
    slope=lambda g, x: g * np.minimum(x, 0),
    singular=True,
    domain=(nonzero, real),
)
def leaky_relu(x: Any, slope: Any = 0.01) -> Any:
    """`x` where it is positive, ``slope * x`` elsewhere; at 0 the derivative is `slope`.

    >>> leaky_relu(np.array([-2.0, 3.0]), 0.1)
    array([-0.2,  3. ])
    """
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


@primitive(
    x=lambda g, x, alpha: (
        g * (alpha * np.exp(np.minimum(x, 0)) + (1 - alpha) * (x > 0).astype(g.dtype))
    ),
    domain=nonzero,
)
def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere; at 0 the slope is `alpha`.

    D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", ICLR 2016.

    >>> elu(np.array([-1e3, 3.0]))
    array([-1.,  3.])
    """
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


# ---------------------------------------------------------------- the normal distribution

# atanh(2 * normal_cdf(x) - 1) / x as a polynomial in x * x, fitted on [0, 5.6] so that the largest
# error of normal_cdf is smallest: 3e-8, half of what float32 can tell apart near 1.
_SHORT = (
    7.97884942e-1, 3.63330845e-2, -3.25946996e-5, -5.5306338e-5,
    3.96477748e-6, -1.32266658e-7, 1.75628893e-9,
)  # fmt: skip
_SHORT_LIMIT = 5.6  # beyond, normal_cdf is 1 in float32
_TAIL = -3  # below, it is a small number, of which 3e-8 would be a large part
_FAR = 60  # everything here is constant beyond, and the squares of larger numbers may overflow
_clip: Any = np._core.umath.clip  # type: ignore[attr-defined]  # np.clip without its preparations


@primitive(
    x=lambda g, x: (
        g * (np.exp(np.square(_clip(x, -_FAR, _FAR)) * -0.5) * (1 / math.sqrt(2 * math.pi)))
    ),
    domain=real,
    points=[0.0],
)
def normal_cdf(x: Any) -> Any:
    """The probability that a standard normal variable is below `x`: ``(1 + erf(x / sqrt 2)) / 2``.

    Precise to 2e-15 in float64, and far out to 1e-13 of its value; in float32 and below to 1e-7,
    and to 1e-4 of its value.

    >>> normal_cdf(np.array([-1.0, 0.0, 1.0])).round(4)
    array([0.1587, 0.5   , 0.8413])
    """
    x = np.asarray(x)
    if x.dtype in (np.float32, np.float16):
        return _short_cdf(x.astype(np.float32)).astype(x.dtype)
    x = _clip(x, -_FAR, _FAR, dtype=np.float64)
    z = np.abs(x) * math.sqrt(0.5)
    tail = _horner(1 - 4 / (z + 2), _erfcx_coefficients()) / (1 + 2 * z)
    tail *= np.exp(np.multiply(z, -z)) * 0.5  # the probability beyond |x|
    return np.where(x > 0, 1 - tail, tail)


def _short_cdf(x: Any) -> Any:
    near = _clip(x, -_SHORT_LIMIT, _SHORT_LIMIT)
    y = _horner(np.square(near), _SHORT)
    y *= near
    y = np.tanh(y)
    y *= 0.5
    y += 0.5
    if not np.min(near, initial=0) >= _TAIL:  # a NaN may hide it
        low = x < _TAIL
        y = np.asarray(y)
        y[low] = normal_cdf(x[low].astype(np.float64))
    return y


def _horner(x: Any, coefficients: tuple[float, ...]) -> Any:
    """The polynomial with these coefficients, constant first."""
    y = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        y += coefficient
        y *= x
    y += coefficients[0]
    return y


@cache
def _erfcx_coefficients() -> tuple[float, ...]:
    """exp(z^2) erfc(z) (1 + 2 z) as a polynomial in t = (z - 2) / (z + 2), for z >= 0.

    M. M. Shepherd, J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in
    0 <= x < infinity", Mathematics of Computation 36, 1981.
    """
    count = 23
    nodes = np.cos(np.pi * (np.arange(count) + 0.5) / count)
    values = [_erfcx(z) * (1 + 2 * z) for z in (2 * (1 + nodes) / (1 - nodes)).tolist()]
    series = np.polynomial.chebyshev.chebfit(nodes, values, count - 1)
    return tuple(np.polynomial.chebyshev.cheb2poly(series).tolist())


def _erfcx(z: float) -> float:
    """exp(z^2) erfc(z); for large z by the continued fraction of DLMF 7.9.1."""
    if z < 3:
        return math.exp(z * z) * math.erfc(z)
    fraction = z
    for k in range(80, 0, -1):
        fraction = z + k / 2 / fraction
    return 1 / (math.sqrt(math.pi) * fraction)


# ---------------------------------------------------------------- the unit gated by it

_STEEP = math.sqrt(2 / math.pi)  # the slope of the argument of tanh at 0
_CUBIC = 0.044715


def gelu(x: Any, approximate: bool = False) -> Any:
    """`x` times the probability that a standard normal variable is below it.

    approximate: replace the probability by (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2.
    D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return gated(x, approximate)[0]


def _gated_rule(g: Any, y: Any, x: Any, approximate: bool) -> Any:
    value_g, gate_g = g
    _, gate = y
    x = _clip(x, -_FAR, _FAR)
    slope = x * x  # becomes that of the gate
    if approximate:
        slope *= 6 * _STEEP * _CUBIC
        slope += 2 * _STEEP
        slope *= gate
        slope *= 1 - gate
    else:
        slope = np.exp(slope * -0.5)
        slope *= 1 / math.sqrt(2 * math.pi)
    if value_g is None:
        return gate_g * slope
    if gate_g is not None:
        return gate_g * slope + value_g * (slope * x + gate)
    slope *= x
    slope += gate
    if value_g.__class__ is not np.ndarray:
        return value_g * slope
    slope *= value_g
    return slope


@primitive(
    x=_gated_rule,
    name="gelu",
    multiple=True,
    domain=cases(lambda d: ((d.array(), d.flag()), {})),
)
def gated(x: Any, approximate: bool) -> Any:
    """The values of `gelu`, and what `x` is multiplied by."""
    x = np.asarray(x)
    near = _clip(x, -_FAR, _FAR, dtype=np.result_type(x, np.float16))
    if approximate:  # (1 + tanh(u)) / 2 is sigmoid(2 u)
        gate = near * near
        gate *= 2 * _STEEP * _CUBIC
        gate += 2 * _STEEP
        gate *= near
        gate = sigmoid(gate)
    else:
        gate = normal_cdf(near)
    return np.maximum(x, near) * gate, gate  # so that it is 0 at -inf
