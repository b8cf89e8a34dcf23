"""scipy.special: error functions and the normal distribution (DLMF 7.2 and 7.10)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from autodiff.domains import below, between, real
from autodiff.primitive import primitive

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_TWO_PI = math.sqrt(2 * math.pi)

# ---------------------------------------------------------------- error functions


def _bell(x: Any) -> Any:
    return TWO_OVER_ROOT_PI * np.exp(-x * x)


erf = primitive(special.erf, x=lambda g, x: g * _bell(x), domain=real, points=[0.0])
erfc = primitive(special.erfc, x=lambda g, x: -g * _bell(x), domain=real, points=[0.0])
erfcx = primitive(
    special.erfcx,
    x=lambda g, y, x: g * (2 * x * y - TWO_OVER_ROOT_PI),
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
dawsn = primitive(special.dawsn, x=lambda g, y, x: g * (1 - 2 * x * y), domain=real, points=[0.0])
wofz = primitive(
    special.wofz, x=lambda g, y, x: g * (1j * TWO_OVER_ROOT_PI - 2 * x * y), domain=real
)

# ---------------------------------------------------------------- the normal distribution


def _hazard(x: Any) -> Any:
    """The normal density divided by the distribution function, without underflow."""
    return math.sqrt(2 / math.pi) / special.erfcx(x * -math.sqrt(0.5))


hazard = primitive(_hazard, name="hazard", x=lambda g, y, x: -g * y * (x + y), domain=real)

ndtr = primitive(
    special.ndtr, x=lambda g, x: g * (np.exp(x * x * -0.5) / ROOT_TWO_PI), domain=real, points=[0.0]
)
log_ndtr = primitive(
    special.log_ndtr, x=lambda g, x: g * hazard(x), domain=real, points=[0.0, -30.0]
)
ndtri = primitive(
    special.ndtri,
    x=lambda g, y: g * (ROOT_TWO_PI * np.exp(y * y * 0.5)),
    singular=True,
    domain=between(0.02, 0.98),
)
ndtri_exp = primitive(
    special.ndtri_exp,
    x=lambda g, y, x: g * (ROOT_TWO_PI * np.exp(x + y * y * 0.5)),
    singular=True,
    domain=below(-0.02),
)
owens_t = primitive(
    special.owens_t,
    a=lambda g, a, b: (
        -g * special.erf(a * b * math.sqrt(0.5)) * (np.exp(a * a * -0.5) / (2 * ROOT_TWO_PI))
    ),
    b=lambda g, a, b: g * np.exp(a * a * (1 + b * b) * -0.5) / (2 * math.pi * (1 + b * b)),
    domain=(real, real),
)
