"""scipy.linalg: triangular, banded and Sylvester equations, and functions of matrices.

SciPy's functions turn their arguments into arrays, so they cannot be intercepted; these are public,
for tensors, in `autodiff.scipy.linalg`.

Sources: M. Giles, "Collected matrix derivative results" (2008); N. Higham, "Functions of Matrices"
(2008), theorem 3.6 for the derivative of an analytic function, and section 6 for the square root.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, plain, primitive
from autodiff.rules.linalg.matrices import separated, transpose
from autodiff.rules.shared.cotangents import conj


def _one(d: Draw, rows: int) -> np.ndarray:
    """A single matrix; older versions of SciPy do not take stacks."""
    return separated(d, rows).reshape(-1, rows, rows)[0]


# ---------------------------------------------------------------- triangular equations

_PLAIN = (0, "N")  # as trans=; 1 and "T" mean the transposed matrix


def _column(x: Any) -> Any:
    return x[:, None] if x.ndim == 1 else x


def _triangular_b(g: Any, a: Any, trans: Any, lower: bool, unit_diagonal: bool) -> Any:
    return _solve_triangular(a, g, 1 if trans in _PLAIN else 0, lower, unit_diagonal)


def _triangular_a(g: Any, y: Any, a: Any, trans: Any, lower: bool, unit_diagonal: bool) -> Any:
    z = _column(_triangular_b(g, a, trans, lower, unit_diagonal))
    y = _column(y)
    full = z @ transpose(y) if trans in _PLAIN else y @ transpose(z)
    offset = 1 if unit_diagonal else 0
    return -np.tril(full, -offset) if lower else -np.triu(full, offset)


def _triangular(d: Draw) -> Call:
    a = _one(d, d.integer(1, 3))
    b = d.array((len(a),) if d.flag() else (len(a), 2))
    return (a, b), {
        "trans": d.choice((0, 1, "N", "T")),
        "lower": d.flag(),
        "unit_diagonal": d.flag(),
    }


_solve_triangular = primitive(
    linalg.solve_triangular,
    signature="a, b, trans=0, lower=False, unit_diagonal=False",
    a=_triangular_a,
    b=_triangular_b,
    selects=True,
    domain=cases(_triangular),
)


@composite(linalg.solve_triangular, domain=cases(_triangular))
def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """The solution of ``a @ x == b``, where one triangle of `a` is read."""
    if trans in (2, "C"):
        a, trans = conj(a), 1
    return _solve_triangular(a, b, trans, lower, unit_diagonal)


def _definite(d: Draw) -> Call:
    (a, _), options = _triangular(d)
    return (a,), {"lower": options["lower"]}


@composite(linalg.cholesky, domain=cases(_definite))
def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """The triangular factor of a positive definite matrix; by default the upper one."""
    return np.linalg.cholesky(a, upper=not lower)


@composite(linalg.cho_factor)
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """What `cho_solve` needs; SciPy does not clear the other triangle, here it is zero."""
    return cholesky(a, lower), lower


def _factored(d: Draw) -> Call:
    (a, b), options = _triangular(d)
    return ((a, options["lower"]), b), {}


@composite(linalg.cho_solve, domain=cases(_factored))
def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """The solution of equations whose matrix `cho_factor` has factored."""
    c, lower = c_and_lower
    first, second = (0, "C") if lower else ("C", 0)
    return solve_triangular(c, solve_triangular(c, b, first, lower), second, lower)


# ---------------------------------------------------------------- banded equations


def _banded_transpose(ab: Any, below: int, above: int) -> Any:
    """The diagonals of the transposed matrix, of which `above` lie below and `below` above."""
    rows = [np.roll(ab[above + below - k], below - k) for k in range(below + above + 1)]
    return np.stack(rows)


def _bands(z: Any, y: Any, below: int, above: int) -> Any:
    """The diagonals of ``z @ transpose(y)``, in SciPy's layout; unused elements are zero."""
    side = z.shape[0]
    columns = np.arange(side)
    rows = columns + np.arange(-above, below + 1)[:, None]
    inside = (rows >= 0) & (rows < side)
    picked = z[np.where(inside, rows, 0)]  # (diagonals, side, right-hand sides)
    return np.where(inside, np.sum(picked * y, axis=-1), 0)


def _banded_b(g: Any, below: int, above: int, ab: Any) -> Any:
    return _solve_banded(above, below, _banded_transpose(ab, below, above), g)


def _banded_ab(g: Any, y: Any, below: int, above: int, ab: Any) -> Any:
    z = _banded_b(g, below, above, ab)
    return -_bands(_column(z), _column(y), below, above)


def _banded(d: Draw) -> Call:
    below, above, side = d.integer(0, 1), d.integer(0, 2), d.integer(3, 4)
    ab = d.array((below + above + 1, side)) / 4
    ab[above] += 3
    return (below, above, ab, d.array((side,) if d.flag() else (side, 2))), {}


def _forward_banded(below: int, above: int, ab: Any, b: Any) -> Any:
    return linalg.solve_banded((below, above), ab, b)


_solve_banded = primitive(
    _forward_banded,
    name="solve_banded",
    ab=_banded_ab,
    b=_banded_b,
    selects=True,
    domain=cases(_banded),
)


def _banded_call(d: Draw) -> Call:
    (below, above, ab, b), _ = _banded(d)
    return ((below, above), ab, b), {}


@composite(linalg.solve_banded, domain=cases(_banded_call))
def solve_banded(
    l_and_u: tuple[int, int],
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """The solution of equations whose matrix has few diagonals; row k of `ab` is one of them."""
    below, above = l_and_u
    return _solve_banded(below, above, ab, b)


# ---------------------------------------------------------------- Sylvester equations


def _sylvester(d: Draw) -> Call:
    m, n = d.integer(1, 3), d.integer(1, 3)
    return (_one(d, m), _one(d, n), d.array((m, n))), {}


def _sylvester_q(g: Any, a: Any, b: Any) -> Any:
    return solve_sylvester(transpose(a), transpose(b), g)


solve_sylvester = primitive(
    linalg.solve_sylvester,
    signature="a, b, q",
    a=lambda g, y, a, b: -_sylvester_q(g, a, b) @ transpose(y),
    b=lambda g, y, a, b: -transpose(y) @ _sylvester_q(g, a, b),
    q=_sylvester_q,
    domain=cases(_sylvester),
)

# ---------------------------------------------------------------- functions of matrices


def _square(d: Draw) -> Call:
    return (_one(d, d.integer(1, 3)),), {}


def _expm_rule(g: Any, A: Any) -> Any:
    """The derivative in a direction is a block of the exponential of a larger matrix.

    It is linear in the direction, which is scaled so that the larger matrix is no harder.
    """
    size = float(np.max(np.abs(plain(g)), initial=0)) or 1.0
    a = transpose(A)
    upper = np.concatenate([a, g / size], axis=-1)
    lower = np.concatenate([np.zeros(np.shape(a), plain(a).dtype), a], axis=-1)
    side = np.shape(a)[-1]
    return expm(np.concatenate([upper, lower], axis=-2))[..., :side, side:] * size


expm = primitive(
    linalg.expm,
    signature="A",
    A=_expm_rule,
    domain=cases(lambda d: ((separated(d) / 3,), {})),
)
# The root y satisfies y @ y == A, so its change satisfies dy @ y + y @ dy == dA.
sqrtm = primitive(
    linalg.sqrtm,
    signature="A",
    A=lambda g, y: solve_sylvester(transpose(y), transpose(y), g),
    domain=cases(_square),
)


@composite(linalg.block_diag, domain=cases(lambda d: ((d.array((2, 3)), d.array((1, 2))), {})))
def block_diag(*arrs: Any) -> Any:
    """Matrices along the diagonal of a larger one."""
    blocks = [np.atleast_2d(block) for block in arrs]
    widths = [np.shape(block)[1] for block in blocks]
    rows = []
    for index, block in enumerate(blocks):
        before, after = sum(widths[:index]), sum(widths[index + 1 :])
        rows.append(np.pad(block, [(0, 0), (before, after)]))
    return np.concatenate(rows)
