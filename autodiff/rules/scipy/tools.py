"""What the rules of SciPy's functions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special as _original

from autodiff.declare.domains import Cases, Interval, cases
from autodiff.errors import UnsupportedError

__all__ = ["at_parameters", "special", "unknown"]


class _Special:
    """scipy.special with its ufuncs as they are, also in SciPy's array API mode.

    With ``SCIPY_ARRAY_API=1`` its names are functions that find out to which library the arguments
    belong, and call the ufunc that they wrap.
    """

    def __getattr__(self, name: str) -> Any:
        function = getattr(_original, name)
        inside = getattr(function, "__wrapped__", None)
        value = inside if isinstance(inside, np.ufunc) else function
        setattr(self, name, value)
        return value


special: Any = _Special()


def unknown(function: str, what: str) -> Callable[[Any], Any]:
    """A rule for an argument in which the function is smooth, but without a known formula."""

    def rule(g: Any) -> Any:
        raise UnsupportedError(
            f"{function}: no formula is known for the derivative with respect to {what}; "
            "pass it as a number, or t.detach()"
        )

    return rule


def at_parameters(parameters: Sequence[tuple[float, ...]], domain: Interval) -> Cases:
    """Calls in which numbers, one of the choices in `parameters`, precede an array."""
    return cases(lambda d: ((*d.choice(parameters), d.array(domain=domain)), {}))
