"""Views that are not the direct result of a primitive that gives views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.rules.indexing import assign
from autodiff.tensors.tensor import Tensor, make_view

__all__ = ["Selection", "as_view"]


def as_view(result: Any, x: Tensor, taken: Any, *args: Any) -> Any:
    """`result`, which is ``taken(x, *args)`` computed in some way, as a view of `x`.

    taken: a primitive that gives views, or a `Selection`.
    """
    if not isinstance(result, Tensor) or not isinstance(result._value, np.ndarray):
        return result
    return make_view(result._value, result._node, x, taken, *args)


class Selection:
    """A function that only picks elements of its first argument, and gives a view of it in NumPy.

    name: of NumPy's function, for messages.
    take: the function; it works on plain arrays as well.
    """

    def __init__(self, name: str, take: Callable[..., Any]) -> None:
        self.name = name
        self.take = take

    def __call__(self, x: Any, *args: Any) -> Any:
        return self.take(x, *args)

    def put_back(self, x: Any, value: Any, *args: Any) -> Any:
        """`x` with `value` in the place of the view that a call with `args` gives."""
        places = self.take(np.arange(x.size).reshape(x.shape), *args)
        return np.reshape(assign(np.ravel(x), places, value), x.shape)
