"""Making a `Graph` of a tensor's recorded graph, or of a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autodiff.declare.primitive import Primitive, entries
from autodiff.engine.graph import Alias, Leaf, Node, Output, ancestors
from autodiff.engine.registry import remembered
from autodiff.errors import GradientError
from autodiff.graphview.labels import SYMBOLS, option_text
from autodiff.graphview.model import Edge, Graph, GraphNode, Kind, Line, common_scope
from autodiff.graphview.summary import Summary, dtype_name, number, summarize
from autodiff.inspecting.tracing import Operand, Operation, Source, Trace
from autodiff.tensors.tensor import Result, Tensor, View, make

__all__ = ["Names", "from_tensor", "from_trace"]

Names = Mapping[str, Any] | Iterable[tuple[str, Any]]


class _Given:
    """What the user knows of values, by the names that they gave them."""

    def __init__(self, names: Names) -> None:
        self.by_node: dict[Node, tuple[str, Tensor]] = {}
        self.by_data: dict[int, str] = {}
        for name, value in dict(names).items():
            if isinstance(value, Tensor) and value.node is not None:
                self.by_node[value.node] = (name, value)
            else:
                data = value.data if isinstance(value, Tensor) else value
                self.by_data[id(data)] = name

    def name(self, node: Node | None, data: Any) -> str | None:
        """The name given to a value."""
        if node in self.by_node:
            return self.by_node[node][0]
        return self.by_data.get(id(data)) if isinstance(data, np.ndarray | np.inexact) else None

    def tensor(self, node: Node) -> Tensor | None:
        """The tensor at `node`, if the user gave it."""
        return self.by_node[node][1] if node in self.by_node else None


class _Builder:
    """Nodes and edges in the making; nodes are numbered as they are added."""

    def __init__(self) -> None:
        self.nodes: list[GraphNode] = []
        self.edges: list[Edge] = []

    def node(self, kind: Kind, label: str, **attributes: Any) -> str:
        """Add a node and return its id."""
        id = f"n{len(self.nodes)}"
        self.nodes.append(GraphNode(id, kind, label, **attributes))
        return id

    def constant(self, value: Any, argument: str) -> str:
        """Add a value that has no place in the graph."""
        if np.ndim(value):
            array = np.asarray(value)
            return self.node(
                "input",
                _telling(argument),
                shape=array.shape,
                dtype=dtype_name(array.dtype),
                value=summarize(array),
                bytes=array.nbytes,
            )
        summary = summarize(value)
        dtype = dtype_name(value.dtype) if hasattr(value, "dtype") else None
        return self.node("constant", summary.text, shape=(), dtype=dtype, value=summary)


# ---------------------------------------------------------------- from a tensor


def from_tensor(tensor: Tensor, names: Names = ()) -> Graph:
    """The operations through which gradients flow back from `tensor`.

    Of the values, it has those that the graph keeps for the backward pass (until that frees them),
    those of the leaves, the tensor's own, and those of the tensors in `names`.
    """
    root = tensor.node
    if root is None:
        raise GradientError(
            "draw: no gradient flows to this tensor, so nothing was recorded; give "
            "requires_grad=True to a tensor that it depends on, or record everything with "
            "`with ad.trace() as t:` and draw t"
        )
    given = _Given(names)
    # Leaves, which all have the order 0, are added where they are first used.
    found = [node for node in ancestors(root) if node.order and _see_through(node) is node]
    found.reverse()
    values = _kept_values(found)
    values[root] = tensor.data
    builder = _Builder()
    ids: dict[Node, str] = {}
    for node in found:
        inputs = [
            (
                argument,
                parent,
                builder.constant(value, argument)
                if parent is None
                else _source(builder, ids, parent, argument, values, given),
            )
            for argument, parent, value in _operands(node)
            if parent is not None or value is not None
        ]
        ids[node] = id = _add_recorded(builder, node, root, values, given)
        for argument, parent, source in inputs:
            builder.edges.append(
                Edge(
                    source,
                    id,
                    argument,
                    output=parent.index if isinstance(parent, Output) else None,
                    shape=builder.nodes[int(source[1:])].shape if parent is None else parent.shape,
                    tracked=parent is not None,
                )
            )
    if not found:
        _source(builder, ids, root, "", values, given)
    return Graph("recorded", tuple(builder.nodes), tuple(builder.edges))


def _see_through(node: Node) -> Node:
    """The node that made the value; aliases and outputs only pass it on."""
    while True:
        parent = node.parent if isinstance(node, Alias | Output) else None
        if parent is None:
            return node
        node = parent


@remembered
def _slots(kind: type[Node]) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, Any]]]:
    """The arguments, with the slots of their nodes and values; the options, with the slots of
    their values and their defaults."""
    names = [slot for base in kind.__mro__ for slot in getattr(base, "__slots__", ())]
    arguments = [
        (slot.removesuffix("_node"), slot, slot.removesuffix("_node") + "_kept")
        for slot in names
        if slot.endswith("_node")
    ]
    slots = {name for name, _, _ in arguments}
    primitives = [p for p in entries if isinstance(p, Primitive) and p.name == kind.operation]
    defaults = {
        name: parameter.default
        for primitive in primitives
        for name, parameter in primitive.signature.parameters.items()
    }
    options = [
        (slot.removesuffix("_kept"), slot, defaults.get(slot.removesuffix("_kept")))
        for slot in kind.kept
        if slot != "y_kept" and slot.removesuffix("_kept") not in slots
    ]
    return arguments, options


def _operands(node: Node) -> Iterator[tuple[str, Node | None, Any]]:
    """The arguments of an operation: their names, nodes, and values if these are kept.

    Without the one or the other, None stands for it.
    """
    for argument, slot, kept in _slots(type(node))[0]:
        parent = getattr(node, slot)
        value = node.value(kept)
        if isinstance(parent, tuple):
            values = value if isinstance(value, list) else [None] * len(parent)
            for index, (item, item_value) in enumerate(zip(parent, values, strict=True)):
                yield f"{argument}[{index}]", item, item_value
        else:
            yield argument, parent, value


def _kept_values(nodes: list[Node]) -> dict[Node, Any]:
    """The values that are known from what operations keep for their rules."""
    values: dict[Node, Any] = {}
    for node in nodes:
        result = node.value("y_kept")
        if node.shape is not None and result is not None:
            values[node] = result
        values |= {
            parent: value
            for _, parent, value in _operands(node)
            if parent is not None and value is not None
        }
    return values


def _source(
    builder: _Builder,
    ids: dict[Node, str],
    parent: Node,
    argument: str,
    values: dict[Node, Any],
    given: _Given,
) -> str:
    """The id of what made an argument; a leaf is added."""
    node = _see_through(parent)
    if node not in ids:
        ids[node] = _add_leaf(builder, node, argument, values, given)
    return ids[node]


def _add_leaf(
    builder: _Builder, node: Node, argument: str, values: dict[Node, Any], given: _Given
) -> str:
    tensor = given.tensor(node)
    if tensor is None and isinstance(node, Leaf):
        tensor = node.tensor()
    value = values.get(node) if tensor is None else tensor.data
    name = given.name(node, value) or make(value, node).name
    return builder.node(
        _leaf_kind(tensor),
        name or _telling(argument),
        name=name,
        shape=node.shape,
        dtype=dtype_name(node.dtype),
        value=_known(value),
        gradient=_known(make(value, node).grad),
    )


def _add_recorded(
    builder: _Builder, node: Node, root: Node, values: dict[Node, Any], given: _Given
) -> str:
    if isinstance(node, Alias):
        return _add_leaf(builder, node, "", values, given)
    tensor = make(values.get(node), node)
    options = {
        name: option_text(value)
        for name, slot, default in _slots(type(node))[1]
        if (value := node.value(slot)) is not None and value is not default
    }
    return builder.node(
        "output" if node is _see_through(root) else "operation",
        SYMBOLS.get(node.operation, node.operation),
        operation=node.operation,
        name=given.name(node, None) or tensor.name,
        shape=node.shape,
        dtype=None if node.shape is None else dtype_name(node.dtype),
        value=_known(tensor.data),
        gradient=_known(tensor.grad),
        options=options,
    )


def _telling(argument: str) -> str:
    """An argument's name, as far as it says something of a value that has no name itself."""
    return argument if len(argument) > 1 and "[" not in argument else ""


def _leaf_kind(tensor: Tensor | None) -> Kind:
    """Models have a class of their own for their parameters."""
    return "leaf" if tensor is None or type(tensor) in (Tensor, Result, View) else "parameter"


def _known(value: Any) -> Summary | None:
    return None if value is None else summarize(value.data if isinstance(value, Tensor) else value)


# ---------------------------------------------------------------- from a trace


def from_trace(trace: Trace, names: Names = ()) -> Graph:
    """Everything in a trace: also constants, and what no gradient flows through."""
    given = _Given(names)
    if not trace.operations:
        raise GradientError(
            "draw: the trace has no operations; compute with tensors (ad.tensor, or what a model "
            "returns) inside of `with ad.trace() as t:`, in the same thread"
        )
    final = {id(value) for value in trace.outputs}
    builder = _Builder()
    ids: dict[int, str] = {}  # by the id of a Value or an Operation
    common = _common_scopes(trace)
    folder = Path.cwd()
    for operation in trace.operations:
        sources = []
        for operand in operation.inputs:
            value = operand.value
            maker = value if value.producer is None else value.producer
            if id(maker) not in ids:
                ids[id(maker)] = _add_input(builder, trace, operand, given, common[id(value)])
            sources.append((operand, ids[id(maker)]))
        final_operation = all(id(value) in final for value in operation.outputs)
        id_ = ids[id(operation)] = _add_operation(
            builder, trace, operation, given, "output" if final_operation else "operation", folder
        )
        for operand, source in sources:
            value = operand.value
            several = value.producer is not None and len(value.producer.outputs) > 1
            builder.edges.append(
                Edge(
                    source,
                    id_,
                    operand.argument,
                    output=value.index if several else None,
                    shape=value.data.shape,
                    tracked=operand.tracked,
                )
            )
    return Graph("traced", tuple(builder.nodes), tuple(builder.edges))


def _common_scopes(trace: Trace) -> dict[int, tuple[str, ...]]:
    """The innermost scope that has all uses of a value, by the id of the value."""
    scopes: dict[int, tuple[str, ...]] = {}
    for operation in trace.operations:
        for operand in operation.inputs:
            key = id(operand.value)
            old = scopes.get(key)
            scopes[key] = operation.scope if old is None else common_scope(old, operation.scope)
    return scopes


def _add_input(
    builder: _Builder, trace: Trace, operand: Operand, given: _Given, scope: tuple[str, ...]
) -> str:
    value = operand.value
    data, node = value.data, value.node
    name = given.name(node, data) or value.name
    tensor = value.tensor
    if isinstance(node, Leaf | Alias):
        kind = _leaf_kind(tensor)
    elif not data.shape and name is None:
        kind = "constant"
    else:
        kind, scope = "input", ()  # data comes from outside of every module
    return builder.node(
        kind,
        number(data.item()) if kind == "constant" else name or _telling(operand.argument),
        name=name,
        shape=data.shape,
        dtype=dtype_name(data.dtype),
        value=_known(data),
        gradient=_known(trace.gradient(value)),
        scope=scope,
        bytes=data.nbytes,
    )


def _add_operation(
    builder: _Builder,
    trace: Trace,
    operation: Operation,
    given: _Given,
    kind: Kind,
    folder: Path,
) -> str:
    single = operation.outputs[0] if len(operation.outputs) == 1 else None
    return builder.node(
        kind,
        SYMBOLS.get(operation.name, operation.name),
        operation=operation.name,
        name=single and (given.name(single.node, single.data) or single.name),
        shape=single and single.data.shape,
        dtype=single and dtype_name(single.data.dtype),
        value=single and _known(single.data),
        gradient=single and _known(trace.gradient(single)),
        options={name: option_text(value) for name, value in operation.options.items()},
        scope=operation.scope,
        source=_line(operation.source, folder),
        seconds=operation.seconds,
        bytes=operation.nbytes,
    )


def _line(source: Source | None, folder: Path) -> Line | None:
    if source is None:
        return None
    path = Path(source.file)
    file = str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name
    return Line(file, source.line, source.function, source.text)
