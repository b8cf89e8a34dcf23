"""What the rules of SciPy's functions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff.domains import Cases, Interval, cases
from autodiff.errors import UnsupportedError

__all__ = ["at_parameters", "unknown"]


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
