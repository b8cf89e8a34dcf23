"""The derivative rules of NumPy's functions: declarations only, one file per family."""

from autodiff.rules import (
    constants,
    elementwise,
    indexing,
    joining,
    network,
    products,
    reductions,
    shaping,
    softmax,
    ufuncs,
)

__all__ = [
    "constants",
    "elementwise",
    "indexing",
    "joining",
    "network",
    "products",
    "reductions",
    "shaping",
    "softmax",
    "ufuncs",
]
