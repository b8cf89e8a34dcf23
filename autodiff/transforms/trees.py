"""Nested containers of values: tuples, lists, dicts, and objects that know their parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autodiff.errors import DtypeError, ShapeError
from autodiff.tensors.tensor import Tensor

__all__ = ["Tree", "flatten"]

Rebuild = Callable[[Iterator[Any]], Any]


class Tree:
    """A container taken apart: its leaves in order, and how to put others in their place.

    Tuples (named ones too), lists, dicts and instances of their subclasses (which keep what else
    they hold, as a `defaultdict` its factory) are containers, and so is any object with a
    method ``tree_flatten() -> (parts, rebuild)``, where ``rebuild(parts)`` makes a similar object
    of other parts. ``None`` has no leaves. Everything else is a leaf.

    With `values`, a leaf tensor that such an object holds, as a module holds its parameters, is
    taken by its value: it is there to be differentiated with respect to, not to lead on into a
    graph of its own.
    """

    def __init__(self, value: Any, *, values: bool = False) -> None:
        self.leaves: list[Any] = []
        self.paths: list[str] = []
        self._values = values
        self._rebuild = self._take(value, "", False)

    def rebuild(self, leaves: Any) -> Any:
        """The same container around other leaves."""
        return self._rebuild(iter(leaves))

    def _take(self, value: Any, path: str, held: bool) -> Rebuild:
        if value is None:
            return lambda leaves: None
        if isinstance(value, dict):
            parts = {key: self._take(value[key], f"{path}[{key!r}]", held) for key in value}
            return lambda leaves: _like(value, {k: make(leaves) for k, make in parts.items()})
        if isinstance(value, list | tuple):
            items = [self._take(item, f"{path}[{i}]", held) for i, item in enumerate(value)]
            return lambda leaves: _like_list(value, [rebuild(leaves) for rebuild in items])
        if hasattr(type(value), "tree_flatten"):
            children, make = value.tree_flatten()
            inner = self._take(children, path, True)
            return lambda leaves: make(inner(leaves))
        if held and self._values and isinstance(value, Tensor) and value.is_leaf:
            value = value.data
        self.leaves.append(value)
        self.paths.append(path)
        return lambda leaves: next(leaves)


def _like(mapping: dict[Any, Any], items: dict[Any, Any]) -> dict[Any, Any]:
    """A dict of the class of `mapping` with other items; a `defaultdict` keeps its factory."""
    if type(mapping) is dict:
        return items
    made = copy.copy(mapping)
    made.clear()
    made.update(items)
    return made


def _like_list(model: Any, parts: list[Any]) -> Any:
    """`parts`, as a list or tuple of the class of `model`."""
    if type(model) is list:
        return parts
    if isinstance(model, list):
        result = copy.copy(model)
        result[:] = parts
        return result
    result = tuple.__new__(type(model), parts)
    if hasattr(model, "__dict__"):
        vars(result).update(vars(model))
    return result


def flatten(value: Any, *, values: bool = False) -> Tree:
    """Take a container apart; see `Tree`.

    >>> tree = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> tree.leaves
    [1.0, 2.0, 3.0]
    >>> tree.rebuild([10, 20, 30])
    {'w': [10, 20], 'b': 30}
    """
    return Tree(value, values=values)


def check_inexact(function: str, value: Any, path: str) -> None:
    """Raise `DtypeError` unless `value` is a number or array that can have a gradient."""
    kind = (value.dtype if isinstance(value, Tensor) else np.asarray(value).dtype).kind
    if kind not in "fc":
        instead = "convert it (1.0 instead of 1)"
        if kind == "O" or isinstance(value, Mapping):
            instead = "pass what it holds as a tuple, list or dict"
        shown = f"argument{path}" if path else "the argument"
        raise DtypeError(
            f"{function}: {shown} is {_describe(value)}, and gradients need a float or complex "
            f"dtype; {instead}, or leave it out of argnums"
        )


def _describe(value: Any) -> str:
    if isinstance(value, int | str | bool):
        return f"the {type(value).__name__} {value!r}"
    dtype = value.dtype if hasattr(value, "dtype") else type(value).__name__
    return f"of dtype {dtype}" if hasattr(value, "dtype") else f"a {dtype}"


def check_like(function: str, what: str, value: Any, model: Any) -> None:
    """Raise `ShapeError` unless two leaves have the same shape."""
    if np.shape(value) != np.shape(model):
        raise ShapeError(
            f"{function}: {what} has shape {np.shape(value)}, but shape {np.shape(model)} is needed"
        )
