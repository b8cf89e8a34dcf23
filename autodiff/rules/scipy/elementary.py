"""scipy.special: logistic, entropies, Box-Cox, and accurate forms of elementary functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from autodiff.domains import above, between, nonzero, positive, real
from autodiff.primitive import primitive

# ---------------------------------------------------------------- logistic

expit = primitive(
    special.expit, x=lambda g, y, x: g * (y * special.expit(-x)), domain=real, points=[0.0]
)
log_expit = primitive(
    special.log_expit, x=lambda g, x: g * special.expit(-x), domain=real, points=[0.0]
)
logit = primitive(
    special.logit, x=lambda g, x: g / (x * (1 - x)), singular=True, domain=between(0, 1)
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
    b=lambda g, a, b: g * _quotient_where_used(a, b),
    singular=True,
    domain=(real, positive),
)
xlog1py = primitive(
    special.xlog1py,
    a=lambda g, a, b: g * _log_where_used(a, b, np.log1p, -1),
    b=lambda g, a, b: g * _quotient_where_used(a, 1 + b),
    singular=True,
    domain=(real, above(-1)),
)
entr = primitive(special.entr, x=lambda g, x: -g * (np.log(x) + 1), singular=True, domain=positive)
rel_entr = primitive(
    special.rel_entr,
    a=lambda g, a, b: g * (np.log(a / b) + 1),
    b=lambda g, a, b: -g * (a / b),
    singular=True,
    domain=(positive, positive),
)
kl_div = primitive(
    special.kl_div,
    a=lambda g, a, b: g * np.log(a / b),
    b=lambda g, a, b: g * (1 - a / b),
    singular=True,
    domain=(positive, positive),
)

# ---------------------------------------------------------------- Box-Cox


def _box_cox_slope(log: Any, power: Any) -> Any:
    """The derivative of ``(exp(power * log) - 1) / power`` with respect to `power`; also at 0."""
    return log * log * _exprel_derivative(power * log)


def _exprel_derivative(x: Any) -> Any:
    """The derivative of ``(exp(x) - 1) / x`` = 1F1(1; 2; x), by DLMF 13.3.15."""
    return special.hyp1f1(2, 3, x) / 2


exprel = primitive(
    special.exprel, x=lambda g, x: g * _exprel_derivative(x), domain=real, points=[0.0]
)
boxcox = primitive(
    special.boxcox,
    a=lambda g, a, b: g * a ** (b - 1),
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
inv_boxcox = primitive(
    special.inv_boxcox,
    a=lambda g, y, b: g * y ** (1 - b),
    b=lambda g, y, b: -g * y ** (1 - b) * _box_cox_slope(np.log(y), b),
    singular=True,
    domain=(between(0, 2), between(-0.4, 2)),
)
inv_boxcox1p = primitive(
    special.inv_boxcox1p,
    a=lambda g, y, b: g * np.exp((1 - b) * np.log1p(y)),
    b=lambda g, y, b: -g * np.exp((1 - b) * np.log1p(y)) * _box_cox_slope(np.log1p(y), b),
    singular=True,
    domain=(between(0, 2), between(-0.4, 2)),
)

# ---------------------------------------------------------------- accurate elementary functions

cosm1 = primitive(special.cosm1, x=lambda g, x: -g * np.sin(x), domain=real, points=[0.0])
expm1 = primitive(
    special.expm1, x=lambda g, y: g * (y + 1), singular=True, domain=real, points=[0.0]
)
log1p = primitive(
    special.log1p, x=lambda g, x: g / (1 + x), singular=True, domain=above(-1), points=[0.0]
)
exp2 = primitive(special.exp2, x=lambda g, y: g * (y * math.log(2)), singular=True, domain=real)
exp10 = primitive(special.exp10, x=lambda g, y: g * (y * math.log(10)), singular=True, domain=real)
cbrt = primitive(special.cbrt, x=lambda g, y: g / (3 * y * y), singular=True, domain=nonzero)
