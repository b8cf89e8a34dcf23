"""How NumPy and Python ask for a Tensor: as an argument of a function, an array, a number."""

from __future__ import annotations

import inspect
import math
import operator
import sys
from collections.abc import Iterator
from functools import cache
from types import FrameType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from autodiff.engine.changes import hand_out
from autodiff.engine.graph import Node
from autodiff.engine.modes import grad_enabled
from autodiff.engine.registry import dispatch
from autodiff.errors import DtypeError, GradientError
from autodiff.tensors.conversions import (
    array_refused,
    check_read,
    number_refused,
    only_asks,
    warn_detached,
)
from autodiff.tensors.elements import refuse_as_element
from autodiff.tensors.methods import call

__all__ = ["Protocols"]


class Protocols:
    """NumPy's protocols, and conversions that Python asks for."""

    __slots__ = ()

    __pandas_priority__ = 10_000  # pandas lets our operators answer, for the Series too

    _value: Any  # an ndarray, or a NumPy scalar
    _node: Node | None

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, x: Any, *others: Any, **kwargs: Any
    ) -> Any:
        if kwargs or method != "__call__":
            return dispatch[np.ufunc](ufunc, method, (x, *others), kwargs)
        if others:
            return dispatch[ufunc](x, *others)
        return dispatch[ufunc](x)  # the common case by itself, since a starred call takes longer

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if not args and (first := _first_parameter(function)) in kwargs:
            args = (kwargs.pop(first),)  # np.sum(a=t): a rule need not call it as NumPy does
        if "out" in kwargs:
            return call(function, *args, **kwargs)
        return dispatch[function](*args, **kwargs)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self._node is not None and grad_enabled() and not only_asks(sys._getframe(1)):
            shape, frame = self._value.shape, sys._getframe(1)
            if shape or not check_read(self._node, frame):  # np.float64(t) reads, as float(t) does
                raise GradientError(array_refused(shape, frame))
        array = np.asarray(self._value, dtype=dtype)
        if array is not self._value:
            return array
        if copy:
            return array.copy()
        hand_out(array)
        return array

    def __len__(self) -> int:
        if not self._value.shape:
            raise TypeError("len() of a tensor without dimensions")
        return self._value.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self._value.shape:
            raise TypeError("iteration over a tensor without dimensions")
        return dispatch[iter](self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __float__(self) -> float:
        if self._node is not None and not check_read(self._node, sys._getframe(1)):
            self._refuse(sys._getframe(1))
        return float(self._value)

    def __int__(self) -> int:
        if self._node is not None:
            warn_detached(self._node, sys._getframe(1), "int")
        return int(self._value)

    # These are constant between whole numbers, so they lose no gradient.

    def __floor__(self) -> int:
        return math.floor(self._value)

    def __ceil__(self) -> int:
        return math.ceil(self._value)

    def __trunc__(self) -> int:
        return math.trunc(self._value)

    def __complex__(self) -> complex:
        if self._node is not None and not check_read(self._node, sys._getframe(1)):
            self._refuse(sys._getframe(1))
        return complex(self._value)

    def _refuse(self, frame: FrameType) -> NoReturn:
        refuse_as_element(self)
        raise GradientError(number_refused(frame))

    def __index__(self) -> int:
        if self._value.shape or self._value.dtype.kind not in "iu":
            instead = "t[0] for one element" if self._value.shape else "int(t) or float(t)"
            raise DtypeError(
                "a whole number is needed (an index, an axis, a count), not a tensor of shape "
                f"{self._value.shape} and dtype {self._value.dtype}; write {instead}"
            )
        return operator.index(self._value)


@cache
def _first_parameter(function: Any) -> str | None:
    try:
        return next(iter(inspect.signature(function).parameters))
    except ValueError:  # a function in C without a signature
        return None
