"""A `Graph` as plain text, for terminals and tests."""

from __future__ import annotations

from autodiff.graphview.labels import SYMBOLS
from autodiff.graphview.model import Edge, Graph, GraphNode, common_scope
from autodiff.graphview.summary import number

__all__ = ["to_text"]


def to_text(graph: Graph) -> str:
    """One line for each node but constants, in topological order, under the names of the scopes.

    >>> import autodiff as ad
    >>> x = ad.tensor(2.0, requires_grad=True, name="x")
    >>> with ad.trace() as t, ad.scope("cubic"):
    ...     (x**3 + 4 * x).backward()
    >>> print(ad.draw(t))
    cubic
      n0  x        leaf    float64  2   grad 16
      n2  n0 ** 3          float64  8   grad 1
      n4  4 * n0           float64  8   grad 1
      n5  n2 + n4  output  float64  16  grad 1
    """
    rows: list[list[str]] = []  # a single entry is a title
    open_scope: tuple[str, ...] = ()
    for node in graph.nodes:
        if node.kind == "constant" and graph.users[node.id]:
            continue
        shared = len(common_scope(open_scope, node.scope))
        rows += [["  " * depth + node.scope[depth]] for depth in range(shared, len(node.scope))]
        open_scope = node.scope
        rows.append(_row(graph, node))
    columns = [row for row in rows if len(row) > 1]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        if len(row) > 1
        else row[0]
        for row in rows
    )


def _row(graph: Graph, node: GraphNode) -> list[str]:
    kind = "" if node.kind == "operation" else node.kind
    dtype = f"{node.dtype or ''} {node.shape or ''}".strip()
    value = node.value.text if node.value is not None else ""
    number = "  " * len(node.scope) + node.id
    return [number, _expression(graph, node), kind, dtype, value, _gradient(node)]


def _expression(graph: Graph, node: GraphNode) -> str:
    inputs = graph.inputs[node.id]
    if node.kind == "folded":
        return f"... {node.label} ({node.count:,} nodes)"
    if not node.is_operation and not inputs:
        return node.name or node.label
    operands = [_operand(graph, edge) for edge in inputs]
    prefix = f"{node.name} = " if node.name else ""
    if node.operation in SYMBOLS and len(operands) == 2:
        return f"{prefix}{operands[0]} {node.label} {operands[1]}"
    if node.operation == "getitem" and len(operands) == 1:
        index = node.options.get("index", "")
        return f"{prefix}{operands[0]}{index if index.startswith('[') else f'[{index}]'}"
    options = [f"{name}={value}" for name, value in node.options.items()]
    function = node.operation or node.label
    return f"{prefix}{function}({', '.join([*operands, *options])})"


def _operand(graph: Graph, edge: Edge) -> str:
    source = graph[edge.source]
    if source.kind == "constant":
        return source.label
    return edge.source if edge.output is None else f"{edge.source}[{edge.output}]"


def _gradient(node: GraphNode) -> str:
    gradient = node.gradient
    if gradient is None:
        return ""
    if not node.shape or gradient.norm is None:
        return f"grad {gradient.text}"
    return f"|grad| {number(gradient.norm)}"
