"""Reverse-mode automatic differentiation that records plain NumPy.

>>> import autodiff as ad
>>> x = ad.tensor(2.0, requires_grad=True)
>>> y = x**3 + 4 * x
>>> y.backward()
>>> float(x.grad)
16.0
"""

from typing import TYPE_CHECKING, Any

from autodiff import allocator as allocator
from autodiff import domains, errors, rules
from autodiff.checkpointing import checkpoint
from autodiff.domains import above, below, between, integers, nonzero, positive, real
from autodiff.jacobians import hessian, jacobian
from autodiff.modes import enable_grad, grad_enabled, no_grad
from autodiff.primitive import composite, constant, primitive
from autodiff.tensor import Tensor, as_tensor, borrowed, tensor
from autodiff.tracing import scope, trace, tracing
from autodiff.transforms import (
    elementwise_grad,
    grad,
    hvp,
    jvp,
    value_and_grad,
    vjp,
)

if TYPE_CHECKING:
    from autodiff import distributions as distributions
    from autodiff import functions as functions
    from autodiff import info as info
    from autodiff import numpy as numpy
    from autodiff import scipy as scipy
    from autodiff import testing as testing
    from autodiff.debugging import debug as debug
    from autodiff.graphview import draw as draw

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "above",
    "as_tensor",
    "below",
    "between",
    "borrowed",
    "checkpoint",
    "composite",
    "constant",
    "debug",
    "distributions",
    "domains",
    "draw",
    "elementwise_grad",
    "enable_grad",
    "errors",
    "functions",
    "grad",
    "grad_enabled",
    "hessian",
    "hvp",
    "info",
    "integers",
    "jacobian",
    "jvp",
    "no_grad",
    "nonzero",
    "numpy",
    "positive",
    "primitive",
    "real",
    "rules",
    "scipy",
    "scope",
    "tensor",
    "testing",
    "trace",
    "tracing",
    "value_and_grad",
    "vjp",
]

# Loaded at first use, so that importing the engine stays cheap.
_LAZY = {
    "debug": "autodiff.debugging",
    "draw": "autodiff.graphview",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LAZY:
        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    if name in ("distributions", "functions", "info", "numpy", "scipy", "testing"):
        return import_module(f"autodiff.{name}")
    raise AttributeError(f"module 'autodiff' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
