"""The affine map."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from nn import functional as F
from nn import init
from nn.module import Module, Parameter
from nn.random import as_generator

__all__ = ["Linear"]


class Linear(Module):
    """x @ weight + bias, for x of shape (..., in_features).

    weight: (in_features, out_features). bias: (out_features,), or None with bias=False.
    weight_init, bias_init: see `nn.init`; by default both are uniform with bound
        1 / sqrt(in_features), which keeps initial outputs small (the default of PyTorch too).
    dtype: of the parameters, by default float32. NumPy's promotion holds: a float64 input gives a
        float64 result, so convert the input, or make the layer float64, where that matters.

    >>> Linear(784, 10)
    Linear(784, 10)
    >>> Linear(2, 3, weight_init=init.zeros, bias_init=init.zeros)(np.ones((5, 2))).shape
    (5, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        weight_init: init.Initializer | None = None,
        bias_init: init.Initializer | None = None,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"Linear: {name} is {size!r}; give a whole number of at least 1")
        rng = as_generator(rng, "Linear")
        self.in_features = int(in_features)
        self.out_features = int(out_features)
        self.weight = Parameter(self._initial(weight_init, (in_features, out_features), rng, dtype))
        self.bias = (
            Parameter(self._initial(bias_init, (out_features,), rng, dtype)) if bias else None
        )

    def _initial(
        self,
        initializer: init.Initializer | None,
        shape: tuple[int, ...],
        rng: np.random.Generator,
        dtype: DTypeLike,
    ) -> np.ndarray:
        if initializer is None:
            bound = 1 / math.sqrt(self.in_features)
            return init.uniform(shape, bound=bound, rng=rng, dtype=dtype)
        return initializer(shape, rng=rng, dtype=dtype)

    def forward(self, x: Any) -> Any:
        try:
            if self.bias is None:
                return x @ self.weight
            return F.affine(x, self.weight, self.bias)
        except ValueError as error:
            raise ad.errors.ShapeError(self._explain(np.shape(x))) from error

    def _explain(self, shape: tuple[int, ...]) -> str:
        message = (
            f"{self!r}: the input has shape {shape}, but its last axis must have length "
            f"{self.in_features}"
        )
        if len(shape) > 2 and math.prod(shape[1:]) == self.in_features:
            return f"{message}; put nn.Flatten() before this layer"
        return f"{message}; change the input, or the number of features of this layer"

    def extra_repr(self) -> str:
        parts = [str(self.in_features), str(self.out_features)]
        if self.bias is None:
            parts.append("bias=False")
        if self.weight.dtype != np.float32:
            parts.append(f"dtype={self.weight.dtype}")
        return ", ".join(parts)
