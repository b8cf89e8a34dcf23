"""NumPy's own special functions: `np.i0` and `np.sinc`.

Each has derivatives of all orders, which are integrals of smooth functions; a quadrature with few
nodes gives them to full precision, near 0 too. Those of SciPy are in `autodiff.rules.scipy`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases, real
from autodiff.declare.primitive import primitive


def _any_order(d: Draw) -> Call:
    return (d.array(domain=real), d.integer(0, 3)), {}


_OVERFLOW = 720.0  # I0 is infinite in float64 from here on


def _i0_derivative(x: Any, order: int) -> Any:
    """The derivative of I0: the mean over t of ``cos(t)**order * exp(x cos(t))`` (DLMF 10.32.1).

    The trapezoidal rule of a periodic function; with n nodes its error falls like I_2n(x). Nodes t
    and pi - t taken together give a cosh or a sinh, so that no digits are lost near 0.
    """
    x = np.clip(x, -_OVERFLOW, _OVERFLOW)
    largest = float(np.max(np.abs(x), initial=0, where=~np.isnan(x)))
    count = 7 + order // 2 + int(2.25 * math.sqrt(largest))
    even_or_odd = np.sinh if order % 2 else np.cosh
    total = np.zeros_like(x)
    for node in range(count):
        cosine = math.cos(math.pi * (node + 0.5) / (2 * count))
        total = total + cosine**order / count * even_or_odd(cosine * x)
    return total


i0_derivative = primitive(
    _i0_derivative,
    name="i0_derivative",
    x=lambda g, x, order: g * i0_derivative(x, order + 1),
    domain=cases(_any_order),
)
i0 = primitive(
    np.i0,
    signature="x",
    x=lambda g, x: g * i0_derivative(x, 1),
    singular=True,
    domain=real,
    points=[0.0],
)


@cache
def gauss() -> tuple[list[float], list[float]]:
    """Nodes and weights of Gaussian quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    return ((nodes + 1) / 2).tolist(), (weights / 2).tolist()


def _cos_derivative(x: Any, order: int) -> Any:
    sign = 1 if order % 4 in (0, 3) else -1
    return sign * (np.sin(x) if order % 2 else np.cos(x))


def _cos_pi(x: Any) -> Any:
    """``cos(pi * x)``; the digits of large numbers, and near zeros, are not lost in a product."""
    apart = np.abs(x - 2 * np.rint(x / 2))
    return np.sin(math.pi * (0.5 - apart))


def _sinc_derivative(x: Any, order: int) -> Any:
    """The derivative of ``sin(pi x) / (pi x)``: the integral of ``cos(t pi x)``'s, t from 0 to 1.

    Far from 0, a recurrence that follows from ``x * sinc(x) == sin(pi x) / pi`` is stable.
    """
    far = np.abs(x) > 3
    near_x = np.where(far, 0, x) * math.pi
    near = np.zeros_like(x)
    for node, weight in zip(*gauss(), strict=True):
        near = near + (weight * node**order) * _cos_derivative(node * near_x, order)
    near = near * math.pi**order
    if not np.any(far):
        return near
    far_x = np.where(far, x, 1)
    value = np.sinc(far_x)
    for n in range(1, order + 1):
        turned = math.pi ** (n - 1) * _cos_pi(far_x + (n - 1) / 2)  # a quarter turn for each order
        value = (turned - n * value) / far_x
    return np.where(far, value, near)


sinc_derivative = primitive(
    _sinc_derivative,
    name="sinc_derivative",
    x=lambda g, x, order: g * sinc_derivative(x, order + 1),
    domain=cases(_any_order),
    points=[0.0],
)
sinc = primitive(
    np.sinc,
    signature="x",
    x=lambda g, x: g * sinc_derivative(x, 1),
    singular=True,
    domain=real,
    points=[0.0],
)
