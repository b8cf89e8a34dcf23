"""What generated code calls beside NumPy: the parts of recording that are not worth inlining."""

from __future__ import annotations

from cmath import isfinite
from time import perf_counter
from typing import Any

import numpy as np

from autodiff.declare.declaration import Declaration
from autodiff.engine.contexts import forget_ended, special
from autodiff.engine.dtypes import FLOAT64
from autodiff.engine.graph import Node, Output
from autodiff.engine.modes import calm, calmly, thread_state
from autodiff.errors import AutodiffError, DtypeError, ShapeError, UnsupportedError
from autodiff.tensors.operands import KNOWN, check_numbers, operand
from autodiff.tensors.tensor import TENSORS, Result, Tensor, View, as_value, make
from autodiff.tensors.views import note

__all__ = [
    "check_dtype",
    "constant_argument",
    "explain",
    "number",
    "observe",
    "product_stays",
    "recorded",
    "recorded_outputs",
    "several",
    "shapes_of",
    "untracked",
    "unwrap",
    "viewing",
    "zero_stays",
]


def observe(primitive: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record an operation while a special mode is on in some thread, perhaps this one."""
    state = thread_state
    observers = state.observers if state.observed else ()
    ordinary = primitive.compiled.ordinary
    start = perf_counter() if observers else 0.0
    if observers and calm(observers):
        result = calmly(ordinary, *args, **kwargs)
    else:
        result = ordinary(*args, **kwargs)
    if result is NotImplemented:  # the class of another operand shall compute
        return result
    seconds = perf_counter() - start if observers else 0.0
    enabled = not state.modes or state.grad_enabled
    given = (*args, *kwargs.values())
    if not enabled:
        for item in result if isinstance(result, list | tuple) else (result,):
            if item.__class__ in TENSORS:
                for target in given:
                    if item is target:  # it was written to
                        break
                else:
                    item._node = None
    for observer in observers:
        observer.recorded(primitive, given, result, seconds)
    if enabled and not observers:  # what is open is another thread's, or has ended
        forget_ended(special)
    return result


def unwrap(sequence: Any, function: str) -> tuple[tuple[Node | None, ...] | None, Any, bool]:
    """The nodes of the items (None if no item has one), their values, and if any is a Tensor."""
    if sequence.__class__ in TENSORS:
        sequence = tuple(sequence)
    elif not isinstance(sequence, list | tuple):
        if isinstance(sequence, np.ndarray):
            return None, operand(sequence, function, None), False
        sequence = tuple(sequence)
    nodes: list[Node | None] = []
    values = []
    found = False
    for item in sequence:
        if item.__class__ is list or item.__class__ is tuple:
            item = operand(item, function, None)
        if item.__class__ in TENSORS:
            found = True
            nodes.append(item._node)
            values.append(item._value)
        else:
            nodes.append(None)
            values.append(item if item.__class__ in KNOWN else operand(item, function, None))
    tracked = any(node is not None for node in nodes)
    return (tuple(nodes) if tracked else None), values, found


def constant_argument(function: str, name: str, value: Any) -> Any:
    """What was passed for an argument without a rule, if a Tensor, as its value.

    Raises:
        UnsupportedError: it is in the graph, and its gradient would be lost.
    """
    if value.__class__ not in TENSORS:
        return value
    if value._node is not None and thread_state.grad_enabled:
        raise UnsupportedError(
            f"{function}: the argument {name!r} has no derivative rule, and the tensor passed for "
            "it is in the graph; pass t.detach() if no gradient shall flow"
        )
    return value._value


def untracked(value: Any, tensors: bool, multiple: bool) -> Any:
    """A result through which no gradient flows: a Tensor if there was one among the arguments."""
    if multiple:
        return several(value, None) if tensors else value
    if value.__class__ is not np.float64:
        value = as_value(value)
    return make(value, None) if tensors else value


def viewing(base: Tensor, value: Any, owner: Any, *taken: Any) -> Tensor:
    """A result through which no gradient flows, as a view of `base` where NumPy gives one.

    Arguments:
        value: the result, whose memory belongs to the array `owner`, or to none other.
        taken: the primitive, and its arguments besides the first.
    """
    data = base._value
    if owner is None or (owner is not data and owner is not data.base):
        return make(value, None)
    result: Any = View()  # pyright: ignore[reportCallIssue] - it has no constructor
    result._value = value
    result._node = None
    result._from = (base, *taken)
    return note(result)


def shapes_of(values: Any) -> list[tuple[int, ...]]:
    """The shape of each item."""
    return [np.shape(value) for value in values]


def several(values: Any, node: Node | None, base: Any = None, taken: Any = None) -> Any:
    """The results of an operation with several, as Tensors in the container that NumPy uses.

    With `base` and `taken`, result number i is the view ``taken(base, i)``. It is not yet noted as
    one (see `views.note`).
    """
    tensors: list[Any] = []
    output = Output.of
    for index, value in enumerate(values):
        array = value.__class__ is np.ndarray and value.shape
        if not array and value.__class__ is not np.float64:
            value = as_value(value)
        dtype = value.dtype
        if node is not None and dtype is not FLOAT64 and dtype.kind not in "fc":
            tensors.append(value)
            continue
        if array and base is not None:
            result: Any = View()  # pyright: ignore[reportCallIssue] - it has no constructor
            result._from = (base, taken, index)
        else:
            result = Result()  # pyright: ignore[reportCallIssue]
        result._value = value
        result._node = None if node is None else output(node, index, value)
        tensors.append(result)
    kind = type(values)
    return kind._make(tensors) if hasattr(kind, "_make") else kind(tensors)


def recorded(value: Any, node: Any) -> Any:
    """An argument that was kept, as the Tensor that it came from."""
    if isinstance(node, tuple):  # a sequence
        return [recorded(v, n) for v, n in zip(value, node, strict=True)]
    return value if node is None else make(value, node)


def recorded_outputs(node: Any) -> list[Tensor]:
    """The results of an operation with several, as the Tensors that it returned."""
    return [
        make(value, Output.of(node, index, value)) if value.dtype.kind in "fc" else value
        for index, value in enumerate(as_value(value) for value in node.y_kept)
    ]


def zero_stays(r: Any, g: Any) -> Any:
    """The cotangent `r`, with 0 instead of NaN for elements whose cotangent `g` is 0.

    They were left out on the way to the result, so an infinite slope there does not matter.
    """
    values = r._value if r.__class__ in TENSORS else r
    if values.__class__ is np.float64:
        if values == values:
            return r
    elif not np.isnan(values).any():
        return r
    given = g._value if g.__class__ in TENSORS else g
    if np.shape(values) != np.shape(given):
        return r
    undefined = np.isnan(values) & (given == 0)
    return np.where(undefined, 0, r) if np.any(undefined) else r


def product_stays(g: Any, factor: Any) -> Any:
    """``g * factor``, with 0 where `g` is 0, whatever the factor is there."""
    value = factor._value if factor.__class__ in TENSORS else factor
    if value.__class__ is np.float64:
        if isfinite(value):
            return g * factor
    elif np.isfinite(value).all():
        return g * factor
    with np.errstate(invalid="ignore", over="ignore"):
        return zero_stays(g * factor, g)


def check_dtype(primitive: Declaration, dtype: np.dtype) -> None:
    """Raise `DtypeError` unless a result of this dtype can have a gradient."""
    if dtype.kind not in "fc":
        check_numbers(dtype, primitive.name)
        raise DtypeError(
            f"{primitive.name}: the result has dtype {dtype}, through which no gradient can flow; "
            "convert the arguments to numbers, or pass t.detach()"
        )


def number(value: Any, function: str) -> Any:
    """A result that is no array: Python's own ``complex * np.float64``, or of arrays of objects."""
    if value.__class__ is not complex:
        check_numbers(np.dtype(object), function)
    return np.complex128(value)


def explain(primitive: Declaration, error: Exception, values: tuple[Any, ...]) -> Exception:
    """The same error, with the function's name, the shapes that it met and the next step."""
    if isinstance(error, AutodiffError):
        return error
    name = primitive.name
    for value in values:
        if isinstance(value, np.ndarray):
            check_numbers(value.dtype, name)
    shapes = [shapes_of(v) if isinstance(v, list | tuple) else np.shape(v) for v in values]
    met = " and ".join(map(str, shapes))
    if type(error) is ValueError and len(shapes) == 2:
        if name == "matmul":
            return ShapeError(f"matmul: shapes {met} do not align{_transpose_hint(*shapes)}")
        if isinstance(primitive.function, np.ufunc):
            return ShapeError(f"{name}: shapes {met} do not broadcast")
    met = f"shapes {met}" if len(shapes) > 1 else f"shape {met}"
    kind: type[Exception] = ShapeError if type(error) is ValueError else type(error)
    if isinstance(error, TypeError):  # NumPy's own kinds of it want other arguments
        kind = TypeError
    return kind(f"{name}: with arguments of {met}: {error}")


def _transpose_hint(first: Any, second: Any) -> str:
    if not first or not second:
        return "; multiply by a number with *"
    if len(second) > 1 and first[-1] == second[-1]:
        return "; transpose the second?"
    if len(first) > 1 and first[-2] == second[-2 if len(second) > 1 else 0]:
        return "; transpose the first?"
    return ""
