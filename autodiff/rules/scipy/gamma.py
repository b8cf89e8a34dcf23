"""scipy.special: gamma, beta and zeta functions, and the distribution functions made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.domains import above, between, cases, positive
from autodiff.declare.primitive import composite, primitive
from autodiff.rules.scipy.tools import at_parameters, special, unknown
from autodiff.rules.shared.cotangents import defined, zero

away_from_zero = between(0.3, 4)

# ---------------------------------------------------------------- gamma (DLMF 5.2.2)

gamma = primitive(
    special.gamma, x=lambda g, y, x: g * y * special.psi(x), singular=True, domain=away_from_zero
)
gammaln = primitive(
    special.gammaln, x=lambda g, x: g * special.psi(x), singular=True, domain=away_from_zero
)
loggamma = primitive(
    special.loggamma,
    x=lambda g, y, x: defined(g * special.psi(x), y),
    singular=True,
    domain=away_from_zero,
)

gammasgn = primitive(  # a step, as np.sign
    special.gammasgn, x=lambda g: zero(g), selects=True, domain=between(0.3, 0.9)
)


def _rgamma_slope(y: Any, x: Any) -> Any:
    """``-psi(x) / gamma(x)``; left of 1/2 reflected (DLMF 5.5.3), so that no pole is met."""
    if np.iscomplexobj(x):
        return -y * special.psi(x)
    left = x < 0.5
    mirror = np.where(left, 1 - x, 1)
    turn = math.pi * np.where(left, x - 2 * np.rint(x / 2), 0)  # whole turns left out
    reflected = special.gamma(mirror) * (
        np.cos(turn) - special.psi(mirror) * np.sin(turn) / math.pi
    )
    return np.where(left, reflected, -y * special.psi(np.where(left, 1, x)))


rgamma = primitive(
    special.rgamma,
    x=lambda g, y, x: g * _rgamma_slope(y, x),
    singular=True,
    domain=away_from_zero,
    points=[0.0, -1.0, 1e-9],
)

# The Hurwitz zeta function: scipy.special.zeta calls one of two ufuncs, and this is the one for two
# arguments. DLMF 25.11.17, and 5.15.1 for psi.
hurwitz: Any = special._ufuncs._zeta  # type: ignore[attr-defined]
_FAR = 14  # from where on the series has more than 16 digits
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _zeta(a: Any, b: Any) -> Any:
    """The sum over k >= 0 of ``(b + k) ** -a``, also for complex `b`, which SciPy does not take.

    From a term that is far enough to the right it is Euler and Maclaurin's formula, DLMF 2.10.1.
    """
    if not np.iscomplexobj(b):
        return hurwitz(a, b)
    b = np.asarray(b)
    steps = math.ceil(max(0.0, _FAR - float(np.min(b.real, initial=_FAR))))
    total = np.zeros_like(b)
    for k in range(steps):
        total = total + (b + k) ** -a
    far = b + steps
    power = far**-a
    total = total + power * far / (a - 1) + power / 2
    power, factor = power / far, a / 2  # factor is a (a + 1) ... (a + 2 j - 2) / (2 j)!
    for j, bernoulli in enumerate(_BERNOULLI, start=1):
        total = total + bernoulli * factor * power
        power = power / (far * far)
        factor = factor * ((a + 2 * j - 1) * (a + 2 * j)) / ((2 * j + 1) * (2 * j + 2))
    return total


zeta = primitive(
    hurwitz,
    name="zeta",
    forward=_zeta,
    a=unknown("zeta", "the exponent (the first argument)"),
    b=lambda g, y, a, b: defined(-g * (a * zeta(a + 1, b)), y),
    singular=True,
    domain=at_parameters([(2,), (3,), (1.5,)], away_from_zero),
)
psi = primitive(
    special.psi,
    x=lambda g, y, x: defined(g * zeta(2, x), y),
    singular=True,
    domain=away_from_zero,
)


@composite(
    special.polygamma, domain=cases(lambda d: ((d.integer(0, 3), d.array(domain=above(0.3))), {}))
)
def polygamma(n: Any, x: Any) -> Any:
    """The derivatives of `psi`, by their order `n`, which is a constant."""
    n = np.asarray(n)
    sign = np.where(n % 2, 1.0, -1.0)
    higher = sign * special.gamma(n + 1.0) * zeta(np.maximum(n, 1) + 1.0, x)
    return np.where(n == 0, special.psi(x), higher)


@composite(
    special.multigammaln,  # type: ignore[attr-defined]
    domain=cases(lambda d: ((d.array(domain=above(1.2)), 3), {})),
)
def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the multivariate gamma function (Muirhead 1982, theorem 2.1.12)."""
    total = special.gammaln(a)
    for j in range(1, d):
        total = total + special.gammaln(a - j / 2)
    return total + d * (d - 1) / 4 * np.log(np.pi)


def _psi_gap(a: Any, b: Any) -> Any:
    """``psi(a + b) - psi(a)``, which do not cancel; by DLMF 5.5.2 and, for large `a`, 5.11.2."""
    if np.iscomplexobj(a) or np.iscomplexobj(b):
        return special.psi(a + b) - special.psi(a)
    safe = (a > 0) & (a + b > 0)
    first, step = np.where(safe, a, 1), np.where(safe, b, 0)
    total: Any = 0.0
    for _ in range(_FAR):
        total = total + step / (first + step) / first
        first = first + 1
    ratio = np.log1p(step / first)
    total = total + ratio + step / (first + step) / first / 2
    square = 1 / first / first
    power = square
    for k, bernoulli in enumerate(_BERNOULLI, start=1):
        total = total - bernoulli / (2 * k) * power * np.expm1(-2 * k * ratio)
        power = power * square
    if np.all(safe):
        return total
    return np.where(safe, total, special.psi(a + b) - special.psi(a))


poch = primitive(
    special.poch,
    a=lambda g, y, a, b: g * y * _psi_gap(a, b),
    b=lambda g, y, a, b: g * y * special.psi(a + b),
    singular=True,
    domain=(away_from_zero, away_from_zero),
)

# ---------------------------------------------------------------- beta (DLMF 5.12.1)

beta = primitive(
    special.beta,
    a=lambda g, y, a, b: -g * y * _psi_gap(a, b),
    b=lambda g, y, a, b: -g * y * _psi_gap(b, a),
    singular=True,
    domain=(away_from_zero, away_from_zero),
)
betaln = primitive(
    special.betaln,
    a=lambda g, a, b: -g * _psi_gap(a, b),
    b=lambda g, a, b: -g * _psi_gap(b, a),
    singular=True,
    domain=(away_from_zero, away_from_zero),
)

# ---------------------------------------------------------------- incomplete gamma (DLMF 8.8.13)


def _gamma_density(a: Any, x: Any) -> Any:
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


_shapes = [(2,), (0.7,), (1,), (3.5,)]

gammainc = primitive(
    special.gammainc,
    a=unknown("gammainc", "the shape (the first argument)"),
    b=lambda g, y, a, b: defined(g * _gamma_density(a, b), y),
    singular=True,
    domain=at_parameters(_shapes, positive),
)
gammaincc = primitive(
    special.gammaincc,
    a=unknown("gammaincc", "the shape (the first argument)"),
    b=lambda g, y, a, b: defined(-g * _gamma_density(a, b), y),
    singular=True,
    domain=at_parameters(_shapes, positive),
)
gammaincinv = primitive(
    special.gammaincinv,
    a=unknown("gammaincinv", "the shape (the first argument)"),
    b=lambda g, y, a: g / _gamma_density(a, y),
    singular=True,
    domain=at_parameters(_shapes, between(0, 1)),
)
gammainccinv = primitive(
    special.gammainccinv,
    a=unknown("gammainccinv", "the shape (the first argument)"),
    b=lambda g, y, a: -g / _gamma_density(a, y),
    singular=True,
    domain=at_parameters(_shapes, between(0, 1)),
)

# ---------------------------------------------------------------- incomplete beta (DLMF 8.17.1)


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


_two_shapes = [(2, 3), (0.7, 1.5), (1, 1)]

betainc = primitive(
    special.betainc,
    signature="a, b, x",
    a=unknown("betainc", "the first shape"),
    b=unknown("betainc", "the second shape"),
    x=lambda g, y, a, b, x: defined(g * _beta_density(a, b, x), y),
    singular=True,
    domain=at_parameters(_two_shapes, between(0, 1)),
)
betaincc = primitive(
    special.betaincc,
    signature="a, b, x",
    a=unknown("betaincc", "the first shape"),
    b=unknown("betaincc", "the second shape"),
    x=lambda g, y, a, b, x: defined(-g * _beta_density(a, b, x), y),
    singular=True,
    domain=at_parameters(_two_shapes, between(0, 1)),
)
betaincinv = primitive(
    special.betaincinv,
    signature="a, b, x",
    a=unknown("betaincinv", "the first shape"),
    b=unknown("betaincinv", "the second shape"),
    x=lambda g, y, a, b: g / _beta_density(a, b, y),
    singular=True,
    domain=at_parameters(_two_shapes, between(0, 1)),
)
