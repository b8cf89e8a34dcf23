"""numpy.linalg: solving, inverses, determinants, powers, and its variants of NumPy's products.

Source: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), section 2. The factorizations, eigenvalues and norms are in the files
beside this one.
"""

from __future__ import annotations

import math
import operator
from itertools import pairwise
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.engine.shapes import normalize_axes
from autodiff.rules.linalg.matrices import batch, diagonal_matrix, separated, transpose
from autodiff.rules.shared.cotangents import conj

# ---------------------------------------------------------------- solving


def _solve_b(g: Any, a: Any, b_shape: tuple[int, ...]) -> Any:
    if len(b_shape) == 1:
        return np.linalg.solve(transpose(a), g[..., None])[..., 0]
    return np.linalg.solve(transpose(a), g)


def _solve_a(g: Any, y: Any, a: Any, b_shape: tuple[int, ...]) -> Any:
    if len(b_shape) == 1:
        g, y = g[..., None], y[..., None]
    return -np.linalg.solve(transpose(a), g) @ transpose(y)


def _equations(d: Draw) -> Call:
    a = separated(d)
    side = a.shape[-1]
    if d.flag():
        return (a, d.array((side,))), {}
    return (a, d.array((*d.choice(((), (1,), a.shape[:-2])), side, d.integer(1, 2)))), {}


solve = primitive(np.linalg.solve, a=_solve_a, b=_solve_b, domain=cases(_equations))
inv = primitive(
    np.linalg.inv,
    a=lambda g, y: -transpose(y) @ g @ transpose(y),
    domain=cases(lambda d: ((separated(d),), {})),
)


def _tensorsolve_case(d: Draw) -> Call:
    a = separated(d, 6, 6)
    if d.flag():
        return (a.reshape((-1, 6, 6))[0].reshape(2, 3, 6), d.array((2, 3))), {}
    return (a.reshape((-1, 6, 6))[0].reshape(6, 3, 2), d.array((3, 2))), {"axes": (0,)}


@composite(np.linalg.tensorsolve, domain=cases(_tensorsolve_case))
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The tensor `x` with ``tensordot(a, x, x.ndim) == b``."""
    ndim = np.ndim(a)
    if axes is not None:
        last = normalize_axes(tuple(axes), ndim)
        a = np.transpose(a, [k for k in range(ndim) if k not in last] + list(last))
    shape = np.shape(a)[np.ndim(b) - ndim :] if ndim > np.ndim(b) else ()
    size = math.prod(shape)
    if np.size(a) != size * size:
        raise np.linalg.LinAlgError(
            f"tensorsolve: a of shape {np.shape(a)} and b of shape {np.shape(b)} are not a square "
            "system: prod(a.shape[b.ndim:]) must be prod(a.shape[:b.ndim])"
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


@composite(
    np.linalg.tensorinv,
    domain=cases(
        lambda d: ((separated(d, 6, 6).reshape(-1, 6, 6)[0].reshape(6, 2, 3),), {"ind": 1})
    ),
)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of ``tensordot(a, x, ind)``."""
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be positive, not {ind}")
    shape = np.shape(a)
    rows = math.prod(shape[ind:])
    return np.reshape(np.linalg.inv(np.reshape(a, (rows, -1))), shape[ind:] + shape[:ind])


# ---------------------------------------------------------------- determinants


def _without_each(s: Any) -> Any:
    """For each element, the product of the others along the last axis."""
    ones = np.eye(s.shape[-1], dtype=bool)
    return np.prod(np.where(ones, 1, s[..., None, :]), axis=-1)


def _without_pairs(s: Any) -> Any:
    """For each two elements, the product of the others; the diagonal is zero."""
    same = np.eye(s.shape[-1], dtype=bool)
    left_out = same[:, None, :] | same[None, :, :]
    return np.prod(np.where(left_out, 1, s[..., None, None, :]), axis=-1) * ~same


def _factors(a: Any) -> tuple[Any, Any, Any, Any]:
    """``a = u @ diag(s) @ adjoint(v)`` as conj(u), s, transpose(v), and det(u) det(adjoint(v))."""
    u, s, vh = np.linalg.svd(a)
    return conj(u), s, conj(vh), (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]


def _cofactor(a: Any) -> Any:
    """The matrix of cofactors, ``det(a) * transpose(inv(a))``; also of a singular matrix.

    In the frame of the singular vectors the matrix is diagonal, and so is the matrix of
    cofactors: each element is the product of the other singular values.
    """
    left, s, right, sign = _factors(a)
    return sign * (left @ (_without_each(s)[..., None] * right))


def _cofactor_rule(g: Any, a: Any) -> Any:
    # The derivative of det(diag(s) + e) to second order in e, in the frame of `_cofactor`.
    left, s, right, sign = _factors(a)
    inner = transpose(left) @ (sign * g) @ transpose(right)
    pairs = _without_pairs(s)
    sums = pairs @ np.diagonal(inner, axis1=-2, axis2=-1)[..., None]
    return left @ (diagonal_matrix(sums[..., 0]) - pairs * transpose(inner)) @ right


def _perhaps_singular(d: Draw) -> Call:
    a = separated(d, d.integer(1, 4))
    if d.flag():
        a[..., 0, :] = a[..., -1, :] if a.shape[-1] > 1 and d.flag() else 0
    return (a,), {}


cofactor = primitive(
    _cofactor, name="cofactor", a=_cofactor_rule, domain=cases(_perhaps_singular), order=1
)


def _nearly_singular(a: Any) -> bool:
    """Whether second derivatives by the inverse would lose half of the digits."""
    limit = float(np.finfo(a.dtype).eps) ** -0.25
    return bool(np.any(np.linalg.cond(plain(a), 1) > limit))


def _det_rule(g: Any, y: Any, a: Any) -> Any:
    if not a.size:
        return np.zeros_like(a)
    if _nearly_singular(a):
        return g[..., None, None] * cofactor(a)
    return (g * y)[..., None, None] * transpose(np.linalg.inv(a))


det = primitive(np.linalg.det, a=_det_rule, domain=cases(_perhaps_singular))


def _slogdet_rule(g: tuple[Any, Any], y: tuple[Any, Any], a: Any) -> Any:
    g_sign, g_log = g
    sign, _ = y
    total: Any = 0 if g_log is None else g_log
    if g_sign is not None and np.iscomplexobj(sign):  # the sign of a real matrix is constant
        total = total + 1j * np.imag(g_sign * sign)
    singular = plain(sign) == 0
    if np.any(singular):
        if np.any(singular & (plain(total) != 0)):
            raise np.linalg.LinAlgError(
                "slogdet: a matrix is singular, and log(0) has no derivative; "
                "np.linalg.det has one there"
            )
        a = np.where(singular[..., None, None], np.eye(a.shape[-1], dtype=a.dtype), a)
    inverse = transpose(np.linalg.inv(a))
    return total[..., None, None] * inverse if np.ndim(total) else total * inverse


slogdet = primitive(
    np.linalg.slogdet, a=_slogdet_rule, multiple=True, domain=cases(lambda d: ((separated(d),), {}))
)

# ---------------------------------------------------------------- powers and chains


@composite(
    np.linalg.matrix_power,
    domain=cases(lambda d: ((separated(d), d.choice((2, 3, 1, 0, -1, -2, 5))), {})),
)
def matrix_power(a: Any, n: int) -> Any:
    """The product of `n` factors `a`, by repeated squaring; of inverses if `n` is negative."""
    n = operator.index(n)
    if n == 0:
        return np.where(True, np.eye(np.shape(a)[-1], dtype=a.dtype), a)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result = None
    while True:
        if n % 2:
            result = a if result is None else result @ a
        n //= 2
        if not n:
            return result
        a = a @ a


def _cheapest_splits(sides: list[int]) -> dict[tuple[int, int], int]:
    """Where to split the product of matrices i to j, by dynamic programming (Cormen et al., 15.2).

    Matrix i has shape ``(sides[i], sides[i + 1])``.
    """
    count = len(sides) - 1
    cost = {(i, i): 0 for i in range(count)}
    best: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = {
                k: cost[i, k] + cost[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1]
                for k in range(i, j)
            }
            best[i, j] = min(costs, key=costs.__getitem__)
            cost[i, j] = costs[best[i, j]]
    return best


def _chain(d: Draw) -> Call:
    sides = [d.integer(1, 4) for _ in range(d.integer(3, 5))]
    arrays = [d.array((m, n)) for m, n in pairwise(sides)]
    if d.flag():
        arrays[0] = arrays[0][0]
    if d.flag():
        arrays[-1] = arrays[-1][:, 0]
    return (arrays,), {}


@composite(np.linalg.multi_dot, domain=cases(_chain))
def multi_dot(arrays: Any) -> Any:
    """The product of several matrices in the cheapest order."""
    arrays = list(arrays)
    if len(arrays) < 2:
        raise ValueError(f"multi_dot: at least two arrays are needed, not {len(arrays)}")
    if len(arrays) == 2:
        return np.dot(*arrays)
    for place, array in enumerate(arrays):
        inner = 0 < place < len(arrays) - 1
        if np.ndim(array) != 2 and (inner or np.ndim(array) != 1):
            raise np.linalg.LinAlgError(
                f"multi_dot: array {place} has shape {np.shape(array)}; each has two dimensions, "
                "the first and the last may have one (write a @ b @ c for stacks of matrices)"
            )
    first, last = np.ndim(arrays[0]) == 1, np.ndim(arrays[-1]) == 1
    if first:
        arrays[0] = arrays[0][None, :]
    if last:
        arrays[-1] = arrays[-1][:, None]
    best = _cheapest_splits([np.shape(x)[0] for x in arrays] + [np.shape(arrays[-1])[1]])

    def product(i: int, j: int) -> Any:
        return arrays[i] if i == j else product(i, best[i, j]) @ product(best[i, j] + 1, j)

    result = product(0, len(arrays) - 1)
    if first:
        result = result[0]
    return result[..., 0] if last else result


# ---------------------------------------------------------------- variants of NumPy's functions


def _two_matrices(d: Draw) -> Call:
    return (d.array((*batch(d), 2, 3)), d.array((3, 2))), {}


def _one_matrix(d: Draw) -> Call:
    return (d.array((*batch(d), 2, 3)),), {"offset": d.integer(-1, 1)}


@composite(np.linalg.matmul, domain=cases(_two_matrices))
def matmul(x1: Any, x2: Any) -> Any:
    """`np.matmul`."""
    return np.matmul(x1, x2)


@composite(
    np.linalg.tensordot,
    domain=cases(lambda d: ((d.array((2, 3)), d.array((3, 2))), {"axes": d.choice((1, 0))})),
)
def tensordot(x1: Any, x2: Any, *, axes: Any = 2) -> Any:
    """`np.tensordot`."""
    return np.tensordot(x1, x2, axes)


@composite(np.linalg.outer, domain=cases(lambda d: ((d.array((2,)), d.array((3,))), {})))
def outer(x1: Any, x2: Any) -> Any:
    """The products of the elements of two vectors."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"outer: two vectors are needed, not shapes {np.shape(x1)} and {np.shape(x2)}; "
            "np.outer flattens its arguments"
        )
    return np.outer(x1, x2)


def _vectors(d: Draw) -> Call:
    return (d.array((2, 3)), d.array((2, 3))), {}


@composite(np.linalg.cross, domain=cases(_vectors))
def cross(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """The cross product of vectors with three components."""
    return np.cross(x1, x2, axis=axis)


@composite(np.linalg.vecdot, domain=cases(_vectors))
def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """The dot products along an axis, the first argument conjugated."""
    product: Any = np.vecdot
    return product(x1, x2, axis=axis)


@composite(np.linalg.matrix_transpose, domain=cases(lambda d: ((d.array(min_dims=2),), {})))
def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


@composite(np.linalg.diagonal, domain=cases(_one_matrix))
def diagonal(x: Any, *, offset: int = 0) -> Any:
    """The diagonals of the last two axes."""
    return np.diagonal(x, offset, -2, -1)


@composite(np.linalg.trace, domain=cases(_one_matrix))
def trace(x: Any, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of the last two axes."""
    return np.trace(x, offset, -2, -1, dtype)
