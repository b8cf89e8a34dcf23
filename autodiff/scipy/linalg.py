"""scipy.linalg with the functions below replaced by ones that accept tensors.

All other names are SciPy's own and take arrays only. For what NumPy has too, call ``np.linalg``.

>>> import numpy as np
>>> import autodiff as ad
>>> from autodiff.scipy.linalg import expm
>>> ad.grad(lambda a: expm(a)[0, 0])(np.zeros((2, 2)))
array([[1., 0.],
       [0., 0.]])
"""

from typing import Any

from scipy import linalg as _original

from autodiff.rules.scipy.linalg import (
    block_diag,
    cho_factor,
    cho_solve,
    cholesky,
    expm,
    solve_banded,
    solve_sylvester,
    solve_triangular,
    sqrtm,
)

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "expm",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
]


def __getattr__(name: str) -> Any:
    return getattr(_original, name)
