"""Layers that change the shape, or nothing."""

from typing import Any

from nn import functional as F
from nn.module import Module

__all__ = ["Flatten", "Identity"]


class Flatten(Module):
    """All axes from `start_axis` on joined to one: (n, 28, 28) becomes (n, 784)."""

    def __init__(self, start_axis: int = 1) -> None:
        self.start_axis = start_axis

    def forward(self, x: Any) -> Any:
        return F.flatten(x, self.start_axis)

    def extra_repr(self) -> str:
        return "" if self.start_axis == 1 else f"start_axis={self.start_axis}"


class Identity(Module):
    """The input itself; stands where another layer could."""

    def forward(self, x: Any) -> Any:
        return x
