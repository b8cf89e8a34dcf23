"""NumPy's namespace for code that makes arrays out of tensors.

`numpy` itself works on tensors, except for the few functions that convert their arguments without
asking: `array`, `asarray`, `full`, `arange` and their kin. Here they take tensors, also within
nested lists. What makes an array of real or complex numbers makes a `Tensor`, so that numbers
with a gradient can be assigned to its elements; whole numbers stay plain arrays. Everything else
is NumPy's own. Code written for ``autograd.numpy`` or ``jax.numpy`` runs after changing the import.

>>> import autodiff as ad
>>> import autodiff.numpy as np
>>> t = ad.tensor(2.0, requires_grad=True)
>>> matrix = np.array([[t, 1.0], [0.0, t * t]])
>>> np.trace(matrix).backward()
>>> float(t.grad)
5.0
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy

from autodiff.declare.primitive import plain
from autodiff.numpy.lists import holds_tensor, joined, names_of
from autodiff.tensors.operands import KNOWN, check_meaning
from autodiff.tensors.tensor import Tensor, as_tensor

# NumPy's functions that make arrays: here they make tensors, of real and complex numbers.
_MAKERS = (
    "zeros", "ones", "empty", "eye", "identity", "tri", "linspace", "logspace", "geomspace",
    "zeros_like", "ones_like", "empty_like", "copy",
)  # fmt: skip

_SUBMODULES = ("fft", "linalg", "random")
_OWN = {
    "r_": "joiners",
    "c_": "joiners",
    "vectorize": "vectorizing",
    "apply_along_axis": "vectorizing",
}
_numpy = names_of(numpy, globals())


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"autodiff.numpy.{name}")
    if name in _OWN:
        value = globals()[name] = getattr(import_module(f"autodiff.numpy.{_OWN[name]}"), name)
        return value
    value = _numpy(name)
    if name in _MAKERS:
        value = globals()[name] = _making(value)
    return value


def __dir__() -> list[str]:
    return dir(numpy)


def _making(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with tensors for results."""

    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return tuple(map(_tensor, result)) if isinstance(result, tuple) else _tensor(result)

    return make


def _tensor(value: Any) -> Any:
    """A Tensor of real or complex numbers; whole numbers and truth values as they are."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return as_tensor(value) if kind and kind in "fc" else value


def _made(value: Any) -> Any:
    """What an array is made of, with nested lists of tensors as one Tensor."""
    if value.__class__ not in KNOWN:
        check_meaning(value, "array")
    return joined(value)


# ---------------------------------------------------------------- arrays from anything


def array(
    object: Any, dtype: Any = None, *, copy: bool | None = True, ndmin: int = 0, **options: Any
) -> Any:
    """As `numpy.array`; tensors inside nested lists stay in the graph."""
    value = _made(object)
    if not isinstance(value, Tensor):
        return _tensor(numpy.array(value, dtype, copy=copy, ndmin=ndmin, **options))
    if dtype is not None:
        value = value.astype(dtype)
    elif copy and value is object:
        value = numpy.copy(value)
    return numpy.reshape(value, (1,) * (ndmin - value.ndim) + value.shape) if ndmin else value


def asarray(
    a: Any, dtype: Any = None, order: Any = None, *, copy: bool | None = None, **options: Any
) -> Any:
    """As `numpy.asarray`; a tensor is returned as it is."""
    return array(a, dtype, copy=copy, order=order, **options)


def asanyarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """As `numpy.asanyarray`; a tensor is returned as it is."""
    return asarray(a, dtype, order, **options)


def ascontiguousarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """As `numpy.ascontiguousarray`: with at least one dimension."""
    return array(a, dtype, copy=None, order="C", ndmin=1, **options)


def asfortranarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """As `numpy.asfortranarray`: with at least one dimension."""
    return array(a, dtype, copy=None, order="F", ndmin=1, **options)


def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """As `numpy.asarray_chkfinite`: NaN and infinity are errors."""
    value = asarray(a, dtype, order)
    if not numpy.all(numpy.isfinite(value)):
        raise ValueError("asarray_chkfinite: there are infinities or NaNs among the elements")
    return value


# ---------------------------------------------------------------- arrays of given numbers


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **options: Any) -> Any:
    """As `numpy.full`; the value may be a tensor."""
    value = _made(fill_value)
    if not isinstance(value, Tensor):
        return _tensor(numpy.full(shape, value, dtype, order, **options))
    value = value if dtype is None else value.astype(dtype)
    return numpy.copy(numpy.broadcast_to(value, shape))


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True,
    shape: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """As `numpy.full_like`; the value may be a tensor."""
    dtype = numpy.asarray(plain(a)).dtype if dtype is None else dtype
    return full(numpy.shape(a) if shape is None else shape, fill_value, dtype, **options)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, **options: Any) -> Any:
    """As `numpy.arange`; the numbers may be tensors."""
    if stop is None:
        start, stop = 0, start
    numbers: Any = (plain(start), plain(stop), plain(step), dtype)
    steps = numpy.arange(*numbers, **options)
    if not holds_tensor((start, stop, step)):
        return _tensor(steps)
    value = as_tensor(start) + step * numpy.arange(len(steps))
    return value if dtype is None else value.astype(dtype)
