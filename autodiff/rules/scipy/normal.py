"""scipy.special: error functions and the normal distribution (DLMF 7.2 and 7.10)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.domains import below, between, real
from autodiff.declare.primitive import primitive
from autodiff.rules.scipy.tools import special

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_TWO_PI = math.sqrt(2 * math.pi)

# ---------------------------------------------------------------- error functions


def _bell(x: Any) -> Any:
    return TWO_OVER_ROOT_PI * np.exp(-x * x)


def _beyond(x: Any, sign: int) -> Any:
    """The sum over m > 0 of ``(2 m - 1)!! (sign / (2 x**2))**m``, an asymptotic series.

    Of ``sqrt(pi) x erfcx(x)`` and ``2 x dawsn(x)`` it is what is left of 1 far out (DLMF 7.12).
    """
    inverse = sign * 0.5 / x / x
    total: Any = 0.0
    for m in range(14, 0, -1):
        total = inverse * (2 * m - 1) * (1 + total)
    return total


_FAR = 10  # from here on the series has all digits, and differences lose more than two of them


def _far(x: Any) -> Any:
    """Where `x` is far to the right, and `x` there; 1 elsewhere."""
    far = np.logical_and(not np.iscomplexobj(x), np.real(x) > _FAR)
    return far, np.where(far, x, 1)


def _erfcx_slope(y: Any, x: Any) -> Any:
    far, x_far = _far(x)
    near = 2 * x * np.where(far, 0, y) - TWO_OVER_ROOT_PI
    return np.where(far, TWO_OVER_ROOT_PI * _beyond(x_far, -1), near)


def _dawsn_slope(y: Any, x: Any) -> Any:
    far, x_far = _far(x if np.iscomplexobj(x) else np.abs(x))
    return np.where(far, -_beyond(x_far, 1), 1 - 2 * np.where(far, 0, x) * y)


def _wofz_slope(y: Any, x: Any) -> Any:
    far = (np.abs(x) > _FAR) & (np.imag(x) >= 0)
    near = 1j * TWO_OVER_ROOT_PI - 2 * np.where(far, 0, x) * y
    return np.where(far, -1j * TWO_OVER_ROOT_PI * _beyond(np.where(far, x, 1), 1), near)


erf = primitive(special.erf, x=lambda g, x: g * _bell(x), domain=real, points=[0.0])
erfc = primitive(special.erfc, x=lambda g, x: -g * _bell(x), domain=real, points=[0.0])
erfcx = primitive(
    special.erfcx,
    x=lambda g, y, x: g * _erfcx_slope(y, x),
    singular=True,
    domain=real,
    points=[0.0],
)
erfi = primitive(
    special.erfi,
    x=lambda g, x: g * (TWO_OVER_ROOT_PI * np.exp(x * x)),
    singular=True,
    domain=real,
    points=[0.0],
)
erfinv = primitive(
    special.erfinv,
    x=lambda g, y: g * (np.exp(y * y) / TWO_OVER_ROOT_PI),
    singular=True,
    domain=between(-0.95, 0.95),
    points=[0.0],
)
erfcinv = primitive(
    special.erfcinv,
    x=lambda g, y: -g * (np.exp(y * y) / TWO_OVER_ROOT_PI),
    singular=True,
    domain=between(0.05, 1.95),
    points=[1.0],
)
dawsn = primitive(
    special.dawsn, x=lambda g, y, x: g * _dawsn_slope(y, x), domain=real, points=[0.0, 30.0, -30.0]
)
wofz = primitive(special.wofz, x=lambda g, y, x: g * _wofz_slope(y, x), domain=real, points=[30.0])

# ---------------------------------------------------------------- the normal distribution


def _hazard(x: Any) -> Any:
    """The normal density divided by the distribution function, without underflow."""
    return math.sqrt(2 / math.pi) / special.erfcx(x * -math.sqrt(0.5))


def _hazard_slope(y: Any, x: Any) -> Any:
    """``-y * (x + y)``, where far to the left `x` and `y` cancel."""
    far, x_far = _far(x * -math.sqrt(0.5))
    slope = TWO_OVER_ROOT_PI * _beyond(x_far, -1)
    return -y * np.where(far, -0.5 * math.sqrt(math.pi) * y * slope, np.where(far, 0, x) + y)


hazard = primitive(
    _hazard,
    name="hazard",
    x=lambda g, y, x: g * _hazard_slope(y, x),
    singular=True,
    domain=real,
    points=[-40.0],
)

ndtr = primitive(
    special.ndtr, x=lambda g, x: g * (np.exp(x * x * -0.5) / ROOT_TWO_PI), domain=real, points=[0.0]
)
log_ndtr = primitive(
    special.log_ndtr, x=lambda g, x: g * hazard(x), singular=True, domain=real, points=[0.0, -30.0]
)
ndtri = primitive(
    special.ndtri,
    x=lambda g, y: g * (ROOT_TWO_PI * np.exp(y * y * 0.5)),
    singular=True,
    domain=between(0.02, 0.98),
)
ndtri_exp = primitive(
    special.ndtri_exp,
    x=lambda g, y: g / hazard(y),
    singular=True,
    domain=below(-0.02),
)


def _owens_slope(g: Any, a: Any, length: Any) -> Any:
    return g * np.exp(np.square(a * length) * -0.5) / (2 * math.pi) / length / length


owens_t = primitive(
    special.owens_t,
    a=lambda g, a, b: (
        -g * special.erf(a * b * math.sqrt(0.5)) * (np.exp(a * a * -0.5) / (2 * ROOT_TWO_PI))
    ),
    b=lambda g, a, b: _owens_slope(g, a, np.hypot(1, b)),
    domain=(real, real),
)
