"""What of an ndarray concerns bits and memory: operators on whole numbers, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from autodiff.engine.registry import dispatch

__all__ = ["BitOperators", "MemoryMembers", "fixed"]

P = TypeVar("P", bound=property)


def fixed(instead: str) -> Callable[[P], P]:
    """A decorator of a property: without a setter it cannot be assigned, and never be deleted.

    The error says what to write instead.
    """

    def refusing(given: P) -> P:
        name = getattr(given.fget, "__name__", "?")

        def refuse(self: Any, *value: Any) -> None:
            done = "assigned" if value else "deleted"
            raise AttributeError(f"t.{name} cannot be {done}; {instead}")

        complete: Any = property(given.fget, given.fset or refuse, given.fdel or refuse)
        complete.__doc__ = given.__doc__
        return complete

    return refusing


class BitOperators:
    """``&``, ``|``, ``^``, ``~``, ``<<``, ``>>`` on truth values and whole numbers.

    Like comparisons they return plain arrays, for masks and branches.
    """

    __slots__ = ()

    def __and__(self, other: Any) -> Any:
        return dispatch[np.bitwise_and](self, other)

    def __or__(self, other: Any) -> Any:
        return dispatch[np.bitwise_or](self, other)

    def __xor__(self, other: Any) -> Any:
        return dispatch[np.bitwise_xor](self, other)

    def __lshift__(self, other: Any) -> Any:
        return dispatch[np.left_shift](self, other)

    def __rlshift__(self, other: Any) -> Any:
        return dispatch[np.left_shift](other, self)

    def __rshift__(self, other: Any) -> Any:
        return dispatch[np.right_shift](self, other)

    def __rrshift__(self, other: Any) -> Any:
        return dispatch[np.right_shift](other, self)

    def __invert__(self) -> Any:
        return dispatch[np.invert](self)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __iand__(self, other: Any) -> Any:
        return self._rebind(dispatch[np.bitwise_and](self, other))

    def __ior__(self, other: Any) -> Any:
        return self._rebind(dispatch[np.bitwise_or](self, other))

    def __ixor__(self, other: Any) -> Any:
        return self._rebind(dispatch[np.bitwise_xor](self, other))

    def __ilshift__(self, other: Any) -> Any:
        return self._rebind(dispatch[np.left_shift](self, other))

    def __irshift__(self, other: Any) -> Any:
        return self._rebind(dispatch[np.right_shift](self, other))

    def _rebind(self, value: Any) -> Any:
        raise NotImplementedError


class _Refused:
    """An attribute of ndarray that a tensor cannot have; the error says what to write instead."""

    def __init__(self, instead: str) -> None:
        self.instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        raise AttributeError(f"a tensor has no attribute {self.name!r}; {self.instead}")

    def __set__(self, instance: Any, value: Any) -> None:
        self.__get__(instance, type(instance))

    def __delete__(self, instance: Any) -> None:
        self.__get__(instance, type(instance))


_MEMORY = "it concerns memory, and t.numpy(), the value without gradients, has it"


class MemoryMembers:
    """Attributes of ndarray that concern its memory: a tensor has a value, not a memory."""

    __slots__ = ()

    byteswap = _Refused(_MEMORY)
    ctypes = _Refused(_MEMORY)
    dump = _Refused("write t.numpy().dump(file), or pickle.dump(t, file) for a leaf")
    dumps = _Refused("write t.numpy().dumps(), or pickle.dumps(t) for a leaf")
    flags = _Refused(_MEMORY)
    flat = _Refused("write np.ravel(t) for the elements, or np.put(t, index, value) to set some")
    getfield = _Refused(_MEMORY)
    resize = _Refused("write t = np.resize(t, shape) or t = np.pad(t, width)")
    setfield = _Refused(_MEMORY)
    setflags = _Refused(_MEMORY)
    strides = _Refused(_MEMORY)
    tobytes = _Refused(_MEMORY)
    tofile = _Refused("write t.numpy().tofile(file)")

    @fixed("there is only 'cpu'")
    @property
    def device(self) -> str:
        """Where the value is: always ``"cpu"``."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: Any = None) -> Any:
        """The tensor itself; there is one device."""
        if device != "cpu":
            raise ValueError(f"to_device: {device!r} does not exist, there is only 'cpu'")
        return self

    def __delitem__(self, index: Any) -> None:
        raise ValueError("del t[i]: elements cannot be removed in place; write np.delete(t, i)")
