"""The second level of recording: `trace` keeps everything, `scope` says where it happened.

The ordinary graph holds what a backward pass needs and gives it up afterwards. A trace holds
every value, also those through which no gradient flows, with the user's source line, the scope,
the time and the bytes; and the gradients of the backward passes that run inside it. Pictures,
debugging and compilation are built on it.

>>> import autodiff as ad
>>> x = ad.tensor(2.0, requires_grad=True, name="x")
>>> with ad.trace() as t:
...     y = x**3 + 4 * x
...     y.backward()
>>> [operation.name for operation in t.operations]
['power', 'multiply', 'add']
>>> float(t.operations[0].outputs[0].data), float(t.gradient(x))
(8.0, 16.0)
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from autodiff.declare.primitive import Primitive, plain
from autodiff.engine.backward import conjugate, walk
from autodiff.engine.contexts import Context, opened
from autodiff.engine.graph import Alias, Node, Output, Parts
from autodiff.engine.locks import shared
from autodiff.engine.modes import special, thread_state
from autodiff.tensors.operands import holds_tensor
from autodiff.tensors.tensor import Tensor, make

__all__ = [
    "Operand",
    "Operation",
    "Source",
    "Trace",
    "Value",
    "by_name",
    "scope",
    "trace",
    "tracing",
    "user_line",
]

BACKWARD = "backward"  # the scope of what a recorded backward pass does


# ---------------------------------------------------------------- what a trace consists of


@dataclass(frozen=True, slots=True)
class Source:
    """The user's line of code that called an operation."""

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The line itself, stripped; empty if the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()


@dataclass(slots=True, eq=False)
class Value:
    """A number or array that operations used or made. Arrays are not copied.

    Attributes:
        data: the value itself.
        node: its place in the graph; None if no gradient flows to it.
        tensor: the Tensor that held it when it was first met; None for a plain value.
        producer: the operation that made it; None if it came from outside of the trace.
        index: which of the producer's values it is.
    """

    data: Any
    node: Node | None
    tensor: Tensor | None
    producer: Operation | None = None
    index: int = 0

    @property
    def name(self) -> str | None:
        """The name of the tensor, as far as it has one."""
        if self.node is not None:
            return make(self.data, self.node).name
        if self.tensor is not None and self.tensor._value is self.data:
            return self.tensor.name
        return None  # the tensor has been bound to another value since


@dataclass(frozen=True, slots=True)
class Operand:
    """One value that an operation used.

    Attributes:
        argument: the function's name for it, such as ``a``, or ``arrays[0]`` in a sequence.
        value: what was passed.
        tracked: whether a gradient may flow back from the operation to the value.
    """

    argument: str
    value: Value
    tracked: bool


@dataclass(slots=True, eq=False)
class Operation:
    """One call of a primitive.

    Attributes:
        primitive: what was called.
        inputs: the numbers, arrays and tensors that it computed with.
        options: its other arguments, as far as they differ from the defaults.
        outputs: what it returned, one or several values.
        scope: the names of the enclosing scopes, outermost first.
        source: the user's line that called it; None if there is none.
        seconds: how long it took.
    """

    primitive: Primitive
    inputs: tuple[Operand, ...]
    options: dict[str, Any]
    outputs: tuple[Value, ...]
    scope: tuple[str, ...]
    source: Source | None
    seconds: float

    @property
    def name(self) -> str:
        """The name of the primitive."""
        return self.primitive.name

    @property
    def nbytes(self) -> int:
        """The size of the results in bytes."""
        return sum(value.data.nbytes for value in self.outputs)


@dataclass(eq=False)
class Trace(Context):
    """Everything that this thread records inside of ``with ad.trace() as t:``.

    Values are kept, not copied: what is changed in place later (parameters, by an optimizer)
    shows its new content. Gradients are copied. A trace may be entered again, and goes on; several
    threads may enter the same.

    Attributes:
        operations: in the order in which they ran.
        values: in the order in which they were met.
        copies: small arrays that the user could change, each with the copy that a node keeps.
    """

    operations: list[Operation] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    copies: list[tuple[Any, np.ndarray]] = field(default_factory=list, repr=False)
    _by_node: dict[Node, Value] = field(default_factory=dict, repr=False)
    _by_data: dict[int, Value] = field(default_factory=dict, repr=False)
    _gradients: dict[Node, Any] = field(default_factory=dict, repr=False)

    _special = True

    def _home(self) -> list[Any]:
        return thread_state.observed

    def _about(self) -> Trace:
        if not tracing():
            _state.entered = {}
        return self

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __repr__(self) -> str:
        return (
            f"Trace({len(self.operations)} operations, "
            f"{sum(operation.nbytes for operation in self.operations):,} bytes)"
        )

    @property
    def inputs(self) -> list[Value]:
        """The values that came from outside, in the order in which they were first used."""
        return [value for value in self.values if value.producer is None]

    @property
    def outputs(self) -> list[Value]:
        """The results that no operation of the trace used."""
        used = {id(operand.value) for op in self.operations for operand in op.inputs}
        return [
            value for value in self.values if value.producer is not None and id(value) not in used
        ]

    def gradient(self, of: Tensor | Value) -> Any:
        """The gradient that backward passes inside the trace carried to a value.

        It is an array, or a Tensor after ``create_graph=True``; None if no pass got there. Several
        passes add up, as they do in ``grad``.
        """
        return None if of.node is None else self._gradients.get(of.node)

    # ---------------------------------------------------------------- the engine reports

    def recorded(
        self,
        primitive: Primitive,
        arguments: tuple[Any, ...],
        result: Any,
        seconds: float,
    ) -> None:
        """Keep one operation; a rule's call on plain arrays is none."""
        results = result if primitive.multiple else (result,)
        if not any(isinstance(item, Tensor) for item in results):
            return
        source, in_backward = user_line(sys._getframe(1))
        path = tuple(opened(_state.scopes))
        path = (BACKWARD, *path) if in_backward else path
        inputs: list[Operand] = []
        options: dict[str, Any] = {}
        for name, value, default in _named(primitive, arguments):
            if name.partition("[")[0] not in primitive.rules and name not in primitive.detached:
                if not (value is default or _same(value, default)):
                    options[name] = value
            elif value is not None:
                inputs += [self._operand(*item) for item in _items(name, value)]
        operation = Operation(primitive, tuple(inputs), options, (), path, source, seconds)
        operation.outputs = tuple(
            self._new(item, operation, index) for index, item in enumerate(results)
        )
        self.operations.append(operation)
        for item in results:
            node = item.node if isinstance(item, Tensor) else None
            node = node.parent if isinstance(node, Output) else node
            if node is not None:
                self._know_copies(node, by_name(primitive, arguments))

    def started(self, output: Tensor) -> None:
        """Nothing is to be kept: the operation that made `output` is known."""

    def reached(self, node: Node, gradient: Any) -> None:
        """Keep the gradient of a node."""
        if isinstance(gradient, Parts):
            return
        gradient = conjugate(gradient)
        with shared:
            old = self._gradients.get(node)
            if old is not None:
                gradient = old + gradient
            elif isinstance(gradient, np.ndarray):
                gradient = gradient.copy()  # it may become a leaf's `grad`, which is added to
            self._gradients[node] = gradient

    def place(self, node: Node) -> str:
        """Nothing: messages about a node are the debugger's."""
        return ""

    # ---------------------------------------------------------------- values

    def _know_copies(self, node: Node, arguments: dict[str, Any]) -> None:
        """Take what a node keeps for what it was given, of which it may have made a copy."""
        for slot in node.kept:
            given = arguments.get(slot.removesuffix("_kept"))
            for original, copy in _copies(given, getattr(node, slot, None)):
                self.copies.append((original, copy))
                value = self._find(original)
                if value is not None:
                    self._by_data[id(copy)] = value

    def _operand(self, argument: str, item: Any) -> Operand:
        value = self._find(item)
        tracked = isinstance(item, Tensor) and item.node is not None
        return Operand(argument, value or self._new(item), tracked)

    def _find(self, item: Any) -> Value | None:
        """The known value that `item` is, or holds."""
        if not isinstance(item, Tensor):
            # Python's numbers and NumPy's truth values are shared between unrelated places.
            if isinstance(item, np.ndarray | np.inexact):
                return self._by_data.get(id(item))
            return None
        node = item.node
        while node is not None:
            value = self._by_node.get(node)
            if value is not None:
                return value
            node = node.parent if isinstance(node, Alias) else None
        return self._by_data.get(id(item._value))

    def _new(self, item: Any, producer: Operation | None = None, index: int = 0) -> Value:
        if isinstance(item, Tensor):
            if item._from is not None:  # held here, a view would be taken anew at every write
                item = item.as_subclass(Tensor)
            value = Value(item._value, item.node, item, producer, index)
        else:
            value = Value(item, None, None, producer, index)
        if not isinstance(value.data, np.ndarray | np.generic):
            value.data = np.asarray(value.data)[()]
        if value.node is not None:
            self._by_node[value.node] = value
        if isinstance(item, Tensor | np.ndarray | np.inexact):
            self._by_data[id(value.data)] = value
        self.values.append(value)
        return value


def _items(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What was passed for an argument; of a sequence, and of lists of tensors, the items."""
    if not isinstance(value, list | tuple):
        yield name, value
        return
    for i, item in enumerate(value):
        if isinstance(item, list | tuple) and holds_tensor(item):
            yield from _items(f"{name}[{i}]", item)
        else:
            yield f"{name}[{i}]", item


def trace() -> Trace:
    """Keep everything that this thread computes with tensors: ``with ad.trace() as t:``.

    Also what is computed without gradients is kept. Backward passes inside of it leave their
    gradients in the trace, so that ``ad.draw(t)`` shows values and gradients.

    >>> import autodiff as ad
    >>> with ad.trace() as t, ad.scope("head"):
    ...     y = ad.tensor([1.0, 2.0]) * 3
    >>> t
    Trace(1 operations, 16 bytes)
    >>> t.operations[0].scope, t.outputs[0].data
    (('head',), array([3., 6.]))
    """
    return Trace()


# ---------------------------------------------------------------- where it happens


class _State(threading.local):
    def __init__(self) -> None:
        self.scopes: list[Any] = []  # the open ones
        self.entered: dict[tuple[str, ...], int] = {}  # how often each was, while tracing


_state = _State()


def tracing() -> bool:
    """Whether a trace is open in this thread.

    >>> tracing()
    False
    """
    return bool(special) and any(isinstance(who, Trace) for who in thread_state.observers)


class scope(Context):
    """Give a name to a part of a program: ``with ad.scope("encoder"):``, or as a decorator.

    Traces note the names of the open scopes, and pictures draw them as boxes. When a trace sees
    a scope of the same name again in the same place, it is called ``encoder #2``, and so on.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def _home(self) -> list[Any]:
        return _state.scopes

    def _about(self) -> str:
        if tracing():
            path = (*opened(_state.scopes), self.name)
            count = _state.entered[path] = _state.entered.get(path, 0) + 1
            if count > 1:
                return f"{self.name} #{count}"
        return self.name


# The code that is not the user's: this package, nn beside it, NumPy, and generated functions.
_PACKAGE = Path(__file__).parents[1]
_INTERNAL = (
    *(f"{folder}{os.sep}" for folder in (_PACKAGE, _PACKAGE.parent / "nn")),
    f"{Path(np.__file__).parent}{os.sep}",
    "<autodiff ",
)


def user_line(frame: FrameType | None) -> tuple[Source | None, bool]:
    """The innermost line of the user, and whether a backward pass is running above it."""
    in_backward = False
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_INTERNAL):
            return Source(code.co_filename, frame.f_lineno, code.co_name), in_backward
        in_backward = in_backward or code is walk.__code__
        frame = frame.f_back
    return None, in_backward


# ---------------------------------------------------------------- arguments


def _layout(primitive: Primitive) -> tuple[list[inspect.Parameter], list[inspect.Parameter]]:
    """The parameters that are passed by position, and those passed by keyword."""
    parameters = list(primitive.signature.parameters.values())
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    return [p for p in parameters if p.kind is not p.KEYWORD_ONLY], keywords


def _named(primitive: Primitive, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Any, Any]]:
    """The name, value and default of each argument."""
    by_position, by_keyword = _layout(primitive)
    last = len(arguments) - len(by_keyword)
    for index, p in enumerate(by_position):
        if p.kind is p.VAR_POSITIONAL:
            for item, value in enumerate(arguments[index:last]):
                yield f"{p.name}[{item}]", value, p.empty
        else:
            yield p.name, arguments[index], p.default
    for p, value in zip(by_keyword, arguments[last:], strict=True):
        yield p.name, value, p.default


def by_name(primitive: Primitive, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The arguments by their names; those of a starred one in a list."""
    found: dict[str, Any] = {}
    for name, value, _ in _named(primitive, arguments):
        base, item, _ = name.partition("[")
        if item:
            found.setdefault(base, []).append(value)
        else:
            found[name] = value
    return found


def _copies(given: Any, kept: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """The arrays that are kept but are not what was given, each with what was."""
    if isinstance(kept, np.ndarray):
        if isinstance(given, Tensor | np.ndarray) and plain(given) is not kept:
            yield given, kept
    elif isinstance(kept, list | tuple) and isinstance(given, list | tuple):
        for item, kept_item in zip(given, kept, strict=False):
            yield from _copies(item, kept_item)


def _same(value: Any, default: Any) -> bool:
    """Whether an argument was left at its default, or need not be told from it."""
    simple = (bool, int, float, str, type(None))
    return isinstance(value, simple) and isinstance(default, simple) and value == default
