"""numpy.linalg: the factorizations (Cholesky, QR, singular values).

`cholesky` reads one triangle of its argument, and its gradient is that of the function that NumPy
computes: zero in the other triangle. Added to its transpose and halved, it is the symmetric
gradient of PyTorch and JAX. Where the argument is computed as a symmetric matrix, all three agree.

Singular vectors and the columns of Q are determined up to signs or phases, and more freely where
singular values coincide. The rules are exact for everything that does not depend on the choice, and
raise `GradientError` for what does.

Sources: I. Murray, "Differentiation of the Cholesky decomposition" (2016); M. Seeger et al.,
"Auto-differentiating linear algebra" (2017) for QR; J. Townsend, "Differentiating the singular
value decomposition" (2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, constant, plain, primitive
from autodiff.errors import GradientError, UnsupportedError
from autodiff.rules.linalg.matrices import (
    absorb_complement,
    adjoint,
    check_phases,
    diagonal_matrix,
    over_gaps,
    refuse_equal,
    refuse_flat,
    separated,
    skew,
    transpose,
    triangle,
)
from autodiff.rules.shared.cotangents import conj
from autodiff.tensors.tensor import Tensor

# ---------------------------------------------------------------- Cholesky


def _half(x: Any, lower: bool) -> Any:
    """One triangle, with half of the diagonal."""
    whole = np.tril(x) if lower else np.triu(x)
    return whole - diagonal_matrix(np.diagonal(x, axis1=-2, axis2=-1)) / 2


def _cholesky_rule(g: Any, y: Any) -> Any:
    upper = adjoint(y)
    inner = np.linalg.solve(upper, _half(upper @ conj(g), lower=True))
    both = adjoint(np.linalg.solve(upper, adjoint(inner)))
    return conj(triangle((both + adjoint(both)) / 2, lower=True))


def _positive_definite(d: Draw) -> Call:
    return (separated(d),), {"upper": d.flag()}


_cholesky = primitive(
    np.linalg.cholesky,
    name="cholesky",
    signature="a",
    a=_cholesky_rule,
    selects=True,
    domain=cases(lambda d: ((separated(d),), {})),
)


@composite(np.linalg.cholesky, domain=cases(_positive_definite))
def cholesky(a: Any, *, upper: bool = False) -> Any:
    """The triangular factor of a positive definite matrix, of which one triangle is read."""
    return adjoint(_cholesky(adjoint(a))) if upper else _cholesky(a)


# ---------------------------------------------------------------- QR

_QRResult: Any = type(np.linalg.qr(np.eye(1)))


def _qr_rule(g: tuple[Any, Any], y: tuple[Any, Any]) -> Any:
    q, r = y
    side = r.shape[-1]
    g_q, g_r = (None if part is None else conj(part) for part in g)
    r = r[..., :side, :]  # in mode "complete" there are rows of zeros below
    if g_q is not None:
        g_q = absorb_complement(g_q, q, side, "qr")
    q = q[..., :side]
    change = 0
    if g_r is not None:
        change = g_r[..., :side, :] @ adjoint(r)
    if g_q is not None:
        change = change - adjoint(q) @ g_q
    half = _half(change, lower=False)
    total = q @ (half + adjoint(half))
    if g_q is not None:
        total = total + g_q
    return conj(adjoint(np.linalg.solve(r, adjoint(total))))


def _tall(d: Draw) -> Call:
    columns = d.integer(1, 3)
    return (separated(d, columns + d.integer(0, 2), columns),), {}


def _tall_complete(d: Draw) -> Call:
    (a,), _ = _tall(d)
    return (a[..., : a.shape[-1] + 1, :], d.choice(("reduced", "complete"))), {}


_qr = primitive(
    np.linalg.qr,
    name="qr",
    signature="a, form='reduced'",
    multiple=True,
    a=_qr_rule,
    domain=cases(_tall_complete),
)


def _any_shape(d: Draw) -> Call:
    if d.flag():
        (a,), _ = _tall(d)
    else:
        rows = d.integer(1, 3)
        a = separated(d, rows, rows + d.integer(0, 2))
    return (a,), {"mode": d.choice(("reduced", "r"))}


@composite(np.linalg.qr, domain=cases(_any_shape))
def qr(a: Any, mode: str = "reduced") -> Any:
    """An orthonormal and a triangular factor; the leading columns must be independent."""
    if mode == "raw":
        raise UnsupportedError(
            "qr: mode 'raw' returns LAPACK's Householder vectors, which have no derivative rule; "
            "use mode 'reduced', 'complete' or 'r'"
        )
    if mode == "r":
        return qr(a)[1]
    rows, columns = np.shape(a)[-2:]
    if rows >= columns:
        return _qr(a, mode)
    q, r = _qr(a[..., :rows])
    return _QRResult(q, np.concatenate([r, adjoint(q) @ a[..., rows:]], axis=-1))


# ---------------------------------------------------------------- singular values


def _svd_rule(g: tuple[Any, Any, Any], y: tuple[Any, Any, Any]) -> Any:
    u, s, vh = y
    v = adjoint(vh)
    count = s.shape[-1]
    rows, columns = u.shape[-2], v.shape[-2]
    g_u = None if g[0] is None else absorb_complement(conj(g[0]), u, count, "svd")
    g_v = None if g[2] is None else absorb_complement(transpose(g[2]), v, count, "svd")
    u, v = u[..., :count], v[..., :count]
    g_u, g_v, inner = _svd_inner(g_u, g_v, u, s, v)
    if g[1] is not None:
        inner = inner + diagonal_matrix(g[1]) + refuse_equal(g[1], s, "svd")
    total = u @ inner @ adjoint(v)
    if g[1] is not None and rows != columns:  # a value 0 may grow in the space beside the vectors
        total = total + _refuse_beside(g[1], u, s, v)
    if g_u is not None and rows > count:
        beside = _over_values(g_u, s)
        total = total + (beside - u @ (adjoint(u) @ beside)) @ adjoint(v)
    if g_v is not None and columns > count:
        beside = _over_values(g_v, s)
        total = total + u @ adjoint(beside - v @ (adjoint(v) @ beside))
    return conj(total)


def _refuse_beside(g: Any, u: Any, s: Any, v: Any) -> Any:
    longer, shorter = (u, v) if u.shape[-2] > v.shape[-2] else (v, u)
    shape = np.shape(longer)

    def columns(flat: Any) -> Any:
        return np.broadcast_to((flat & (plain(s) == 0))[..., None, :], shape)

    beside = refuse_flat(g, s, columns, "svd")
    if not isinstance(beside, Tensor):
        return 0
    beside = (beside - longer @ (adjoint(longer) @ beside)) @ adjoint(shorter)
    return beside if longer is u else adjoint(beside)


def _svd_inner(g_u: Any, g_v: Any, u: Any, s: Any, v: Any) -> tuple[Any, Any, Any]:
    """What the vectors contribute within the frame of the vectors.

    Townsend's formula divides by ``s[k]**2 - s[j]**2``. Written in sums and differences of the
    singular values, it has nothing to cancel when they are close.
    """
    vectors = [x for x in (g_u, g_v) if x is not None]
    if not vectors:
        return None, None, 0
    x = 0 if g_u is None else skew(adjoint(u) @ g_u)
    y = 0 if g_v is None else skew(adjoint(v) @ g_v)
    check_phases(x + y, vectors, "svd")
    sums = s[..., None, :] + s[..., :, None]
    zero = plain(sums) == 0
    far = over_gaps(x + y, s, vectors, "svd")
    near = np.where(zero, 0, x - y) / np.where(zero, 1, sums)
    return g_u, g_v, (far + near) / 2


def _over_values(g: Any, s: Any) -> Any:
    """``g / s``; the vectors of singular values 0 must not be used."""
    eps = float(np.finfo(s.dtype).eps)
    values = plain(s)
    zero = values <= eps * max(g.shape[-2:]) * np.max(values, axis=-1, keepdims=True, initial=0)
    if np.any(zero & np.any(plain(g) != 0, axis=-2)):
        raise GradientError(
            "svd: a singular value is 0, so that its vector is arbitrary, but the gradient "
            "depends on it; use only the vectors of the other singular values"
        )
    return g * np.where(zero, 0, 1 / np.where(zero, 1, s))[..., None, :]


def _svd_case(d: Draw) -> Call:
    (a,), _ = _any_shape(d)
    return (a[..., : a.shape[-1] + 1, : a.shape[-2] + 1], d.flag()), {}


_svd = primitive(
    np.linalg.svd,
    name="svd",
    signature="a, full_matrices=True",
    multiple=True,
    a=_svd_rule,
    domain=cases(_svd_case),
)
_SVDResult: Any = type(np.linalg.svd(np.eye(1)))


def _hermitian_svd(a: Any, compute_uv: bool) -> Any:
    """Singular values and vectors from eigenvalues and eigenvectors, as NumPy does it."""
    w, v = np.linalg.eigh(a)
    s = np.abs(w)
    order = np.argsort(s)[..., ::-1]
    s = np.take_along_axis(s, order, -1)
    if not compute_uv:
        return s
    signs = np.take_along_axis(np.sign(plain(w)), order, -1)
    u = np.take_along_axis(v, order[..., None, :], -1)
    return _SVDResult(u, s, adjoint(u * signs[..., None, :]))


def _svd_options(d: Draw) -> Call:
    if d.flag():
        return (separated(d),), {"hermitian": True, "compute_uv": d.flag()}
    (a, full), _ = _svd_case(d)
    return (a,), {"full_matrices": full, "compute_uv": d.flag()}


@composite(np.linalg.svd, domain=cases(_svd_options))
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Singular vectors and values: ``a == u @ diag(s) @ vh``."""
    if hermitian:
        return _hermitian_svd(a, compute_uv)
    return _svd(a, full_matrices) if compute_uv else _svd(a, False)[1]


@composite(np.linalg.svdvals, domain=cases(lambda d: (_any_shape(d)[0], {})))
def svdvals(x: Any) -> Any:
    """The singular values; they may coincide."""
    return _svd(x, False)[1]


constant(np.linalg.matrix_rank)
