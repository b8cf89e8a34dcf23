"""What the rules of linear algebra share: adjoints, triangles, and checks of what is determined.

The rules of the factorizations follow the literature, which speaks of the direction of steepest
ascent: the final quantity changes by ``Re(sum(conj(G) * dx))``. This is the conjugate of the
engine's cotangent, so these rules begin with ``G = conj(g)`` and end with another `conj`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare.domains import Draw, Interval, real
from autodiff.declare.kinks import refused
from autodiff.declare.primitive import plain
from autodiff.errors import GradientError
from autodiff.rules.shared.cotangents import conj
from autodiff.tensors.tensor import Tensor

__all__ = [
    "absorb_complement",
    "adjoint",
    "batch",
    "check_phases",
    "diagonal_matrix",
    "fill_triangle",
    "over_gaps",
    "separated",
    "skew",
    "transpose",
    "triangle",
]


def transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    return x.T if len(x.shape) == 2 else np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return conj(transpose(x))


def skew(x: Any) -> Any:
    """``x - adjoint(x)``."""
    return x - adjoint(x)


def diagonal_matrix(x: Any) -> Any:
    """Matrices with the last axis of `x` on their diagonal."""
    return x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)


def triangle(x: Any, lower: bool) -> Any:
    """The cotangent of the triangle that a function reads, from that of the Hermitian matrix.

    An element off the diagonal stands for two, and the imaginary part of the diagonal is ignored.
    """
    both = np.tril(x, -1) if lower else np.triu(x, 1)
    return both + both + diagonal_matrix(np.real(np.diagonal(x, axis1=-2, axis2=-1)))


def fill_triangle(x: Any, lower: bool = True) -> Any:
    """The Hermitian matrix of which a function reads one triangle."""
    part = np.tril(x, -1) if lower else np.triu(x, 1)
    return part + adjoint(part) + diagonal_matrix(np.real(np.diagonal(x, axis1=-2, axis2=-1)))


# ---------------------------------------------------------------- what is not determined


def _precision(x: Any) -> float:
    return float(np.finfo(x.dtype).eps)


def _rounding(x: Any, cotangents: list[Any]) -> float:
    """What a number made from `cotangents` may be if it is really 0."""
    eps = _precision(x)
    largest = max(float(np.max(np.abs(plain(g)), initial=0)) for g in cotangents)
    return eps ** (1 / 3) * largest + 100 * eps


def over_gaps(numerator: Any, values: Any, vectors: list[Any], name: str) -> Any:
    """``numerator[j, k] / (values[k] - values[j])``, and 0 where two values are equal.

    The vectors that belong to equal values are not differentiable. So the cotangents of these
    vectors, which `vectors` holds in columns, must be zero: then they do not matter.

    Raises:
        GradientError: they are not zero.
    """
    gaps = values[..., None, :] - values[..., :, None]
    side = gaps.shape[-1]
    same = np.eye(side, dtype=bool)
    largest = np.max(np.abs(plain(values)), axis=-1, initial=0)[..., None, None]
    close = np.abs(plain(gaps)) <= 10 * side * _precision(values) * largest
    equal = close & ~same
    used = np.any([np.any(plain(v) != 0, axis=-2) for v in vectors], axis=0)
    clash = equal & (used[..., :, None] | used[..., None, :])
    if np.any(clash):
        *_, first, second = np.argwhere(clash)[0].tolist()
        raise GradientError(
            f"{name}: values {first} and {second} are equal, so their vectors are not "
            "differentiable, but the gradient depends on them; use only the values (as eigvalsh "
            "and svdvals do), use only vectors of simple values, or separate the values. Whether "
            "the result depends on the choice of the vectors, as a projector does not, cannot be "
            "told from one choice; write such a result without them, a matrix function for "
            "example as autodiff.scipy.linalg.expm or sqrtm"
        )
    # Cotangents that are zero and may vary do not tell what is used.
    varying = not np.any(used) and any(isinstance(v, Tensor) for v in vectors)
    inverse = 1 / np.where(close | same, 1, gaps)
    return numerator * np.where(same, 0, np.where(equal, np.nan if varying else 0, inverse))


def refuse_flat(g: Any, values: Any, where: Callable[[Any], Any], name: str) -> Any:
    """Zeros that raise where second derivatives by `values` cannot be told.

    Where values coincide, and their cotangents are 0 but vary, the derivative of the rule is 0 / 0.

    Arguments:
        where: gives the elements concerned, from truth values: which cotangents are 0.
    """
    if not (isinstance(values, Tensor) and isinstance(g, Tensor) and g.node is not None):
        return 0  # it is the first derivative that is asked for, or a linear function of the values
    found = where(g.data == 0)
    if not np.any(found):
        return 0
    error = GradientError(
        f"{name}: values coincide, or are 0, where the gradient is 0, so the second derivative "
        "cannot be told from here; write what is smooth without them, such as np.sum(a * a) for "
        "the sum of squares, or separate the values"
    )
    return refused(found.shape, g.dtype, found, error)


def refuse_equal(g: Any, values: Any, name: str) -> Any:
    """The same in the matrix of all pairs of values, for those that are equal."""

    def pairs(flat: Any) -> Any:
        equal = plain(values)[..., None, :] == plain(values)[..., :, None]
        both = flat[..., None, :] & flat[..., :, None]
        return equal & both & ~np.eye(equal.shape[-1], dtype=bool)

    return refuse_flat(g, values, pairs, name)


def check_phases(coupling: Any, cotangents: list[Any], name: str) -> None:
    """Raise `GradientError` unless the diagonal of `coupling` is real.

    It is ``adjoint(vectors) @ cotangents``, or a sum of such. Each vector of a complex matrix is
    determined up to a phase, and the imaginary part is the derivative with respect to that phase.
    """
    if not np.iscomplexobj(coupling) or not np.size(coupling):
        return
    turning = np.abs(np.imag(np.diagonal(plain(coupling), axis1=-2, axis2=-1)))
    if np.any(turning > _rounding(coupling, cotangents)):
        raise GradientError(
            f"{name}: the vectors of a complex matrix are determined up to a factor exp(i phi), "
            "and the gradient depends on this factor; compute something that does not, such as "
            "np.abs(v) or v @ diag @ v^H"
        )


def absorb_complement(cotangent: Any, vectors: Any, count: int, name: str) -> Any:
    """The cotangent of the first `count` columns of unitary `vectors`, the others included.

    The other columns are any basis of the space that the first leave over. What depends on that
    space only depends on the first columns: ``d(rest) = -first @ adjoint(d(first)) @ rest``.

    Raises:
        GradientError: the gradient depends on the choice of the basis.
    """
    first, rest = vectors[..., :count], vectors[..., count:]
    if not rest.shape[-1]:
        return cotangent
    g_first, g_rest = cotangent[..., :count], cotangent[..., count:]
    turning = plain(skew(adjoint(rest) @ g_rest))
    if np.any(np.abs(turning) > _rounding(turning, [g_rest])):
        raise GradientError(
            f"{name}: the last {rest.shape[-1]} vectors are an arbitrary basis of what the others "
            "leave over, and the gradient depends on it; use the reduced form, or only the "
            "first vectors"
        )
    return g_first - rest @ (adjoint(g_rest) @ first)


# ---------------------------------------------------------------- samples


def batch(d: Draw) -> tuple[int, ...]:
    """The shape of a stack of matrices; most often there is one."""
    return d.choice(((), (2,), (1,), (2, 3)))


def separated(d: Draw, rows: int | None = None, columns: int | None = None) -> np.ndarray:
    """Matrices that are far from singular, with eigenvalues and singular values far apart."""
    rows = d.integer(1, 3) if rows is None else rows
    columns = rows if columns is None else columns
    noise = d.array((*batch(d), rows, columns), Interval(real.low / 8, real.high / 8))
    return noise + 1.5 * np.eye(rows, columns) * np.arange(1, columns + 1)
