"""The `poly*` family: coefficients from the highest power down."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases, nonzero, positive, real
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.tensors.tensor import as_tensor


def _coefficients(p: Any) -> Any:
    return np.atleast_1d(as_tensor(p.coeffs if isinstance(p, np.poly1d) else p))


def _two(d: Draw) -> Call:
    return (d.array((d.integer(1, 4),)), d.array((d.integer(1, 4),))), {}


def _one(d: Draw) -> Call:
    return (d.array((d.integer(1, 4),)),), {}


# ---------------------------------------------------------------- values and arithmetic


@composite(np.polyval, domain=cases(lambda d: ((d.array((d.integer(1, 4),)), d.array()), {})))
def polyval(p: Any, x: Any) -> Any:
    """The value at `x`, by Horner's scheme."""
    y = np.zeros_like(x)
    for coefficient in _coefficients(p):
        y = y * x + coefficient
    return y


def _aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Both sequences of coefficients in the length of the longer one."""
    a1, a2 = _coefficients(a1), _coefficients(a2)
    length = max(len(a1), len(a2))
    return np.pad(a1, (length - len(a1), 0)), np.pad(a2, (length - len(a2), 0))


@composite(np.polyadd, domain=cases(_two))
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum."""
    first, second = _aligned(a1, a2)
    return first + second


@composite(np.polysub, domain=cases(_two))
def polysub(a1: Any, a2: Any) -> Any:
    """The difference."""
    first, second = _aligned(a1, a2)
    return first - second


@composite(np.polymul, domain=cases(_two))
def polymul(a1: Any, a2: Any) -> Any:
    """The product."""
    return np.convolve(_coefficients(a1), _coefficients(a2))


def _divided(d: Draw) -> Call:
    divisor = np.append(2.0, d.array((d.integer(1, 2),)))  # so that no rounding error is left
    return (d.array((d.integer(2, 4),)), divisor), {}


@composite(np.polydiv, domain=cases(_divided))
def polydiv(u: Any, v: Any) -> Any:
    """The quotient and the remainder."""
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    rest, steps = u, len(u) - len(v) + 1
    quotient = []
    for step in range(steps):
        factor = rest[step] / v[0]
        quotient.append(factor)
        rest = rest - np.pad(factor * v, (step, steps - 1 - step))
    if not quotient:
        quotient = [np.zeros_like(u[0] + v[0])]
    start = 0
    while start < len(rest) - 1 and np.allclose(rest[start], 0, rtol=1e-14):
        start += 1
    return np.stack(quotient), rest[start:]


# ---------------------------------------------------------------- derivatives and integrals


@composite(np.polyder, domain=cases(lambda d: (_one(d)[0], {"m": d.integer(0, 2)})))
def polyder(p: Any, m: int = 1) -> Any:
    """The `m`-th derivative."""
    if m < 0:
        raise ValueError("polyder: the order must not be negative; see polyint")
    p = _coefficients(p)
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


def _antiderivative(d: Draw) -> Call:
    return (d.array((d.integer(1, 4),)), 2), {"k": d.choice((None, d.array(()), d.array((2,))))}


@composite(np.polyint, domain=cases(_antiderivative))
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The `m`-th antiderivative, with the constants `k`."""
    if m < 0:
        raise ValueError("polyint: the order must not be negative; see polyder")
    p = _coefficients(p)
    k = np.zeros(m) if k is None else np.atleast_1d(as_tensor(k))
    if len(k) not in (1, m):
        raise ValueError(f"polyint: {len(k)} constants for {m} integrations")
    for constant in np.broadcast_to(k, (m,)):
        p = np.concatenate([p / np.arange(len(p), 0, -1), np.reshape(constant, (1,))])
    return p


# ---------------------------------------------------------------- roots


def _simple_roots(d: Draw) -> Call:
    kind = d.choice(("one", "two", "pair"))
    if kind == "one":
        return (d.array((2,), positive) + 1,), {}
    middle, apart = d.array((), real), d.array((), positive) + 1
    roots = middle + np.array([1, -1]) * (apart if kind == "two" else 1j * apart)
    return (d.choice((1.0, -2.0)) * np.poly(roots),), {}


def _roots_rule(g: Any, y: Any, p: Any) -> Any:
    # p(r) = 0 makes dr = -sum(dp[k] * r**(n - k)) / p'(r).
    slope = np.polyval(np.polyder(p), y)
    return np.matmul(-g / slope, np.vander(y, p.shape[0]))


roots = primitive(np.roots, p=_roots_rule, domain=cases(_simple_roots))


@composite(np.poly, domain=cases(_one))
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these roots, or of a matrix's eigenvalues."""
    zeros = np.atleast_1d(as_tensor(seq_of_zeros))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] > 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise ValueError(f"poly: shape {zeros.shape} is neither a sequence nor a square matrix")
    if zeros.dtype.kind not in "fc":
        zeros = zeros.astype(float)
    p = as_tensor(np.ones(1, zeros.dtype))
    for zero in zeros:
        p = np.pad(p, (0, 1)) - zero * np.pad(p, (1, 0))
    values = plain(zeros)
    if np.iscomplexobj(values) and np.array_equal(np.sort(values), np.sort(values.conj())):
        p = np.real(p)
    return p


# ---------------------------------------------------------------- fits


def _columns(d: Draw) -> Call:
    count = d.choice((None, 2, 4, 0))
    return (d.array((3,), nonzero),), {"N": count, "increasing": d.flag()}


@composite(np.vander, domain=cases(_columns))
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of `x` as columns, the highest first."""
    if np.ndim(x) != 1:
        raise ValueError(f"vander: x has shape {np.shape(x)}; it must have one dimension")
    powers = np.arange(len(x) if N is None else N)
    return as_tensor(x)[:, None] ** (powers if increasing else powers[::-1])


def _fitted(d: Draw) -> Call:
    x = np.cumsum(d.array((6,), positive) + 0.2) / 3 - 1
    y = d.array(d.choice(((6,), (6, 2))), real)
    weights = d.array((6,), positive) + 0.2 if d.flag() else None
    return (x, y, d.choice((1, 2, 0))), {"w": weights, "cov": d.choice((False, True, "unscaled"))}


@composite(np.polyfit, domain=cases(_fitted))
def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False,
            w: Any = None, cov: Any = False) -> Any:  # fmt: skip
    """The polynomial of degree `deg` that is nearest to the points, in the least squares sense."""
    x, y = as_tensor(x) + 0.0, as_tensor(y) + 0.0
    if deg < 0:
        raise ValueError(f"polyfit: the degree is {deg}; it must not be negative")
    if x.ndim != 1 or not x.size or y.ndim not in (1, 2) or len(x) != len(y):
        raise TypeError(f"polyfit: x of shape {x.shape} and y of shape {y.shape} do not fit")
    rcond = len(x) * float(np.finfo(x.dtype).eps) if rcond is None else rcond
    left, right = np.vander(x, deg + 1), y
    if w is not None:
        w = as_tensor(w) + 0.0
        if w.shape != x.shape:
            raise TypeError(f"polyfit: w has shape {w.shape} and x {x.shape}")
        left = left * w[:, None]
        right = right * (w if y.ndim == 1 else w[:, None])
    # Columns of length one make the problem better conditioned.
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    c, residuals, rank, singular = np.linalg.lstsq(left, right, rcond)
    c = c / (scale if y.ndim == 1 else scale[:, None])
    if full:
        return c, residuals, rank, singular, rcond
    if rank != deg + 1:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if not cov:
        return c
    base = np.linalg.inv(np.matmul(np.transpose(left), left)) / np.outer(scale, scale)
    factor: Any = 1
    if cov != "unscaled":
        if len(x) <= deg + 1:
            raise ValueError(
                f"polyfit: {len(x)} points are too few to scale the covariance matrix of "
                f"{deg + 1} coefficients; pass cov='unscaled'"
            )
        factor = residuals / (len(x) - (deg + 1))
    return c, (base if y.ndim == 1 else base[:, :, None]) * factor
