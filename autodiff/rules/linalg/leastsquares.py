"""numpy.linalg: `pinv`, `lstsq`, `matrix_rank`.

The rules hold where the rank does not change. Source: G. Golub and V. Pereyra, "The
differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate"
(1973), equation 4.12.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, constant, primitive
from autodiff.rules.linalg.matrices import adjoint, fill_triangle, separated, transpose
from autodiff.rules.shared.cotangents import conj

constant(np.linalg.matrix_rank)


def _oblong(d: Draw) -> np.ndarray:
    return separated(d, d.integer(1, 3), d.integer(1, 3))


def _pinv_rule(g: Any, y: Any, a: Any) -> Any:
    g, yh = adjoint(conj(g)), adjoint(y)
    gy, yg = g @ y, y @ g
    left = (g - a @ yg) @ y @ yh
    right = yh @ (y @ g - y @ gy @ a)
    return conj(left + right - yh @ adjoint(g) @ yh)


_pinv = primitive(
    np.linalg.pinv,
    name="pinv",
    signature="a, rcond=None, *, rtol=np._NoValue",
    a=_pinv_rule,
    domain=cases(lambda d: ((_oblong(d),), {"rtol": d.choice((None, 1e-10))})),
)


def _pinv_case(d: Draw) -> Call:
    if d.flag():
        return (separated(d),), {"hermitian": True}
    return (_oblong(d),), {}


@composite(np.linalg.pinv, domain=cases(_pinv_case))
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """The pseudo-inverse; of the lower triangle alone, if the matrix is Hermitian."""
    return _pinv(fill_triangle(a) if hermitian else a, rcond, rtol=rtol)


# ---------------------------------------------------------------- least squares


def _inverse(a: Any, rcond: float | None) -> Any:
    """The pseudo-inverse with the limit that `np.linalg.lstsq` sets for small singular values."""
    eps = float(np.finfo(a.dtype).eps)
    limit = eps * max(a.shape) if rcond is None else eps if rcond < 0 else rcond
    return np.linalg.pinv(a, limit)


def _columns(x: Any) -> Any:
    return x[:, None] if len(x.shape) == 1 else x


def _lstsq_a(g: tuple[Any, ...], y: tuple[Any, ...], a: Any, b: Any, rcond: float | None) -> Any:
    g_x, g_residuals, _, g_values = g
    x = _columns(y[0])
    residual = _columns(b) - a @ x
    total = 0
    if g_x is not None:
        g_x = conj(_columns(g_x))
        inverse = _inverse(a, rcond)
        z = adjoint(inverse) @ g_x
        total = residual @ adjoint(z) @ adjoint(inverse) - z @ adjoint(x)
        total = total + adjoint(inverse) @ x @ adjoint(g_x - adjoint(a) @ z)
    if g_residuals is not None and g_residuals.size:
        total = total - (2 * g_residuals) * residual @ adjoint(x)
    if g_values is not None:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        total = total + (u * g_values) @ vh
    return conj(total) if np.ndim(total) else np.zeros_like(a)


def _lstsq_b(g: tuple[Any, ...], y: tuple[Any, ...], a: Any, b: Any, rcond: float | None) -> Any:
    g_x, g_residuals, _, _ = g
    total = 0
    if g_x is not None:
        total = transpose(_inverse(a, rcond)) @ g_x
    if g_residuals is not None and g_residuals.size:
        residual = conj(b - a @ y[0])
        total = total + 2 * g_residuals * residual
    return total if np.ndim(total) else np.zeros_like(b)


def _fit(d: Draw) -> Call:
    a = _oblong(d)
    while a.ndim > 2:
        a = a[0]
    return (a, d.array((a.shape[0], 2) if d.flag() else (a.shape[0],))), {"rcond": None}


lstsq = primitive(np.linalg.lstsq, multiple=True, a=_lstsq_a, b=_lstsq_b, domain=cases(_fit))
