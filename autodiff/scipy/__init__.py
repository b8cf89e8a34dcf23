"""The functions of SciPy that cannot be intercepted, for tensors.

The special functions of SciPy are ufuncs, and ``scipy.special.erf(tensor)`` just works. Others,
such as ``scipy.special.logsumexp`` and all of ``scipy.linalg``, turn their arguments into arrays
first, which a tensor refuses. They are here under the same names, for tensors and arrays:

>>> import numpy as np
>>> import autodiff as ad
>>> from autodiff.scipy.special import logsumexp
>>> float(ad.grad(logsumexp)(np.zeros(4))[0])
0.25

SciPy is imported with `autodiff.scipy.special` and `autodiff.scipy.linalg`, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.scipy import linalg, special

__all__ = ["linalg", "special"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"autodiff.scipy.{name}")
    raise AttributeError(f"module 'autodiff.scipy' has no attribute {name!r}")
