"""Lists of tensors as arguments: NumPy's functions get them as one tensor.

NumPy makes an array of a list without asking the tensors in it. Here they are stacked first. What
takes a sequence of arrays, as `concatenate` does, keeps its list; the items are made tensors.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy

from autodiff.tensors.operands import KNOWN, check_meaning
from autodiff.tensors.tensor import Tensor

__all__ = ["holds_tensor", "joined", "joining", "names_of"]

# The parameters that take sequences of arrays, by their place; None is any other parameter.
_SEQUENCES: dict[str, tuple[str | None, ...]] = {
    **dict.fromkeys(("concatenate", "concat", "stack", "multi_dot"), ("arrays",)),
    **dict.fromkeys(("vstack", "hstack", "dstack", "column_stack", "row_stack"), ("tup",)),
    "lexsort": ("keys",),
    "select": ("condlist", "choicelist"),
    "piecewise": (None, "condlist", "funclist"),
    "choose": (None, "choices"),
    "ravel_multi_index": ("multi_index",),
    "histogramdd": ("sample", "bins"),
}
_AS_THEY_ARE = {"block", "shape", "size", "ndim", "broadcast_shapes", "save", "savez"}
_DISPATCHED = type(numpy.mean)
_LISTS = (list, tuple)


def joined(value: Any) -> Any:
    """Nested lists with tensors inside as one Tensor; anything else as it is."""
    if isinstance(value, _LISTS) and holds_tensor(value):
        return numpy.stack([_item(item) for item in value])
    return value


def _item(value: Any) -> Any:
    if value.__class__ not in KNOWN:
        check_meaning(value, "array")
    return joined(value)


def holds_tensor(value: Any) -> bool:
    """Whether there is a tensor of real or complex numbers, also within nested lists."""
    if isinstance(value, _LISTS):
        return any(map(holds_tensor, value))
    return isinstance(value, Tensor) and value.dtype.kind in "fc"


def _items_joined(value: Any) -> Any:
    return type(value)(map(joined, value)) if type(value) in _LISTS else value


def joining(function: Callable[..., Any], name: str, module: str) -> Callable[..., Any]:
    """The same function, for lists of tensors too; `module` has it under this name."""
    sequences = _SEQUENCES.get(name, ())

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for value in args:
            if isinstance(value, _LISTS):
                break
        else:
            if not kwargs:
                return function(*args)
        places = enumerate(args)
        args = tuple(_taken(v, i < len(sequences) and sequences[i] is not None) for i, v in places)
        kwargs = {k: v if k == "out" else _taken(v, k in sequences) for k, v in kwargs.items()}
        return function(*args, **kwargs)

    call.__module__, call.__qualname__ = module, name  # so that it is pickled by this name
    call.__doc__ = _summary(function)
    return call


def _summary(function: Callable[..., Any]) -> str:
    """What `function` does, in a line; NumPy's own text has examples that print plain arrays."""
    lines = (inspect.getdoc(function) or "").splitlines()
    first = next((line for line in lines if line and "(" not in line), "")
    return f"As `numpy`'s function of this name, for lists of tensors too. {first}".rstrip()


def _taken(value: Any, sequence: bool) -> Any:
    return _items_joined(value) if sequence else joined(value)


def _wrapped(value: Any, name: str, module: str) -> Any:
    """A function of NumPy for lists of tensors, with the methods that a ufunc has."""
    if name in _AS_THEY_ARE or not isinstance(value, numpy.ufunc | _DISPATCHED):
        return value
    call = joining(value, name, module)
    if isinstance(value, numpy.ufunc):
        for method in filter(str.isidentifier, dir(value)):
            if method[0] != "_":
                part = getattr(value, method)
                part = joining(part, f"{name}.{method}", module) if callable(part) else part
                setattr(call, method, part)
    return call


def names_of(original: ModuleType, namespace: dict[str, Any]) -> Callable[[str], Any]:
    """A module's ``__getattr__``: the names of `original`, kept in `namespace` once asked for."""

    def get(name: str) -> Any:
        value = _wrapped(getattr(original, name), name, namespace["__name__"])
        namespace[name] = value
        return value

    return get
