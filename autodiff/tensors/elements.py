"""Tensors that NumPy does not take for sequences, so that it passes their error on.

``array[i] = t`` asks ``float(t)`` and nothing else: no buffer, no interface, no ``__array__``. If
that raises and `t` is a sequence, NumPy raises "setting an array element with a sequence" instead,
whatever the error was, and ours is its cause only. It looks after it has asked, in C, whether the
class has a `sq_item`; Python gives one to every class with a ``__getitem__`` (only subclasses of
dict are exempt). So a tensor that refuses becomes an instance of a subclass that is the same in all
but this slot, which is as empty as a dict's.

Two errors of others cannot be mended here. ``array.flat[i] = t`` replaces every error by "Error
setting single item of array" and keeps no cause. C code that goes on although an error is set, as
``scipy.integrate.ode`` does, ends in whatever the next call makes of it: mostly a SystemError that
has ours as its cause. (Solvers of scipy.optimize are stopped before, see `conversions.py`.)
"""

from __future__ import annotations

import sys
from functools import cache
from types import new_class
from typing import Any

__all__ = ["refuse_as_element"]

_SQ_ITEM = 44  # Py_sq_item, a number of the stable interface


def refuse_as_element(tensor: Any) -> None:
    """Let the error that `tensor` is about to raise, instead of giving a number, pass NumPy."""
    if tensor.size == 1:  # several elements are a sequence, and NumPy's error is right
        tensor.__class__ = _no_sequence(type(tensor))


@cache
def _no_sequence(kind: type) -> type:
    """A subclass of `kind` that only differs from it in being no sequence."""
    if sys.implementation.name != "cpython":
        return kind
    try:
        import ctypes
    except ImportError:  # Python may be built without it
        return kind
    slot = ctypes.pythonapi.PyType_GetSlot
    slot.restype, slot.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_int)
    listed = slot(kind, _SQ_ITEM)
    if not listed:
        return kind
    try:
        names: Any = {"__slots__": (), "__module__": kind.__module__}
        result: Any = new_class(kind.__name__, (kind,), None, lambda body: body.update(names))
    except TypeError:  # an `__init_subclass__` of the user's may want arguments
        return kind
    result.__qualname__ = kind.__qualname__

    def reduce(self: Any) -> Any:
        """Copies and pickles are of the class that the tensor had."""
        asked: Any = kind.__reduce__
        rebuild, (found, *content), own = asked(self)
        return rebuild, (kind if found is result else found, *content), own

    result.__reduce__ = reduce
    # Where the slot lies in a class is seen by what is in it.
    words = vars(type)["__basicsize__"].__get__(type) // ctypes.sizeof(ctypes.c_void_p)
    content = (ctypes.c_void_p * words).from_address(id(result))
    found = [number for number, word in enumerate(content) if word == listed]
    if len(found) == 1:
        content[found[0]] = None
    return result
