"""Tensor: a value and its place in the graph."""

from __future__ import annotations

import copy
import sys
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from autodiff.engine import hooks
from autodiff.engine.backward import conjugate, deposit, walk
from autodiff.engine.changes import hand_out, mark_changed, share
from autodiff.engine.graph import Alias, Leaf, Node
from autodiff.engine.modes import grad_enabled, special, thread_state
from autodiff.engine.registry import dispatch
from autodiff.engine.shapes import fit
from autodiff.errors import DtypeError, GradientError, ShapeError
from autodiff.tensors.conversions import warn_detached
from autodiff.tensors.members import fixed
from autodiff.tensors.methods import ArrayMethods
from autodiff.tensors.operands import KNOWN, check_numbers, converted, operand
from autodiff.tensors.protocols import Protocols
from autodiff.tensors.views import note
from autodiff.tensors.writing import Writable, bare

__all__ = [
    "TENSORS",
    "Result",
    "Tensor",
    "View",
    "as_tensor",
    "as_value",
    "borrowed",
    "make",
    "make_view",
    "tensor",
]

_names: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()
_ONE = np.float64(1)
T = TypeVar("T", bound="Tensor")


class Tensor(Writable, Protocols, ArrayMethods["Tensor"]):
    """A NumPy value that remembers how it was computed.

    Arguments:
        data: a number, an array, nested lists, or another Tensor, also inside lists; it is copied.
            Of tensors in the graph it is a copy in the graph.
        requires_grad: whether `backward` shall compute a gradient for this tensor, which is then
            where the graph begins: `data` must not be in it.
        dtype: of the value; by default what ``np.array(data)`` gives.
        name: shown in pictures and messages.

    A tensor with no dimensions holds a NumPy scalar, as NumPy's own functions return it.

    Raises:
        GradientError: the tensor shall begin a graph, but `data` is in one.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ("__weakref__", "_name", "_node", "_value")

    _name: str | None  # only of a tensor without a node; may be unset

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        if in_graph(data):
            if requires_grad:
                raise GradientError(
                    f"{_kind(self)}: with requires_grad=True a new leaf is made, and data is in "
                    "the graph, whose gradient would stop here; pass t.detach() if that is meant, "
                    "or stay in the graph with ad.numpy.array(data) or np.stack(data)"
                )
            self._value, self._node = _copied(data, dtype)
        else:
            value = as_value(bare(data), dtype)
            self._value = value.copy("K") if isinstance(value, np.ndarray) else value
            self._node = None
        self.name = name
        if requires_grad:
            self.requires_grad = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        TENSORS.add(cls)

    # ---------------------------------------------------------------- the value

    @property
    def data(self) -> Any:
        """The value, without a copy: an ndarray, or a NumPy scalar if there are no dimensions.

        Assigning replaces the value and leaves the graph alone, so what is assigned must not be in
        it (outside of `no_grad`): pass ``t.detach()``. After ``t.data += v`` or
        ``t.data[i] = v``, a backward pass that needs the old value raises; what changes in an array
        of more than 1,024 elements may be missed (see CONVENTIONS.md) unless it is followed by
        ``t.data = t.data``.
        """
        return _handed_out(self._value)

    @fixed("t.data[...] = 0 sets the elements")
    @data.setter
    def data(self, value: Any) -> None:
        if value is self._value:
            if isinstance(value, np.ndarray):
                mark_changed(value)
            return
        if in_graph(value):
            raise GradientError(
                "data: assigning to it takes a value alone, and this one is in the graph, whose "
                "gradient would be lost; assign t.detach() if that is meant, or go on with that "
                "tensor itself"
            )
        value = _known(value, as_value(bare(value)))
        if np.shape(value) != self.shape:
            raise ShapeError(
                f"data: the new value has shape {np.shape(value)} but the tensor has shape "
                f"{self.shape}; make a new tensor instead"
            )
        node = self._node
        if node is not None:
            _check_differentiable(value.dtype)
            if isinstance(node, Leaf):
                node.dtype = value.dtype
        self._value = value
        if isinstance(self, View):
            self._from = None  # this value is its own

    def numpy(self) -> np.ndarray:
        """The value as an ndarray, without a copy; it does not carry gradients."""
        return np.asarray(_handed_out(self._value))

    def item(self) -> Any:
        """The single element as a Python number."""
        if self._node is not None:
            warn_detached(self._node, sys._getframe(1), "item")
        return self._value.item()

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        if self._node is not None:
            warn_detached(self._node, sys._getframe(1), "tolist")
        return self._value.tolist()

    @fixed("write t = t.reshape(shape)")
    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return self._value.shape

    @fixed("write t = t.astype(dtype)")
    @property
    def dtype(self) -> np.dtype:
        """The dtype of the value."""
        return self._value.dtype

    @fixed("write t = t.reshape(shape)")
    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._value.ndim

    @fixed("write t = t.reshape(shape), or np.resize(t, shape) for another size")
    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    @fixed("it follows from the shape and the dtype")
    @property
    def nbytes(self) -> int:
        """The size of the value in bytes."""
        return self._value.nbytes

    @fixed("it follows from the dtype; write t = t.astype(dtype)")
    @property
    def itemsize(self) -> int:
        """The size of one element in bytes."""
        return self._value.itemsize

    # ---------------------------------------------------------------- the place in the graph

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows to this tensor; settable on leaves."""
        return self._node is not None

    @fixed("write t.requires_grad = False")
    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        node = self._node
        if wanted and node is None:
            _check_differentiable(self.dtype)
            self._node = Leaf(self, getattr(self, "_name", None))
        elif not wanted and node is not None:
            if not self.is_leaf:
                raise GradientError(
                    "requires_grad: this tensor is the result of "
                    f"{node.operation}; use t.detach() for a copy without the graph"
                )
            name = self.name
            self._node = None
            self._name = name

    def requires_grad_(self, wanted: bool = True) -> Tensor:
        """Set `requires_grad` and return the tensor."""
        self.requires_grad = wanted
        return self

    @fixed("t.detach().requires_grad_() is a leaf")
    @property
    def is_leaf(self) -> bool:
        """Whether the user made this tensor, rather than a recorded operation."""
        return self._node is None or isinstance(self._node, Leaf)

    @fixed("it is set by the operation that makes a tensor; t.detach() has none")
    @property
    def node(self) -> Node | None:
        """The node in the graph, or None if no gradient flows to this tensor."""
        return self._node

    @property
    def name(self) -> str | None:
        """A name for pictures and messages."""
        node = self._node
        if node is None:
            return getattr(self, "_name", None)
        return node.name if isinstance(node, Leaf) else _names.get(node)

    @fixed("write t.name = None")
    @name.setter
    def name(self, name: str | None) -> None:
        node = self._node
        if node is None:
            self._name = name
        elif isinstance(node, Leaf):
            node.name = name
        elif name is not None:
            _names[node] = name
        else:
            _names.pop(node, None)

    @property
    def grad(self) -> Any:
        """The gradient that backward passes have accumulated here, or None.

        Leaves have one, and tensors on which `retain_grad` was called. It is an array (a
        NumPy scalar if there are no dimensions), and a Tensor after ``create_graph=True``.
        For a complex tensor it points in the direction of steepest ascent.
        """
        node = self._node
        if node is None:
            return None
        return node.grad if isinstance(node, Leaf) else hooks.kept.get(node)

    @grad.setter
    def grad(self, grad: Any) -> None:
        node = self._node
        if grad is not None:
            if node is None:
                raise GradientError("grad: this tensor does not require a gradient")
            grad = together(grad, "grad")
            if np.shape(grad) != self.shape:
                raise ShapeError(
                    f"grad: shape {np.shape(grad)} does not fit the tensor's shape {self.shape}"
                )
            if grad.dtype != self.dtype:
                if not np.can_cast(grad.dtype, self.dtype, "same_kind"):
                    raise DtypeError(
                        f"grad: dtype {grad.dtype} does not fit the tensor's dtype {self.dtype}"
                    )
                grad = grad.astype(self.dtype)
        if isinstance(node, Leaf):
            node.grad = grad
        elif node is not None and grad is not None:
            hooks.kept[node] = grad
        elif node is not None:
            hooks.kept.pop(node, None)

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    @fixed("it follows from how the tensor was taken; t.copy() is no view")
    @property
    def base(self) -> Tensor | None:
        """The tensor that this one is a view of, at the end of all views between; or None."""
        base, taken = None, self._from
        while taken is not None:
            base = taken[0]
            taken = base._from
        return base

    def detach(self) -> Tensor:
        """A tensor of the same value (shared, not copied) outside the graph."""
        return make(self._value, None)

    def as_subclass(self, kind: type[T]) -> T:
        """The same value at the same place in the graph, as a tensor of a subclass.

        The constructor of `kind` is not called.
        """
        result: Any = object.__new__(kind)
        result._value, result._node = self._value, self._node
        if issubclass(kind, View):
            result._from = None
        if self._node is None:
            result._name = self.name
        return result

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate result in `grad`, at every backward pass.

        After an assignment in place it is the gradient with respect to the new value.
        """
        node = self._node
        if node is None:
            raise GradientError("retain_grad: no gradient flows to this tensor")
        if not isinstance(node, Leaf):
            hooks.retain(node)

    @fixed("write t.retain_grad()")
    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this intermediate result."""
        return self._node is not None and self._node in hooks.retained

    def register_hook(self, hook: Callable[[Any], Any]) -> Callable[[], None]:
        """Call ``hook(gradient)`` when a backward pass has this tensor's gradient.

        If the hook returns something other than None, that replaces the gradient: an array, a
        Tensor, a number or nested lists, of this tensor's shape. Returns a function that removes
        the hook. A backward pass raises ShapeError or DtypeError if what a hook returns does not
        fit.
        """
        if self._node is None:
            raise GradientError("register_hook: no gradient flows to this tensor")
        made = "a leaf" if self.is_leaf else f"a tensor (the result of {self._node.operation})"
        return hooks.hook(self._node, hook, _hooked, repr(self.name) if self.name else made)

    def backward(
        self,
        gradient: Any = None,
        *,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add to the `grad` of every leaf the gradient of this tensor with respect to it.

        Threads may call it at once, also on one graph: with `retain_graph` their gradients add up;
        without it, each of them gives its whole gradient or raises `FreedGraphError`.

        Arguments:
            gradient: the gradient of the final quantity with respect to this tensor, of
                this tensor's shape; may be left out if the tensor has a single element.
            retain_graph: keep what the graph holds, for another backward pass.
                The default is the value of `create_graph`.
            create_graph: record the backward pass, so that the gradients are Tensors that can
                be differentiated again.

        Raises:
            GradientError: no gradient flows to this tensor, or `gradient` is missing.
            FreedGraphError: an earlier backward pass has freed the graph.
            StaleValueError: a value that is needed was changed in place after it was recorded.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> y = x**2
        >>> y.backward()
        >>> float(x.grad)
        6.0
        """
        node = self._node
        if node is None:
            raise GradientError(
                "backward: no gradient flows to this tensor; give requires_grad=True to a tensor "
                "that it depends on, and compute it outside of no_grad()"
            )
        if special:
            for observer in thread_state.observers:
                observer.started(self)
        keep = create_graph if retain_graph is None else retain_graph
        seed = _seed(self, gradient)
        if create_graph:
            seed = as_tensor(seed)
        grads, owned = walk(node, seed, keep=keep, recorded=create_graph)
        deposit(grads, owned, seed)

    # ---------------------------------------------------------------- looks and copies

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._value == bare(value)))

    def __repr__(self) -> str:
        value = np.array2string(np.asarray(self._value), separator=", ", prefix="Tensor(")
        extra = "" if self.dtype in (np.float64, np.int64, np.bool_) else f", dtype={self.dtype}"
        if self._node is not None:
            extra += ", requires_grad=True" if self.is_leaf else f", from={self._node.operation}"
        if self.name is not None:
            extra += f", name={self.name!r}"
        kind = "Tensor" if isinstance(self, Result) else type(self).__name__
        return f"{kind}({value}{extra})"

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if self.shape:
            raise TypeError(
                f"format: {spec!r} is for one number, and the tensor has shape {self.shape}; "
                "write np.array2string(t.numpy(), precision=2) for all, or f'{t[i]:.2f}' for one"
            )
        return format(self._value.item(), spec)

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise GradientError(
                f"copying or pickling the result of {self._node.operation} would lose its graph; "  # type: ignore[union-attr]
                "write np.copy(t) to stay in the graph, and where no gradient shall flow, as to a "
                "plot or a file, pass t.detach()"
            )
        kind = Tensor if isinstance(self, Result) else type(self)
        grad = bare(self.grad)  # the value alone, if it is a Tensor with a graph of its own
        own = getattr(self, "__dict__", None)
        return _rebuild, (kind, self._value, self.requires_grad, self.name, grad), own

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        rebuild, (kind, *content), own = self.__reduce__()
        result = memo[id(self)] = rebuild(kind, *copy.deepcopy(content, memo))
        if own:
            vars(result).update(copy.deepcopy(own, memo))
        return result

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})


TENSORS: set[type] = {Tensor}


class Result(Tensor):
    """The tensor that an operation returns.

    It differs from its base in one thing: without a constructor to run, Python makes it in half
    the time.
    """

    __slots__ = ()
    __init__ = object.__init__  # type: ignore[assignment]


class View(Result):
    """The tensor that an operation returns where NumPy returns a view (see `views.py`)."""

    __slots__ = ("_from",)


Result.__name__ = View.__name__ = Tensor.__name__  # in messages of Python and NumPy


def make(value: Any, node: Node | None) -> Tensor:
    """A Tensor of this value (not copied) at this place in the graph."""
    result: Tensor = Result()  # pyright: ignore[reportCallIssue] - it has no constructor
    result._value = value
    result._node = node
    return result


def make_view(value: Any, node: Node | None, *taken: Any) -> Tensor:
    """The same as a view, ``taken`` of a base by a primitive, with these further arguments."""
    result: Any = View()  # pyright: ignore[reportCallIssue] - it has no constructor
    result._value = value
    result._node = node
    result._from = taken
    return note(result)


def make_input(value: Any) -> Tensor:
    """A fresh input of a transform: the same value at a new node that ends its walk."""
    parent = value._node if isinstance(value, Tensor) else None
    if isinstance(value, Tensor):
        data = value._value
    else:
        taken = value if value.__class__ in KNOWN else operand(value, "transform", None)
        data = _known(value, as_value(taken))
    _check_differentiable(data.dtype)
    return make(data, Alias(data.shape, data.dtype, parent))


def as_value(value: Any, dtype: DTypeLike | None = None, function: str = "tensor") -> Any:
    """`value` as an ndarray of numbers, or as a NumPy scalar if it has no dimensions.

    Raises:
        UnsupportedError, DtypeError: it is of another class (see `operands.py`), or no number.
    """
    if value.__class__ is not np.ndarray:
        value = converted(value, function, dtype)
    array = np.asarray(value, dtype)
    if array.dtype.kind not in "biufc":
        check_numbers(array.dtype, function)
    return array if array.ndim else array[()]


def tensor(
    data: Any,
    requires_grad: bool = False,
    dtype: DTypeLike | None = None,
    name: str | None = None,
) -> Tensor:
    """A new `Tensor` with a copy of `data`; the arguments are those of the class.

    >>> tensor([1, 2]) + 0.5
    Tensor([1.5, 2.5])
    """
    return Tensor(data, requires_grad, dtype, name)


def as_tensor(data: Any) -> Tensor:
    """`data` as a Tensor that shares its memory; a Tensor is returned as it is.

    >>> array = np.zeros(2)
    >>> as_tensor(array).data is array
    True
    """
    return data if isinstance(data, Tensor) else make(_known(data, as_value(data)), None)


def borrowed(tensor: Tensor) -> Any:
    """The value of `tensor`, without a copy, for code that says when it has changed it.

    It is ``tensor.data``, of which no copies and fingerprints are taken when operations keep it:
    whoever writes to it has to do ``tensor.data = array`` before anything else is computed, as
    optimizers do.

    >>> t = tensor([1.0, 2.0])
    >>> array = borrowed(t)
    >>> array += 1
    >>> t.data = array
    """
    return tensor._value


def _rebuild(
    kind: type, data: Any, requires_grad: bool, name: str | None, grad: Any = None
) -> Tensor:
    result = object.__new__(kind)
    result._value = data
    if requires_grad:
        result._node = leaf = Leaf(result, name)
        leaf.grad = grad
    else:
        result._node = None
        result._name = name
    return result


def in_graph(value: Any) -> bool:
    """Whether gradients flow, at present, to a Tensor, or to one in nested lists."""
    if isinstance(value, list | tuple):
        return any(map(in_graph, value))
    return isinstance(value, Tensor) and value._node is not None and grad_enabled()


def together(value: Any, function: str = "tensor") -> Any:
    """A value, or a Tensor of what is in the graph; of nested lists with tensors, in one."""
    if isinstance(value, Tensor):
        return value
    if in_graph(value):
        return dispatch[np.stack]([together(item) for item in value])
    return as_value(bare(value), None, function)


def _hooked(value: Any, is_recorded: bool) -> Any:
    """What a hook returned, as a value, or as a Tensor in a walk that is recorded."""
    value = together(value, "gradient")
    return as_tensor(value) if is_recorded else value


def _copied(data: Any, dtype: DTypeLike | None) -> tuple[Any, Node | None]:
    """The value of a copy in the graph of what is in it, and its node."""
    result = together(data)
    if dtype is not None:
        result = result.astype(dtype)
    elif result is data:
        result = dispatch[np.copy](result)
    return result._value, result._node


def _kind(value: Any) -> str:
    return "tensor" if type(value) is Tensor else type(value).__name__


def _handed_out(value: Any) -> Any:
    """The value of a Tensor, which the user is given."""
    if isinstance(value, np.ndarray):
        hand_out(value)
    return value


def _known(given: Any, value: Any) -> Any:
    """The `value` that was made of what the user has `given`, and may be the same memory."""
    if isinstance(value, np.ndarray) and not isinstance(given, Tensor | list | tuple):
        share(value)
    return value


def _check_differentiable(dtype: np.dtype) -> None:
    if dtype.kind not in "fc":
        raise DtypeError(
            f"gradients need a float or complex dtype, and this value has {dtype}; "
            f"convert it first, for example {_float_example(dtype)}"
        )


def _float_example(dtype: np.dtype) -> str:
    return "with dtype=float" if dtype.kind in "iub" else "to an array of numbers"


def _seed(output: Tensor, gradient: Any) -> Any:
    """The cotangent of `output` to start from, in the walk's convention."""
    if gradient is None and output._value.__class__ is np.float64:
        return _ONE
    shape, dtype = output.shape, output.dtype
    if gradient is None:
        if output.size != 1:
            raise GradientError(
                f"backward: the tensor has shape {shape}, so it has no single gradient; reduce it "
                "to one number first (np.sum, np.mean), or pass gradient= with this shape"
            )
        if dtype.kind == "c":
            raise GradientError(
                "backward: the tensor is complex, so it has no direction of steepest ascent; "
                "take np.real, np.imag or np.abs of it first, or pass gradient="
            )
        return np.ones(shape, dtype) if shape else dtype.type(1)
    if not isinstance(gradient, Tensor):
        gradient = as_value(gradient, None, "backward")
    if gradient.shape != shape:
        raise ShapeError(
            f"backward: gradient has shape {gradient.shape} but the tensor has shape {shape}"
        )
    gradient = fit(gradient, shape, dtype)
    return conjugate(gradient)
