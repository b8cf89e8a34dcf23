"""In-place code on tensors: ``t[i] = v``, ``t += u``, ``out=t``.

Each computes a new value for the whole tensor, and `Writable._rebind` puts it there. As in NumPy, a
write to a tensor shows in its views, and a write to a view in its base and in the base's other
views; the gradients follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.engine.graph import Leaf
from autodiff.engine.modes import grad_enabled
from autodiff.errors import (
    DtypeError,
    GradientError,
    InPlaceError,
    ReadOnlyError,
    ShapeError,
    UnsupportedError,
)
from autodiff.tensors.operands import check_target
from autodiff.tensors.views import views_of

__all__ = ["Writable", "bare", "store"]


class Writable:
    """What gives a tensor a new value, in place."""

    __slots__ = ()

    _value: Any  # an ndarray, or a NumPy scalar
    _node: Any  # a Node, or None
    _from: tuple[Any, ...] | None = None  # only of a view: its base, and how it was taken

    def _rebind(self, value: Any) -> Any:
        """Take over the value and the place in the graph of another tensor, or of an array.

        Within `no_grad` the place in the graph stays what it is.

        Raises:
            ShapeError, DtypeError: the value does not fit into this tensor.
            InPlaceError: this tensor is a leaf, shares memory with one, or is a read-only view.
        """
        if value is NotImplemented:
            raise UnsupportedError(
                "in-place: the other operand has a class with operations of its own, whose result "
                "does not go into a tensor; write t = t * u, or make an ndarray of u"
            )
        if value.shape != self._value.shape:
            raise ShapeError(
                f"in-place: a value of shape {value.shape} does not fit into a tensor of shape "
                f"{self._value.shape}"
            )
        value = _cast(value, self._value.dtype)
        base, recording = self, grad_enabled()
        while base._from is not None:
            _check_writable(base, recording)
            parent, primitive, *arguments = base._from
            value = primitive.put_back(parent, value, *arguments)
            base = parent
        views = list(views_of(base))
        for tensor in (base, *views) if recording else ():
            _check_no_leaf(tensor, tensor is base)
        detached = {id(view) for view in views if _is_detached(view)}
        _take(base, value, recording)
        for view in views:
            parent, primitive, *arguments = view._from
            again = primitive(parent, *arguments)
            if again._from is not None:
                again._from = None  # a trace may hold it, but nobody uses it
            _take(view, again, recording and id(view) not in detached)
        return self


def _take(tensor: Any, value: Any, recording: bool) -> None:
    """Give `tensor` this value and, if `recording`, its place in the graph."""
    ours = isinstance(value, Writable)
    tensor._value = _laid_out(value._value if ours else value, tensor._value)
    if recording:
        # These may belong to the node.
        name, grad, retains = tensor.name, tensor.grad, tensor.retains_grad
        tensor._node = value._node if ours else None
        if name is not None:
            tensor.name = name
        if retains and tensor._node is not None:
            tensor.retain_grad()
            tensor.grad = grad


def _laid_out(value: Any, like: Any) -> Any:
    """`value` with its elements in memory in the order of `like`: views depend on it."""
    if not isinstance(value, np.ndarray) or value.strides == like.strides:
        return value
    result = np.empty_like(like, value.dtype)
    result[...] = value
    return result


def _cast(value: Any, dtype: np.dtype) -> Any:
    """`value` in the target's dtype."""
    if value.dtype == dtype:
        return value
    if not np.can_cast(value.dtype, dtype, "same_kind"):
        raise DtypeError(
            f"in-place: cannot put a {value.dtype} value into a {dtype} tensor; "
            "write t = t + u, which makes a new one"
        )
    return value.astype(dtype)


def _is_detached(view: Any) -> bool:
    """Whether a view of a tensor in the graph is not in it, because it was taken in no_grad."""
    return view._node is None and view._from[0]._node is not None


def _check_writable(view: Any, recording: bool) -> None:
    if isinstance(view._value, np.ndarray) and not view._value.flags.writeable:
        raise ReadOnlyError(
            f"in-place: this tensor is a read-only view, the result of {view._from[1].name}; "
            "work on a copy (t = t.copy())"
        )
    if recording and _is_detached(view):
        raise InPlaceError(
            "in-place: this tensor is a view that was taken within no_grad of a tensor in the "
            "graph, whose gradient a write would cut off; take the view outside of no_grad(), "
            "or write within it"
        )


def _check_no_leaf(tensor: Any, through: bool) -> None:
    if isinstance(tensor._node, Leaf):
        named = f" {tensor.name!r}" if tensor.name else ""
        raise InPlaceError(
            ("in-place: this tensor" if through else "in-place: a view of this tensor, which")
            + f"{named} is a leaf that requires a gradient, and after an assignment backward() "
            "could not reach it; work on a copy (t = t.copy()), or assign within "
            "`with ad.no_grad():`"
        )


def store(target: Any, value: Any, function: str) -> Any:
    """Put a result where ``out=`` says: a Tensor takes it over, an array only takes values."""
    if isinstance(target, Writable):
        return target._rebind(value)
    if isinstance(value, Writable) and value._node is not None:
        raise GradientError(
            f"{function}: the result carries a gradient, which a plain array cannot hold; leave "
            "out= away, write a = a + t for a += t, or make the array with np.zeros_like(t) or "
            "ad.numpy.zeros(n)"
        )
    if target.__class__ is not np.ndarray:
        check_target(target, function)
    np.copyto(target, bare(value))
    return target


def bare(value: Any) -> Any:
    """The value of a Tensor, also inside lists; anything else as it is."""
    if isinstance(value, Writable):
        return value._value
    if isinstance(value, list | tuple):
        return [bare(item) for item in value]
    return value
