"""scipy.special: integrals of elementary functions, elliptic and hypergeometric functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.domains import above, between, cases, nonzero, positive, real
from autodiff.declare.primitive import primitive
from autodiff.rules.scipy.tools import at_parameters, special, unknown
from autodiff.rules.shared.cotangents import defined, within

# ---------------------------------------------------------------- hypergeometric (DLMF 13.3, 15.5)

hyp1f1 = primitive(
    special.hyp1f1,
    signature="a, b, x",
    a=unknown("hyp1f1", "the parameters"),
    b=unknown("hyp1f1", "the parameters"),
    x=lambda g, a, b, x: g * (special.hyp1f1(a + 1, b + 1, x) * (a / b)),
    domain=at_parameters([(1, 2), (0.5, 1.5)], real),
    points=[0.0],
)
hyp2f1 = primitive(
    special.hyp2f1,
    signature="a, b, c, x",
    a=unknown("hyp2f1", "the parameters"),
    b=unknown("hyp2f1", "the parameters"),
    c=unknown("hyp2f1", "the parameters"),
    x=lambda g, a, b, c, x: g * (special.hyp2f1(a + 1, b + 1, c + 1, x) * (a * b / c)),
    domain=at_parameters([(1, 2, 3), (0.5, 1.5, 2)], between(-2, 0.8)),
    points=[0.0],
)
hyp0f1 = primitive(
    special.hyp0f1,
    a=unknown("hyp0f1", "the parameter"),
    b=lambda g, y, a, b: defined(g * (special.hyp0f1(a + 1, b) / a), y),
    singular=True,
    domain=at_parameters([(1,), (1.5,)], real),
)

# ---------------------------------------------------------------- exponential, sine and cosine


def _exp_over(x: Any, divisor: Any) -> Any:
    """``exp(x) / divisor``, which is finite in places where the numerator is not."""
    half = np.exp(x / 2)
    return half / divisor * half


expi = primitive(special.expi, x=lambda g, x: g * _exp_over(x, x), singular=True, domain=nonzero)
exp1 = primitive(
    special.exp1,
    x=lambda g, x: within(-g * _exp_over(-x, x), x, 0),
    singular=True,
    domain=between(0.3, 3),
)


def _sum(*terms: tuple[Any, Any]) -> Any:
    """The sum of cotangents times slopes, of which a cotangent may be None."""
    return sum(g * slope() for g, slope in terms if g is not None)


# DLMF 6.2.9 and 6.2.11; np.sinc is accurate at 0 with all of its derivatives.
sici = primitive(
    special.sici,
    multiple=True,
    x=lambda g, x: _sum((g[0], lambda: np.sinc(x * (1 / math.pi))), (g[1], lambda: np.cos(x) / x)),
    domain=between(0.3, 4),
)


def _shi_slope(x: Any) -> Any:
    """``sinh(x) / x``, 1 at 0."""
    half = np.where(x == 0, 1, x / 2)
    return np.where(x == 0, 1, np.sinh(half) / half) * np.cosh(x / 2)


shichi = primitive(
    special.shichi,
    multiple=True,
    x=lambda g, x: _sum(
        (g[0], lambda: _shi_slope(x)),
        (g[1], lambda: _exp_over(x, 2 * x) + _exp_over(-x, 2 * x)),
    ),
    domain=between(0.3, 4),
)


def _chirp(x: Any, quarters: int) -> Any:
    """``sin(pi / 2 * (x**2 + quarters))``, with the digits that the square of a large `x` loses.

    Of a real `x` two parts with half of the digits each have exact products, so also remainders.
    """
    x = np.asarray(x)
    if x.dtype.kind == "c":
        return np.sin((x * x + quarters) * (math.pi / 2))
    if x.dtype != np.float64:
        return _chirp(x.astype(np.float64), quarters).astype(x.dtype)
    x = np.where(np.abs(x) < 2**53, x, 0 * x)  # beyond, the square is a multiple of 4
    split = x * (2**27 + 1)
    high = split - (split - x)
    low = x - high
    whole: Any = quarters
    rest: Any = 0
    for part in (high * high, 2 * high * low, low * low):
        part = np.fmod(part, 4)
        rest = rest + (part - np.rint(part))
        whole = whole + np.rint(part)
    angle, whole = (rest - np.rint(rest)) * (math.pi / 2), (whole + np.rint(rest)) % 4
    wave = np.where(whole % 2 == 1, np.cos(angle), np.sin(angle))
    return np.where(whole >= 2, -wave, wave)


chirp = primitive(
    _chirp,
    name="chirp",
    x=lambda g, x, quarters: g * (math.pi * x * chirp(x, quarters + 1)),
    domain=cases(lambda d: ((d.array(domain=real), d.integer(0, 3)), {})),
    points=[0.0],
)
fresnel = primitive(  # DLMF 7.2.7 and 7.2.8
    special.fresnel,
    multiple=True,
    x=lambda g, x: _sum((g[0], lambda: chirp(x, 0)), (g[1], lambda: chirp(x, 1))),
    domain=real,
    points=[0.0],
)


def _spence_slope(x: Any) -> Any:
    """``log(x) / (1 - x)``; of real numbers in a form that has no 0 / 0 at 1."""
    if np.iscomplexobj(x):
        return np.log(x) / (1 - x)
    return -1 / special.exprel(np.log(x))


spence = primitive(
    special.spence,
    x=lambda g, x: g * _spence_slope(x),
    singular=True,
    domain=above(1.1),
    points=[1.0],
)

# ---------------------------------------------------------------- elliptic integrals (DLMF 19.5)


def _ellipe_slope(m: Any) -> Any:
    """``(E - K) / (2 m)``; near 0, where E and K cancel, a hypergeometric function."""
    near = np.abs(m) < 0.1
    series = special.hyp2f1(0.5, 1.5, 2, np.where(near, m, 0)) * (-math.pi / 8)
    far = np.where(near, 1, m)
    quotient = (special.ellipe(m) - special.ellipk(m)) / (2 * far)
    return np.where(near, series, quotient)


def _ellipk_slope(m: Any) -> Any:
    """``(E / (1 - m) - K) / (2 m)``; near 0 a hypergeometric function, too."""
    near = np.abs(m) < 0.1
    series = special.hyp2f1(1.5, 1.5, 2, np.where(near, m, 0)) * (math.pi / 8)
    far = np.where(near, 0.5, m)
    quotient = (special.ellipe(far) / (1 - far) - special.ellipk(far)) / far / 2
    return np.where(near, series, quotient)


ellipk = primitive(
    special.ellipk,
    x=lambda g, x: g * _ellipk_slope(x),
    singular=True,
    domain=between(-2, 0.9),
    points=[0.0],
)
ellipe = primitive(
    special.ellipe,
    x=lambda g, x: g * _ellipe_slope(x),
    singular=True,
    domain=between(-2, 0.9),
    points=[0.0],
)

# ---------------------------------------------------------------- Lambert W (DLMF 4.13.4)

lambert: Any = special._ufuncs._lambertw  # type: ignore[attr-defined]  # what lambertw calls
lambertw = primitive(
    lambert,
    name="lambertw",
    signature="x, k, tol",
    x=lambda g, y: g * (np.exp(-y) / (1 + y)),
    singular=True,
    domain=cases(lambda d: ((d.array(domain=positive), 0, 1e-8), {})),
)
