"""Embeddings: a vector for each of a number of things."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from nn import functional as F
from nn import init
from nn.module import Module, Parameter
from nn.random import as_generator

__all__ = ["Embedding"]


class Embedding(Module):
    """A table of learned vectors: indices (...) in, vectors (..., dim) out.

    weight: (count, dim); weight_init: by default the standard normal distribution.
    padding: the index of a row for places that hold nothing: it is zero and has no gradient.

    >>> Embedding(10, 4)(np.array([[1, 2, 2]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        count: int,
        dim: int,
        *,
        padding: int | None = None,
        weight_init: init.Initializer | None = None,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        for name, size in (("count", count), ("dim", dim)):
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(
                    f"Embedding: {name} is {size!r}; give a whole number of at least 1"
                )
        if padding is not None and not -count <= padding < count:
            raise ValueError(f"Embedding: padding is {padding}, but there are {count} rows")
        rng = as_generator(rng, "Embedding")
        if weight_init is None:
            values = init.normal((count, dim), std=1.0, rng=rng, dtype=dtype)
        else:
            values = weight_init((count, dim), rng=rng, dtype=dtype)
        self.padding = None if padding is None else padding % count
        if self.padding is not None:
            values[self.padding] = 0
        self.weight = Parameter(values)

    def forward(self, indices: Any) -> Any:
        if isinstance(indices, ad.Tensor):
            indices = indices.numpy()
        indices = np.asarray(indices)
        count = len(self.weight)
        try:
            vectors = F.embed(self.weight, indices)
        except (IndexError, TypeError) as error:
            raise type(error)(
                f"{self!r}: indices of shape {indices.shape} and dtype {indices.dtype} must be "
                f"whole numbers from 0 to {count - 1}: {error}"
            ) from error
        if self.padding is None:
            return vectors
        held = self.weight.detach()[self.padding]
        return np.where((indices % count != self.padding)[..., None], vectors, held)

    def extra_repr(self) -> str:
        parts = [f"{self.weight.shape[0]}, {self.weight.shape[1]}"]
        if self.padding is not None:
            parts.append(f"padding={self.padding}")
        return ", ".join(parts)
