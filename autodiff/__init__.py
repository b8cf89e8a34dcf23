"""Reverse-mode automatic differentiation that records plain NumPy.

>>> import autodiff as ad
>>> x = ad.tensor(2.0, requires_grad=True)
>>> y = x**3 + 4 * x
>>> y.backward()
>>> float(x.grad)
16.0
"""

from typing import TYPE_CHECKING, Any

from autodiff import errors, rules
from autodiff.declare import domains
from autodiff.declare.domains import above, below, between, integers, nonzero, positive, real
from autodiff.declare.primitive import composite, constant, primitive
from autodiff.engine import allocator as allocator
from autodiff.engine.modes import enable_grad, grad_enabled, no_grad
from autodiff.tensors.tensor import Tensor, as_tensor, borrowed, tensor
from autodiff.transforms.checkpointing import checkpoint
from autodiff.transforms.gradients import (
    elementwise_grad,
    grad,
    hvp,
    jvp,
    value_and_grad,
    vjp,
)
from autodiff.transforms.jacobians import hessian, jacobian

if TYPE_CHECKING:
    from autodiff import distributions as distributions
    from autodiff import functions as functions
    from autodiff import info as info
    from autodiff import numpy as numpy
    from autodiff import scipy as scipy
    from autodiff import testing as testing
    from autodiff.graphview import draw as draw
    from autodiff.inspecting.debugging import debug as debug
    from autodiff.inspecting.tracing import scope as scope
    from autodiff.inspecting.tracing import trace as trace
    from autodiff.inspecting.tracing import tracing as tracing

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
    "debug": "autodiff.inspecting.debugging",
    "draw": "autodiff.graphview",
    "scope": "autodiff.inspecting.tracing",
    "trace": "autodiff.inspecting.tracing",
    "tracing": "autodiff.inspecting.tracing",
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
