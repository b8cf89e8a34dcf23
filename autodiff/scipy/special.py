"""scipy.special with the functions that are not ufuncs replaced by ones that accept tensors.

All other names are SciPy's own, so that this module can stand in for it.

>>> import autodiff as ad
>>> from autodiff.scipy import special
>>> float(ad.grad(special.erf)(0.0))  # doctest: +ELLIPSIS
1.128379...
"""

from typing import Any

from scipy import special as _original

from autodiff.rules.scipy.gamma import multigammaln, polygamma
from autodiff.rules.scipy.reductions import log_softmax, logsumexp, softmax

__all__ = ["log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax"]


def __getattr__(name: str) -> Any:
    return getattr(_original, name)
