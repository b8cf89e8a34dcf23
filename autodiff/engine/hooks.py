"""What users do with the gradient of a tensor when a walk reaches it: keep it, or change it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.engine.backward import conjugate, watch
from autodiff.engine.graph import Node
from autodiff.engine.locks import shared
from autodiff.errors import DtypeError, ShapeError

__all__ = ["hook", "kept", "retain", "retained"]

# The gradients of intermediate results, and which of these are wanted from backward passes.
kept: weakref.WeakKeyDictionary[Node, Any] = weakref.WeakKeyDictionary()
retained: weakref.WeakSet[Node] = weakref.WeakSet()


def retain(node: Node) -> None:
    """Keep the gradient of `node` from now on; its gradients of several walks add up."""
    if node in retained:
        return
    retained.add(node)
    reference = weakref.ref(node)

    def keep(g: Any) -> None:
        target = reference()
        if target is not None:
            g = conjugate(g)
            with shared:
                old = kept.get(target)
                if old is not None:
                    g = old + g
                elif isinstance(g, np.ndarray):
                    g = g.copy()  # the walk goes on with the other one
                kept[target] = g

    watch(node, keep)


def hook(
    node: Node, function: Callable[[Any], Any], together: Callable[[Any, bool], Any], named: str
) -> Callable[[], None]:
    """Let `function` replace the gradient of `node`, a tensor that messages call `named`.

    What it returns is made a value, or a Tensor if the walk is recorded, by `together`. Returns a
    function that takes the hook away.
    """
    if not callable(function):
        raise TypeError(
            f"register_hook: {function!r} is no function; give one that takes the gradient and "
            "returns another, or None"
        )

    def replace(g: Any) -> Any:
        given = function(conjugate(g))
        if given is None:
            return None
        is_recorded = hasattr(g, "_value")
        try:
            given = together(given, is_recorded)
        except DtypeError as error:
            raise DtypeError(
                f"register_hook: the hook {_name(function)} of {named} returned no numbers: {error}"
            ) from error
        if given.shape != g.shape:
            raise ShapeError(
                f"register_hook: the hook {_name(function)} of {named} returned a gradient of "
                f"shape {given.shape}, but the tensor has shape {g.shape}"
            )
        if given.dtype.kind not in ("biufc" if g.dtype.kind == "c" else "biuf"):
            raise DtypeError(
                f"register_hook: the hook {_name(function)} of {named} returned a gradient of "
                f"dtype {given.dtype}, but the tensor has dtype {g.dtype}"
            )
        return conjugate(given if is_recorded else getattr(given, "_value", given))

    return watch(node, replace)


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
