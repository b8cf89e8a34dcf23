"""numpy.linalg: eigenvalues and eigenvectors.

`eigh` and `eigvalsh` read one triangle (``UPLO``); like that of `cholesky`, their gradient is zero
in the other. Eigenvalues may coincide, as long as only eigenvalues are used.

The eigenvectors of `eig` have length 1 and a real largest component, as LAPACK makes them, and the
rule keeps them so. Those of `eigh` for a complex matrix have no such convention: a gradient that
depends on their phase raises `GradientError`.

Sources: M. Giles, "Collected matrix derivative results" (2008), section 3.1; C. Boeddeker et al.,
"On the computation of complex-valued gradients with application to statistically optimum
beamforming" (2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.rules.linalg.matrices import (
    adjoint,
    check_phases,
    diagonal_matrix,
    over_gaps,
    refuse_equal,
    separated,
    skew,
    transpose,
    triangle,
)
from autodiff.rules.shared.cotangents import conj


def _eigh_rule(g: tuple[Any, Any], y: tuple[Any, Any], UPLO: str) -> Any:
    w, v = y
    g_w, g_v = g
    inner = 0
    if g_v is not None:
        g_v = conj(g_v)
        coupling = adjoint(v) @ g_v
        check_phases(coupling, [g_v], "eigh")
        inner = over_gaps(skew(coupling) / 2, w, [g_v], "eigh")
    if g_w is not None:
        inner = inner + diagonal_matrix(g_w) + refuse_equal(g_w, w, "eigh")
    return conj(triangle(v @ inner @ adjoint(v), UPLO.upper() == "L"))


def _hermitian(d: Draw) -> Call:
    return (separated(d),), {"UPLO": d.choice(("L", "U"))}


eigh = primitive(
    np.linalg.eigh, multiple=True, a=_eigh_rule, selects=True, domain=cases(_hermitian)
)


@composite(np.linalg.eigvalsh, domain=cases(_hermitian))
def eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    """The eigenvalues of a Hermitian matrix."""
    return np.linalg.eigh(a, UPLO)[0]


def _kept_normal(g: Any, v: Any) -> Any:
    """The cotangent of eigenvectors before they are normalized to `v`.

    Normalization takes away what would change the length of a vector, or turn its largest
    component away from the real axis.
    """
    along = np.sum(g * v, axis=-2, keepdims=True)
    g = g - np.real(along) * conj(v)
    if not np.iscomplexobj(v):
        return g
    rows = np.arange(v.shape[-2])[:, None]
    largest = rows == np.argmax(np.abs(plain(v)), axis=-2)[..., None, :]
    pivot = np.sum(np.where(largest, np.real(v), 0), axis=-2, keepdims=True)
    return g - np.where(largest, 1j * np.imag(along) / pivot, 0)


def _eig_rule(g: tuple[Any, Any], y: tuple[Any, Any]) -> Any:
    w, v = y
    g_w, g_v = g
    inner = 0
    if g_v is not None:
        g_v = _kept_normal(g_v, v)
        inner = over_gaps(transpose(v) @ g_v, w, [g_v], "eig")
    if g_w is not None:
        inner = inner + diagonal_matrix(g_w)
    return np.linalg.solve(transpose(v), inner @ transpose(v))


def _diagonalizable(d: Draw) -> Call:
    return (separated(d),), {}


eig = primitive(np.linalg.eig, multiple=True, a=_eig_rule, domain=cases(_diagonalizable))


@composite(np.linalg.eigvals, domain=cases(_diagonalizable))
def eigvals(a: Any) -> Any:
    """The eigenvalues of any square matrix with independent eigenvectors."""
    return np.linalg.eig(a)[0]
