"""Dropout."""

from typing import Any

import numpy as np

from nn import functional as F
from nn.module import Module
from nn.random import as_generator

__all__ = ["Dropout"]


class Dropout(Module):
    """Elements set to 0 at random in training; nothing happens in evaluation.

    p: the probability of a zero; the other elements are divided by 1 - p. From 0 to below 1.
    rng: draws the zeros; by default nn's own generator (see `nn.seed`).

    >>> layer = Dropout(0.5, rng=np.random.default_rng(0))
    >>> layer(np.ones(4))
    array([2., 2., 2., 0.])
    >>> layer.eval()(np.ones(4))
    array([1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is {p}; give the probability of a zero, 0 to below 1")
        as_generator(rng, "Dropout")
        self.p = p
        self.rng = rng  # None stays None, so that a copy draws from nn's own generator too

    def forward(self, x: Any) -> Any:
        return F.dropout(x, self.p, rng=self.rng) if self.training else x

    def extra_repr(self) -> str:
        return f"p={self.p}"
