"""scipy.special: Bessel functions.

The derivative of each is half the sum, or the difference, of its neighbours (DLMF 10.6.1, 10.29.1),
a form that has no singularity at 0. Functions of order 0 and 1 are fast, so rules use them where
they can. The derivative with respect to the order has no formula that SciPy can compute.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare.domains import Interval, between, nonzero, positive, real
from autodiff.declare.primitive import primitive
from autodiff.rules.scipy.tools import at_parameters, special, unknown

_orders = [(0,), (1,), (2,), (0.5,)]
_away = between(0.3, 4)


def _of_any_order(
    function: Any, domain: Interval, rule: Callable[..., Any], orders: Any = _orders
) -> Any:
    """Declare a function of an order, which is called `a`, and an argument `b`."""
    return primitive(
        function,
        a=unknown(function.__name__, "the order"),
        b=rule,
        singular=True,
        domain=at_parameters(orders, domain),
    )


# ---------------------------------------------------------------- J, Y and H


def _difference(function: Any) -> Callable[..., Any]:
    return lambda g, a, b: g * ((function(a - 1, b) - function(a + 1, b)) / 2)


def _j1_slope(x: Any) -> Any:
    """``J0(x) - J1(x) / x``, which SciPy knows better than J2 far out."""
    near = np.abs(x) < 1
    x_far = np.where(near, 1, x)
    far = special.j0(x_far) - special.j1(x_far) / x_far
    return np.where(near, (special.j0(x) - special.jv(2, np.where(near, x, 0))) / 2, far)


j0 = primitive(
    special.j0, x=lambda g, x: -g * special.j1(x), singular=True, domain=real, points=[0.0]
)
j1 = primitive(
    special.j1,
    x=lambda g, x: g * _j1_slope(x),
    singular=True,
    domain=real,
    points=[0.0],
)
y0 = primitive(special.y0, x=lambda g, x: -g * special.y1(x), singular=True, domain=_away)
y1 = primitive(
    special.y1,
    x=lambda g, x: g * ((special.y0(x) - special.yv(2, x)) / 2),
    singular=True,
    domain=_away,
)
jv = _of_any_order(special.jv, positive, _difference(special.jv))
yv = _of_any_order(special.yv, _away, _difference(special.yv))
yn = _of_any_order(special.yn, _away, _difference(special.yv), [(0,), (1,), (3,)])
hankel1 = _of_any_order(special.hankel1, _away, _difference(special.hankel1))
hankel2 = _of_any_order(special.hankel2, _away, _difference(special.hankel2))

# ---------------------------------------------------------------- I


def _scaled(g: Any, y: Any, x: Any) -> Any:
    """What the factor ``exp(-|Re(x)|)`` of a scaled function adds to its rule."""
    return np.sign(np.real(x)) * np.real(g * y)


def _far_or(near: Any, g: Any, y: Any, x: Any, order: Any, sign: int) -> Any:
    """`near`; but far from 0, where its terms cancel, the derivative of the asymptotic series.

    sign: -1 for ``exp(-abs(x)) I(x)``, and 1 for ``exp(x) K(x)`` (DLMF 10.40.1 and 10.40.2).
    """
    if np.iscomplexobj(x):
        return near
    far = np.abs(x) > 100 + 10 * order * order
    if not np.any(far):
        return near
    size = np.where(far, np.abs(x), 1)
    factor, total = 1.0, 0.5
    power: Any = 1.0
    for k in range(1, 13):
        factor = factor * (4 * order * order - (2 * k - 1) ** 2) / (8 * k)
        power = power * sign / size
        total = total + (k + 0.5) * factor * power
    scale = math.sqrt(math.pi / 2) if sign > 0 else 1 / math.sqrt(2 * math.pi)
    slope = -scale * total / size / np.sqrt(size)
    return np.where(far, g * (np.sign(x) * np.sign(y) * slope), near)


i0 = primitive(
    special.i0, x=lambda g, x: g * special.i1(x), singular=True, domain=real, points=[0.0]
)
i1 = primitive(
    special.i1,
    x=lambda g, x: g * ((special.i0(x) + special.iv(2, x)) / 2),
    singular=True,
    domain=real,
    points=[0.0],
)
i0e = primitive(
    special.i0e,
    x=lambda g, y, x: _far_or(g * special.i1e(x) - _scaled(g, y, x), g, y, x, 0, -1),
    domain=nonzero,
)
i1e = primitive(
    special.i1e,
    x=lambda g, y, x: _far_or(
        g * ((special.i0e(x) + special.ive(2, x)) / 2) - _scaled(g, y, x), g, y, x, 1, -1
    ),
    singular=True,
    domain=nonzero,
)
iv = _of_any_order(
    special.iv,
    positive,
    lambda g, a, b: g * ((special.iv(a - 1, b) + special.iv(a + 1, b)) / 2),
)
ive = _of_any_order(
    special.ive,
    positive,
    lambda g, y, a, b: _far_or(
        g * ((special.ive(a - 1, b) + special.ive(a + 1, b)) / 2) - _scaled(g, y, b), g, y, b, a, -1
    ),
)

# ---------------------------------------------------------------- K

k0 = primitive(special.k0, x=lambda g, x: -g * special.k1(x), singular=True, domain=_away)
k1 = primitive(
    special.k1,
    x=lambda g, x: g * ((special.k0(x) + special.kv(2, x)) / -2),
    singular=True,
    domain=_away,
)
k0e = primitive(
    special.k0e,
    x=lambda g, y, x: _far_or(g * (y - special.k1e(x)), g, y, x, 0, 1),
    singular=True,
    domain=_away,
)
k1e = primitive(
    special.k1e,
    x=lambda g, y, x: _far_or(g * (y - (special.k0e(x) + special.kve(2, x)) / 2), g, y, x, 1, 1),
    singular=True,
    domain=_away,
)


def _minus_mean(g: Any, a: Any, b: Any) -> Any:
    return g * ((special.kv(a - 1, b) + special.kv(a + 1, b)) / -2)


kv = _of_any_order(special.kv, _away, _minus_mean)
kn = _of_any_order(special.kn, _away, _minus_mean, [(0,), (1,), (3,)])
kve = _of_any_order(
    special.kve,
    _away,
    lambda g, y, a, b: _far_or(
        g * (y - (special.kve(a - 1, b) + special.kve(a + 1, b)) / 2), g, y, b, a, 1
    ),
)
