"""The affine map of a layer: a product of matrices, and a bias added to it in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import primitive
from autodiff.errors import ShapeError
from autodiff.rules.products import matmul_a, matmul_b, product

__all__ = ["affine"]


def _affine_case(d: Draw) -> Call:
    rows = d.shape(max_dims=2)
    n, m = d.integer(1, 3), d.integer(1, 3)
    return (d.array((*rows, n)), d.array((n, m)), d.array((m,))), {}


@primitive(
    x=lambda g, x_shape, weight: matmul_a(g, x_shape, weight),
    weight=lambda g, x, weight_shape: matmul_b(g, x, weight_shape),
    bias="g",
    domain=cases(_affine_case),
)
def affine(x: Any, weight: Any, bias: Any) -> Any:
    """``x @ weight + bias``, for x of shape (..., n), a weight (n, m) and a bias (m,).

    >>> affine(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5]))
    array([[11.5]])
    """
    weight, bias = np.asarray(weight), np.asarray(bias)
    if weight.ndim != 2 or bias.shape != weight.shape[1:]:
        raise ShapeError(
            f"affine: a weight of shape (n, m) and a bias of shape (m,) are needed, not "
            f"{weight.shape} and {bias.shape}"
        )
    y = product(x, weight)
    if y.dtype is not bias.dtype:
        return y + bias
    y += bias
    return y
