"""The operators and methods that a Tensor shares with an ndarray.

Each one calls what answers for the NumPy function of the same name. The operators are written
here to be read and type-checked; when a primitive is first used, its operator is replaced by
the function generated for it, which does the same without the detour.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from autodiff.engine.registry import dispatch
from autodiff.errors import DtypeError
from autodiff.tensors.members import BitOperators, MemoryMembers, fixed
from autodiff.tensors.writing import store

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ArrayMethods", "call"]

Axis = int | tuple[int, ...] | None
Dtype = DTypeLike | None
R = TypeVar("R")  # the class that the methods give


def call(function: Any, *args: Any, out: Any = None, **kwargs: Any) -> Any:
    """What answers for `function`, called; the result is put where `out` says."""
    result = dispatch[function](*args, **kwargs)
    if out is None:
        return result
    return store(out, result, function.__name__)


class ArrayMethods(BitOperators, MemoryMembers, Generic[R]):
    """Operators and ndarray methods, on anything that the registry's functions accept."""

    __slots__ = ()

    # -- arithmetic: each returns a new Tensor

    def __add__(self, other: Any) -> R:
        return call(np.add, self, other)

    def __radd__(self, other: Any) -> R:
        return call(np.add, other, self)

    def __sub__(self, other: Any) -> R:
        return call(np.subtract, self, other)

    def __rsub__(self, other: Any) -> R:
        return call(np.subtract, other, self)

    def __mul__(self, other: Any) -> R:
        return call(np.multiply, self, other)

    def __rmul__(self, other: Any) -> R:
        return call(np.multiply, other, self)

    def __truediv__(self, other: Any) -> R:
        return call(np.divide, self, other)

    def __rtruediv__(self, other: Any) -> R:
        return call(np.divide, other, self)

    def __matmul__(self, other: Any) -> R:
        return call(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> R:
        return call(np.matmul, other, self)

    def __pow__(self, other: Any) -> R:
        return call(np.power, self, other)

    def __rpow__(self, other: Any) -> R:
        return call(np.power, other, self)

    def __mod__(self, other: Any) -> R:
        return call(np.remainder, self, other)

    def __rmod__(self, other: Any) -> R:
        return call(np.remainder, other, self)

    def __floordiv__(self, other: Any) -> R:
        return call(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> R:
        return call(np.floor_divide, other, self)

    def __divmod__(self, other: Any) -> tuple[R, R]:
        return call(np.divmod, self, other)

    def __rdivmod__(self, other: Any) -> tuple[R, R]:
        return call(np.divmod, other, self)

    def __neg__(self) -> R:
        return call(np.negative, self)

    def __pos__(self) -> R:
        return call(np.positive, self)

    def __abs__(self) -> R:
        return call(np.absolute, self)

    # -- comparisons and bits: plain arrays, for masks and branches

    def __eq__(self, other: object) -> Any:
        if isinstance(other, str):  # as with an array, no element is a text
            return np.zeros(call(np.shape, self), bool)[()]
        return call(np.equal, self, other)

    def __ne__(self, other: object) -> Any:
        if isinstance(other, str):
            return np.ones(call(np.shape, self), bool)[()]
        return call(np.not_equal, self, other)

    def __lt__(self, other: Any) -> Any:
        return call(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return call(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return call(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return call(np.greater_equal, self, other)

    __hash__ = object.__hash__

    # -- indexing

    def __getitem__(self, index: Any) -> R:
        return dispatch[operator.getitem](self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        call(operator.setitem, self, index, value)

    def view(self, dtype: Dtype = None) -> R:
        """A view of all elements; a write to it is a write to this tensor.

        Raises DtypeError for another dtype, as bytes have no derivative.
        """
        have = call(np.result_type, self)
        if dtype is not None and np.dtype(dtype) != have:
            raise DtypeError(
                f"view: the bytes of {have} numbers cannot be seen as {np.dtype(dtype)} in the "
                "graph; t.astype(dtype) converts, t.numpy().view(dtype) leaves the graph"
            )
        return dispatch[operator.getitem](self, Ellipsis)

    # -- in place: the tensor gets a new value, with the graph that belongs to it

    def __iadd__(self, other: Any) -> Self:
        return self._rebind(call(np.add, self, other))

    def __isub__(self, other: Any) -> Self:
        return self._rebind(call(np.subtract, self, other))

    def __imul__(self, other: Any) -> Self:
        return self._rebind(call(np.multiply, self, other))

    def __itruediv__(self, other: Any) -> Self:
        return self._rebind(call(np.divide, self, other))

    def __imatmul__(self, other: Any) -> Self:
        return self._rebind(call(np.matmul, self, other))

    def __ipow__(self, other: Any) -> Self:
        return self._rebind(call(np.power, self, other))

    def __imod__(self, other: Any) -> Self:
        return self._rebind(call(np.remainder, self, other))

    def __ifloordiv__(self, other: Any) -> Self:
        return self._rebind(call(np.floor_divide, self, other))

    def _rebind(self, value: Any) -> Self:
        raise NotImplementedError

    # -- shape

    @fixed("write t.T[...] = values to change the elements, or t = t.T")
    @property
    def T(self) -> R:
        """The transpose."""
        return dispatch[np.transpose](self)

    @fixed("write t.mT[...] = values to change the elements, or t = t.mT")
    @property
    def mT(self) -> R:
        """The last two axes exchanged."""
        return dispatch[np.matrix_transpose](self)

    def reshape(self, *shape: Any, order: Any = "C", copy: bool | None = None) -> R:
        """The same elements in another shape, given as a tuple or as several numbers."""
        size = shape[0] if len(shape) == 1 else shape
        return dispatch[np.reshape](self, size, order, copy=copy)

    def ravel(self, order: Any = "C") -> R:
        """The elements in one dimension."""
        return dispatch[np.ravel](self, order)

    def flatten(self, order: Any = "C") -> R:
        """The elements in one dimension, as a copy."""
        return call(np.ravel, call(np.copy, self, order), order)

    def transpose(self, *axes: Any) -> R:
        """The axes in another order; all reversed by default."""
        order = (None if not axes else axes[0]) if len(axes) <= 1 else axes
        return dispatch[np.transpose](self, order)

    def swapaxes(self, axis1: int, axis2: int) -> R:
        """Two axes exchanged."""
        return dispatch[np.swapaxes](self, axis1, axis2)

    def squeeze(self, axis: Axis = None) -> R:
        """Axes of length 1 removed."""
        return dispatch[np.squeeze](self, axis)

    def repeat(self, repeats: Any, axis: int | None = None) -> R:
        """Each element repeated."""
        return call(np.repeat, self, repeats, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> R:
        """The diagonal of the last or the given two axes."""
        return dispatch[np.diagonal](self, offset, axis1, axis2)

    def take(
        self, indices: Any, axis: int | None = None, out: Any = None, mode: Any = "raise"
    ) -> R:
        """The elements at `indices`."""
        return call(np.take, self, indices, axis, mode=mode, out=out)

    def compress(self, condition: Any, axis: int | None = None, out: Any = None) -> R:
        """The slices where `condition` holds."""
        return call(np.compress, condition, self, axis, out=out)

    def choose(self, choices: Any, out: Any = None, mode: Any = "raise") -> R:
        """Elements picked from `choices` by this tensor's whole numbers."""
        return call(np.choose, self, choices, mode=mode, out=out)

    # -- reductions

    def sum(self, axis: Axis = None, dtype: Dtype = None, out: Any = None, **options: Any) -> R:
        """The sum over `axis`; options as in NumPy (`keepdims`, `initial`, `where`)."""
        return call(np.sum, self, axis, dtype, out=out, **options)

    def mean(self, axis: Axis = None, dtype: Dtype = None, out: Any = None, **options: Any) -> R:
        """The mean over `axis`; options as in NumPy (`keepdims`, `where`)."""
        return call(np.mean, self, axis, dtype, out=out, **options)

    def prod(self, axis: Axis = None, dtype: Dtype = None, out: Any = None, **options: Any) -> R:
        """The product over `axis`; options as in NumPy."""
        return call(np.prod, self, axis, dtype, out=out, **options)

    def max(self, axis: Axis = None, out: Any = None, **options: Any) -> R:
        """The maximum over `axis`; equal maxima share the gradient equally."""
        return call(np.max, self, axis, out=out, **options)

    def min(self, axis: Axis = None, out: Any = None, **options: Any) -> R:
        """The minimum over `axis`; equal minima share the gradient equally."""
        return call(np.min, self, axis, out=out, **options)

    def var(
        self, axis: Axis = None, dtype: Dtype = None, out: Any = None, ddof: Any = 0, **options: Any
    ) -> R:
        """The variance over `axis`; options as in NumPy (`keepdims`, `where`, ...)."""
        return call(np.var, self, axis, dtype, ddof=ddof, out=out, **options)

    def std(
        self, axis: Axis = None, dtype: Dtype = None, out: Any = None, ddof: Any = 0, **options: Any
    ) -> R:
        """The standard deviation over `axis`; options as in NumPy (`keepdims`, `where`, ...)."""
        return call(np.std, self, axis, dtype, ddof=ddof, out=out, **options)

    def cumsum(self, axis: int | None = None, dtype: Dtype = None, out: Any = None) -> R:
        """Running sums along `axis`."""
        return call(np.cumsum, self, axis, dtype, out=out)

    def cumprod(self, axis: int | None = None, dtype: Dtype = None, out: Any = None) -> R:
        """Running products along `axis`."""
        return call(np.cumprod, self, axis, dtype, out=out)

    def trace(
        self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Dtype = None, out: Any = None
    ) -> R:
        """The sum of the diagonal."""
        return call(np.trace, self, offset, axis1, axis2, dtype, out=out)

    def all(self, axis: Axis = None, out: Any = None, **options: Any) -> Any:
        """Whether all elements are true: a plain value."""
        return call(np.all, self, axis, out=out, **options)

    def any(self, axis: Axis = None, out: Any = None, **options: Any) -> Any:
        """Whether any element is true: a plain value."""
        return call(np.any, self, axis, out=out, **options)

    def argmax(self, axis: int | None = None, out: Any = None, **options: Any) -> Any:
        """Where the maximum is: plain whole numbers."""
        return call(np.argmax, self, axis, out=out, **options)

    def argmin(self, axis: int | None = None, out: Any = None, **options: Any) -> Any:
        """Where the minimum is: plain whole numbers."""
        return call(np.argmin, self, axis, out=out, **options)

    def argsort(self, axis: int | None = -1, kind: Any = None, **options: Any) -> Any:
        """The order that would sort: plain whole numbers."""
        return call(np.argsort, self, axis, kind, **options)

    def argpartition(self, kth: Any, axis: int | None = -1, **options: Any) -> Any:
        """The order that would partition: plain whole numbers."""
        return call(np.argpartition, self, kth, axis, **options)

    def nonzero(self) -> Any:
        """Where the elements are not zero: plain whole numbers."""
        return call(np.nonzero, self)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Where `v` belongs in this sorted tensor: plain whole numbers."""
        return call(np.searchsorted, self, v, side, sorter)

    # -- elements

    def dot(self, other: Any, out: Any = None) -> R:
        """The dot product, as `numpy.dot`."""
        return call(np.dot, self, other, out=out)

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> R:
        """The elements limited to an interval."""
        return call(np.clip, self, min, max, out=out)

    def round(self, decimals: SupportsIndex = 0, out: Any = None) -> R:
        """The elements rounded; the derivative is zero."""
        return call(np.round, self, decimals, out=out)

    def conj(self) -> R:
        """The complex conjugate."""
        return call(np.conjugate, self)

    conjugate = conj

    def __round__(self, ndigits: int | None = None) -> R:
        return call(np.round, self, ndigits or 0)

    @property
    def real(self) -> R:
        """The real part; assigning to it changes this tensor."""
        return call(np.real, self)

    @fixed("t.real[...] = 0 sets it")
    @real.setter
    def real(self, value: Any) -> None:
        self._set_part(np.real, value)

    @property
    def imag(self) -> R:
        """The imaginary part; assigning to it changes this tensor."""
        return call(np.imag, self)

    @fixed("t.imag[...] = 0 sets it")
    @imag.setter
    def imag(self, value: Any) -> None:
        if not call(np.iscomplexobj, self):
            raise DtypeError(
                f"imag: a tensor of dtype {call(np.result_type, self)} has no imaginary part to "
                "set; write t = t + 1j * v"
            )
        self._set_part(np.imag, value)

    def _set_part(self, part: Any, value: Any) -> None:
        if call(np.ndim, self):
            call(part, self)[...] = value
            return
        row = call(np.copy, self[None])  # of a number there are no views
        call(part, row)[...] = value
        self[...] = row[0]

    def astype(self, dtype: DTypeLike, *args: Any, **options: Any) -> R:
        """The elements in another dtype; a gradient flows where both are inexact.

        The other arguments are NumPy's; with ``copy=False`` and the dtype that it has, the tensor
        itself is returned.
        """
        return call(np.ndarray.astype, self, dtype, *args, **options)

    def copy(self, order: Any = "C") -> R:
        """A new Tensor of the same value, in the graph of this one."""
        return call(np.copy, self, order)

    # -- in place

    def sort(self, axis: int = -1, kind: Any = None, **options: Any) -> None:
        """Sort in place."""
        self._rebind(call(np.sort, self, axis, kind, **options))

    def partition(self, kth: int | Sequence[int], axis: int = -1, **options: Any) -> None:
        """Partition in place."""
        self._rebind(call(np.partition, self, kth, axis, **options))

    def fill(self, value: Any) -> None:
        """Set every element to `value`."""
        self[...] = value

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        """Set the elements at flat `indices`."""
        call(np.put, self, indices, values, mode)
