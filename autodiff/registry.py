"""Which function of ours answers for which function of NumPy (or SciPy, or the user)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff.errors import UnsupportedError

__all__ = ["dispatch", "lookup"]

# NumPy's functions, ufuncs and ndarray methods -> what is called when a Tensor is among their
# arguments. Indexing goes under operator.getitem and operator.setitem.
dispatch: dict[Any, Callable[..., Any]] = {}


def lookup(function: Any) -> Callable[..., Any]:
    """What answers for `function`; `UnsupportedError` names it if nothing does."""
    try:
        return dispatch[function]
    except KeyError:
        raise UnsupportedError(
            f"{describe(function)} has no derivative rule; declare one with "
            "ad.primitive (the rules of NumPy's functions are in autodiff/rules/), "
            "or pass t.detach() if no gradient shall flow"
        ) from None


def describe(function: Any) -> str:
    """The name under which a user knows `function`."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    module = getattr(function, "__module__", None) or ""
    if name is None:
        return repr(function)
    return f"{module}.{name}" if module and not module.startswith("_") else name
