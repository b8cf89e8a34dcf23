"""Are the derivatives right? Checks for functions, and for rules by their declaration alone.

>>> import numpy as np
>>> check_grads(lambda x: np.sum(np.sin(x) ** 2), np.array([1.0, 2.0]))

`check_grads` compares the derivatives of any function with numerical ones; `check_primitive`
draws its inputs from the domain that was declared. The rest are strategies for hypothesis, which
is imported when one of them is first used: `arrays`, `broadcastable_arrays`, `indices`,
`layouts`, `calls` and `programs`.
"""

from typing import TYPE_CHECKING, Any

from autodiff.testing.checking import check_grads
from autodiff.testing.differences import numerical_gradient, numerical_jacobian
from autodiff.testing.primitives import check_call, check_kink, check_primitive, special_calls
from autodiff.testing.subject import WrongGradient

if TYPE_CHECKING:
    from autodiff.testing.random_programs import Program, programs
    from autodiff.testing.strategies import arrays, broadcastable_arrays, calls, indices, layouts

__all__ = [
    "Program",
    "WrongGradient",
    "arrays",
    "broadcastable_arrays",
    "calls",
    "check_call",
    "check_grads",
    "check_kink",
    "check_primitive",
    "indices",
    "layouts",
    "numerical_gradient",
    "numerical_jacobian",
    "programs",
    "special_calls",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in __all__:
        module = "random_programs" if name in ("Program", "programs") else "strategies"
        return getattr(import_module(f"autodiff.testing.{module}"), name)
    raise AttributeError(f"module 'autodiff.testing' has no attribute {name!r}")
