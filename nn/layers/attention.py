"""Attention, and the transformer block that is made of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from nn import functional as F
from nn import init
from nn.layers.activations import activation as make_activation
from nn.layers.containers import Sequential
from nn.layers.dropout import Dropout
from nn.layers.linear import Linear
from nn.layers.normalization import LayerNorm
from nn.module import Module
from nn.random import as_generator

__all__ = ["MultiHeadAttention", "TransformerBlock"]


class MultiHeadAttention(Module):
    """Several attentions side by side, each on its own share of the features.

    dim: the features of queries, keys, values and results; heads divides it.
    dropout: the probability with which an attention weight is dropped, in training.

    Call it with x (n, length, dim) for self-attention, or with queries (n, queries, dim) and keys
    (n, keys, dim), and values if they differ from the keys. mask, causal: see `F.attention`; a mask
    is broadcast to (n, heads, queries, keys), and one of shape (n, queries, keys) holds for all
    heads. Returns (n, queries, dim).

    project_in: a `Linear` to (query, key, value), each of `dim` features, side by side.
    project_out: a `Linear` from the joined heads. These are PyTorch's in_proj and out_proj,
    transposed; by default initialised as there (Xavier and zero bias).

    >>> MultiHeadAttention(8, 2)(np.zeros((3, 5, 8), np.float32)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        if heads < 1 or dim % heads:
            raise ValueError(
                f"MultiHeadAttention: {dim} features do not fall into {heads} heads of equal size"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"MultiHeadAttention: dropout is {dropout}; give less than 1")
        as_generator(rng, "MultiHeadAttention")
        self.dim = dim
        self.heads = heads
        self.dropout = dropout
        self.rng = rng
        self.project_in = Linear(
            dim,
            3 * dim,
            bias=bias,
            weight_init=init.xavier_uniform,
            bias_init=init.zeros,
            dtype=dtype,
            rng=rng,
        )
        self.project_out = Linear(dim, dim, bias=bias, bias_init=init.zeros, dtype=dtype, rng=rng)

    def forward(
        self, query: Any, key: Any = None, value: Any = None, *, mask: Any = None,
        causal: bool = False,
    ) -> Any:  # fmt: skip
        for x in (query, key, value):
            if x is not None and (np.ndim(x) != 3 or np.shape(x)[2] != self.dim):
                raise ad.errors.ShapeError(
                    f"MultiHeadAttention({self.extra_repr()}): the input has shape {np.shape(x)}, "
                    f"but (n, length, {self.dim}) is needed"
                )
        if mask is not None and np.ndim(mask) == 3:
            mask = mask[:, None]
        q, k, v = self._projected(query, key, value)
        made = F.attention(
            q,
            k,
            v,
            mask=mask,
            causal=causal,
            dropout_p=self.dropout if self.training else 0.0,
            rng=self.rng,
        )
        return self.project_out(np.reshape(np.swapaxes(made, 1, 2), np.shape(query)))

    def _projected(self, query: Any, key: Any, value: Any) -> list[Any]:
        """Queries, keys and values, each (n, heads, length, dim / heads)."""
        if key is None:
            parts = np.split(self.project_in(query), 3, axis=-1)
        else:
            weights = np.split(self.project_in.weight, 3, axis=1)
            bias = self.project_in.bias
            inputs = (query, key, key if value is None else value)
            if bias is None:
                parts = [x @ w for x, w in zip(inputs, weights, strict=True)]
            else:
                biases = np.split(bias, 3)
                parts = [F.affine(*p) for p in zip(inputs, weights, biases, strict=True)]
        return [np.swapaxes(np.reshape(p, (*np.shape(p)[:2], self.heads, -1)), 1, 2) for p in parts]

    def extra_repr(self) -> str:
        dropout = f", dropout={self.dropout}" if self.dropout else ""
        return f"{self.dim}, heads={self.heads}{dropout}"


class TransformerBlock(Module):
    """Self-attention and a network of two layers, each with a residual and a normalisation.

    x (n, length, dim) -> the same. hidden: the units between the two layers, by default 4 dim.
    norm_first: normalise before attention and network, which trains more easily; otherwise after
        each sum, as in the first transformers.
    causal: each place sees itself and what comes before it alone.
    activation: a name, a class or a function. dropout: on attention weights, hidden units and both
        residuals, in training.

    >>> TransformerBlock(8, 2)(np.zeros((3, 5, 8), np.float32)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        hidden: int | None = None,
        *,
        activation: str | Callable[[Any], Any] = "gelu",
        dropout: float = 0.0,
        norm_first: bool = True,
        causal: bool = False,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        hidden = 4 * dim if hidden is None else hidden
        self.norm_first = norm_first
        self.causal = causal
        self.attention = MultiHeadAttention(dim, heads, dropout=dropout, dtype=dtype, rng=rng)
        self.network = Sequential(
            Linear(dim, hidden, dtype=dtype, rng=rng),
            make_activation(activation),
            *([Dropout(dropout, rng=rng)] if dropout else []),
            Linear(hidden, dim, dtype=dtype, rng=rng),
        )
        self.norm1 = LayerNorm(dim, dtype=dtype)
        self.norm2 = LayerNorm(dim, dtype=dtype)
        self.drop = Dropout(dropout, rng=rng)

    def forward(self, x: Any, *, mask: Any = None) -> Any:
        if self.norm_first:
            x = x + self._attend(self.norm1(x), mask)
            return x + self.drop(self.network(self.norm2(x)))
        x = self.norm1(x + self._attend(x, mask))
        return self.norm2(x + self.drop(self.network(x)))

    def _attend(self, x: Any, mask: Any) -> Any:
        return self.drop(self.attention(x, mask=mask, causal=self.causal))
