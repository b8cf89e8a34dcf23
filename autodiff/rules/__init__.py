"""The derivative rules of NumPy's functions: declarations only, one file per family."""

from autodiff.rules import (
    constants,
    elementwise,
    indexing,
    network,
    products,
    reductions,
    shaping,
    ufuncs,
)

__all__ = [
    "constants",
    "elementwise",
    "indexing",
    "network",
    "products",
    "reductions",
    "shaping",
    "ufuncs",
]
