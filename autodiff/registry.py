"""Which function of ours answers for which function of NumPy (or SciPy, or the user)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from autodiff.errors import UnsupportedError

__all__ = ["dispatch", "late", "load_rules", "lookup"]

# A package -> the module of ours with rules for its functions that are not loaded yet. They are
# when a function is not found, provided that the user has imported the package: importing the
# engine is quick, and SciPy stays optional.
late: dict[str, str] = {
    "numpy": "autodiff.rules.everything",
    "scipy.special": "autodiff.rules.scipy",
}


class _Dispatch(dict[Any, Callable[..., Any]]):
    def __missing__(self, function: Any) -> Callable[..., Any]:
        if load_rules():
            return self[function]
        raise UnsupportedError(
            f"{describe(function)} has no derivative rule; declare one with "
            "ad.primitive (the rules of NumPy's functions are in autodiff/rules/), "
            "or pass t.detach() if no gradient shall flow"
        )


# NumPy's functions, ufuncs and ndarray methods -> what is called when a Tensor is among their
# arguments. Indexing goes under operator.getitem and operator.setitem. A function without an
# answer raises `UnsupportedError`, which names it.
dispatch = _Dispatch()
lookup = dispatch.__getitem__


def load_rules() -> bool:
    """Load all rules of the packages that are in use; whether there were any left to load."""
    ready = [package for package in late if package in sys.modules]
    for package in ready:
        import_module(late[package])  # waits if another thread is at it
        late.pop(package, None)
    return bool(ready)


def describe(function: Any) -> str:
    """The name under which a user knows `function`."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    module = getattr(function, "__module__", None) or ""
    if name is None:
        return repr(function)
    return f"{module}.{name}" if module and not module.startswith("_") else name
