"""Modules around other functions."""

from collections.abc import Callable
from typing import Any

import numpy as np

import autodiff as ad
from nn.layers.containers import Sequential
from nn.module import Module

__all__ = ["Lambda", "Residual"]


class Lambda(Module):
    """A function as a module.

    >>> Lambda(np.square)
    Lambda(square)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(
                f"Lambda: {function!r} cannot be called; give a function, such as np.tanh"
            )
        self.function = function

    def forward(self, *args: Any) -> Any:
        return self.function(*args)

    def extra_repr(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)


class Residual(Module):
    """The input plus what the layers make of it: x + layers(x).

    layers: modules or functions, one after the other, that keep the shape. shortcut: what becomes
    of the input on the other way, for layers that change it; by default nothing.

    K. He et al., "Deep residual learning for image recognition", CVPR 2016.

    >>> Residual(np.square)(np.array([3.0]))
    array([12.])
    """

    def __init__(
        self, *layers: Callable[[Any], Any], shortcut: Callable[[Any], Any] | None = None
    ) -> None:
        self.body = Sequential(*layers)
        self.shortcut = shortcut

    def forward(self, x: Any) -> Any:
        kept = x if self.shortcut is None else self.shortcut(x)
        made = self.body(x)
        if np.shape(kept) != np.shape(made):
            raise ad.errors.ShapeError(
                f"Residual: the layers make {np.shape(made)} of an input that is {np.shape(kept)} "
                "on the shortcut; let both have the same shape, for example by shortcut=nn.Linear"
                "(...) or nn.Conv2d(..., kernel_size=1)"
            )
        return kept + made
