"""scipy.special: logistic, entropies, Box-Cox, and accurate forms of elementary functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.domains import above, between, cases, nonzero, positive, real
from autodiff.declare.primitive import primitive
from autodiff.rules.bessel_and_sinc import gauss
from autodiff.rules.scipy.tools import special
from autodiff.rules.shared.cotangents import defined, within, zero

# ---------------------------------------------------------------- logistic

expit = primitive(
    special.expit, x=lambda g, y, x: g * (y * special.expit(-x)), domain=real, points=[0.0]
)
log_expit = primitive(
    special.log_expit, x=lambda g, x: g * special.expit(-x), domain=real, points=[0.0]
)
logit = primitive(
    special.logit,
    x=lambda g, x: within(g / (x * (1 - x)), x, 0, 1),
    singular=True,
    domain=between(0, 1),
)

rounded = primitive(  # a step, as np.rint
    special.round, name="special.round", x=lambda g: zero(g), selects=True, domain=between(0.6, 1.4)
)

# ---------------------------------------------------------------- x log y and entropies


def _log_where_used(a: Any, b: Any, logarithm: Any, zero: float) -> Any:
    """The logarithm of `b`; but 0 where `a` is 0 and the logarithm does not exist."""
    flat = (a == 0) & ((b == zero) if np.iscomplexobj(b) else (b <= zero))
    return np.where(flat, 0, logarithm(np.where(flat, zero + 1, b)))


def _quotient_where_used(a: Any, b: Any) -> Any:
    """``a / b``, and 0 where both are 0."""
    flat = (a == 0) & (b == 0)
    return np.where(flat, 0, a) / np.where(flat, 1, b)


xlogy = primitive(
    special.xlogy,
    a=lambda g, a, b: g * _log_where_used(a, b, np.log, 0),
    b=lambda g, y, a, b: defined(g * _quotient_where_used(a, b), y),
    singular=True,
    domain=(real, positive),
)
xlog1py = primitive(
    special.xlog1py,
    a=lambda g, a, b: g * _log_where_used(a, b, np.log1p, -1),
    b=lambda g, y, a, b: defined(g * _quotient_where_used(a, 1 + b), y),
    singular=True,
    domain=(real, above(-1)),
)
entr = primitive(special.entr, x=lambda g, x: -g * (np.log(x) + 1), singular=True, domain=positive)


def _log_ratio(a: Any, b: Any) -> Any:
    """``log(a / b)``: of near numbers by their difference, and of others without overflow."""
    near = np.abs(a - b) < b / 2
    apart = np.log(np.where(near, 1, a)) - np.log(np.where(near, 1, b))
    return np.where(near, np.log1p(np.where(near, a - b, 0) / b), apart)


rel_entr = primitive(
    special.rel_entr,
    a=lambda g, a, b: g * (_log_ratio(a, b) + 1),
    b=lambda g, a, b: -g * (a / b),
    singular=True,
    domain=(positive, positive),
)
kl_div = primitive(
    special.kl_div,
    a=lambda g, a, b: g * _log_ratio(a, b),
    b=lambda g, a, b: g * ((b - a) / b),
    singular=True,
    domain=(positive, positive),
)

# ---------------------------------------------------------------- Box-Cox


def _box_cox_slope(log: Any, power: Any) -> Any:
    """The derivative of ``(exp(power * log) - 1) / power`` with respect to `power`; also at 0."""
    return log * log * exprel_derivative(power * log, 1)


def _exprel_derivative(x: Any, order: int) -> Any:
    """The derivative of ``(exp(x) - 1) / x``: the integral over t from 0 to 1 of ``t**n exp(t x)``.

    Far from 0 a recurrence, from integration by parts, is stable; to the right, for the integral
    without its factor ``exp(x)``.
    """
    x = np.asarray(x)
    far = np.abs(x) > 10
    near_x = np.where(far, 0, x)
    near = np.zeros_like(x)
    for node, weight in zip(*gauss(), strict=True):
        near = near + (weight * node**order) * np.exp(node * near_x)
    if not np.any(far):
        return near
    far_x = np.where(far, x, 1)
    small = np.exp(-np.abs(far_x))  # one end of the integral; the other is 1
    value = (1 - small) / np.abs(far_x)
    for n in range(1, order + 1):
        value = (np.where(far_x > 0, 1, -small) - n * value * np.sign(far_x)) / np.abs(far_x)
    half = np.exp(np.maximum(far_x, 0) / 2)  # the whole may overflow while the product does not
    return np.where(far, half * value * half, near)


exprel_derivative = primitive(
    _exprel_derivative,
    name="exprel_derivative",
    x=lambda g, x, order: g * exprel_derivative(x, order + 1),
    domain=cases(lambda d: ((d.array(domain=real), d.integer(0, 3)), {})),
    points=[0.0, 30.0, -30.0],
)
exprel = primitive(
    special.exprel, x=lambda g, x: g * exprel_derivative(x, 1), domain=real, points=[0.0, -30.0]
)
boxcox = primitive(
    special.boxcox,
    a=lambda g, y, a, b: defined(g * a ** (b - 1), y),
    b=lambda g, a, b: g * _box_cox_slope(np.log(a), b),
    singular=True,
    domain=(positive, real),
)
boxcox1p = primitive(
    special.boxcox1p,
    a=lambda g, a, b: g * np.exp((b - 1) * np.log1p(a)),
    b=lambda g, a, b: g * _box_cox_slope(np.log1p(a), b),
    singular=True,
    domain=(above(-1), real),
)


def _log_inverse(a: Any, b: Any) -> Any:
    """``log(1 + a * b) / b``, also at 0: the logarithm of `inv_boxcox`, near 1 with its digits."""
    return a / special.exprel(np.log1p(a * b))


inv_boxcox = primitive(
    special.inv_boxcox,
    a=lambda g, y, a, b: g * y / (1 + a * b),
    b=lambda g, y, a, b: -g * y / (1 + a * b) * _box_cox_slope(_log_inverse(a, b), b),
    singular=True,
    domain=(between(0, 2), between(-0.4, 2)),
)
inv_boxcox1p = primitive(
    special.inv_boxcox1p,
    a=lambda g, y, a, b: g * (1 + y) / (1 + a * b),
    b=lambda g, y, a, b: -g * (1 + y) / (1 + a * b) * _box_cox_slope(_log_inverse(a, b), b),
    singular=True,
    domain=(between(0, 2), between(-0.4, 2)),
)

# ---------------------------------------------------------------- accurate elementary functions

cosm1 = primitive(
    special.cosm1, x=lambda g, x: -g * np.sin(x), singular=True, domain=real, points=[0.0]
)
expm1 = primitive(
    special.expm1, x=lambda g, x: g * np.exp(x), singular=True, domain=real, points=[0.0, -40.0]
)
log1p = primitive(
    special.log1p,
    x=lambda g, x: within(g / (1 + x), x, -1),
    singular=True,
    domain=above(-1),
    points=[0.0],
)
exp2 = primitive(special.exp2, x=lambda g, y: g * (y * math.log(2)), singular=True, domain=real)
exp10 = primitive(special.exp10, x=lambda g, y: g * (y * math.log(10)), singular=True, domain=real)
cbrt = primitive(special.cbrt, x=lambda g, y: g / (3 * y * y), singular=True, domain=nonzero)
