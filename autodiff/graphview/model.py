"""The graph as data: what every picture is made from, and what ``.save("y.json")`` writes.

A `Graph` is a list of nodes in topological order (inputs first) and a list of edges from the
value to its user. Both are plain records. `Graph.to_dict` gives the same as nested
dicts of strings, numbers and None:

========== =========================================================================
key        content
========== =========================================================================
format     always ``"autodiff.graph"``
version    1; it is raised when a key changes its meaning or goes away
level      ``"recorded"`` (from a tensor) or ``"traced"`` (from a trace)
nodes      a list of objects with the attributes of `GraphNode`
edges      a list of objects with the attributes of `Edge`
========== =========================================================================

The ids ``n0``, ``n1``, ... are counted in topological order, so the same program gives the same
ids in every run. Every key is always there, with None for what is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from autodiff.graphview.summary import Summary

__all__ = ["Edge", "Graph", "GraphNode", "Kind", "Line", "common_scope"]

FORMAT = "autodiff.graph"
VERSION = 1

Kind = Literal[
    "input",  # an array, or a tensor without a gradient
    "leaf",  # a tensor with requires_grad=True
    "parameter",  # the same, in a model: an instance of a subclass of Tensor
    "constant",  # a single number
    "operation",
    "output",  # an operation whose result no other one uses
    "module",  # a whole scope, drawn as one node
    "folded",  # nodes that are left out
]


@dataclass(frozen=True, slots=True)
class Line:
    """The user's line that called an operation; `file` is relative to the working directory."""

    file: str
    line: int
    function: str
    text: str


@dataclass(slots=True)
class GraphNode:
    """An operation, or a value that no operation of the graph made.

    Attributes:
        id: ``n0``, ``n1``, ... in topological order.
        kind: see `Kind`.
        label: what to show in the picture: a symbol, a function's name, or the value's name.
        operation: the name of the primitive; None if it is not an operation.
        name: the tensor's name, if it has one.
        shape, dtype: of the result; None if there are several results, or if it is not known.
        value, gradient: None if they are not known.
        options: the arguments that are no values of the graph, such as ``axis``, as text.
        scope: the names of the enclosing scopes, outermost first.
        source: the user's line.
        seconds: how long the operation took.
        bytes: the size of the results.
        count: how many nodes this one stands for.
    """

    id: str
    kind: Kind
    label: str
    operation: str | None = None
    name: str | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    value: Summary | None = None
    gradient: Summary | None = None
    options: dict[str, str] = field(default_factory=dict)
    scope: tuple[str, ...] = ()
    source: Line | None = None
    seconds: float | None = None
    bytes: int | None = None
    count: int = 1

    @property
    def is_operation(self) -> bool:
        """Whether something is computed here."""
        return self.kind in ("operation", "output")


@dataclass(slots=True)
class Edge:
    """A value on its way from the node that made it to one that uses it.

    Attributes:
        source, target: ids.
        argument: the operation's name for the value, such as ``a``; None at a folded node.
        output: which of the source's results it is; None if there is only one.
        shape: of the value.
        tracked: whether a gradient may flow back.
    """

    source: str
    target: str
    argument: str | None = None
    output: int | None = None
    shape: tuple[int, ...] | None = None
    tracked: bool = True


def common_scope(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes that two have in common.

    >>> common_scope(("model", "encoder"), ("model", "decoder"))
    ('model',)
    """
    length = 0
    while length < min(len(a), len(b)) and a[length] == b[length]:
        length += 1
    return a[:length]


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order, and the edges between them, those into one node in order.

    >>> import autodiff as ad
    >>> x = ad.tensor(2.0, requires_grad=True, name="x")
    >>> graph = ad.draw(x * x).graph
    >>> [(node.id, node.label) for node in graph]
    [('n0', 'x'), ('n1', '*')]
    >>> [(edge.source, edge.target) for edge in graph.edges]
    [('n0', 'n1'), ('n0', 'n1')]
    """

    level: Literal["recorded", "traced"]
    nodes: tuple[GraphNode, ...]
    edges: tuple[Edge, ...]

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[GraphNode]:
        return iter(self.nodes)

    def __getitem__(self, id: str) -> GraphNode:
        return self._by_id[id]

    @cached_property
    def _by_id(self) -> dict[str, GraphNode]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def inputs(self) -> dict[str, list[Edge]]:
        """The edges into every node, by its id."""
        found: dict[str, list[Edge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            found[edge.target].append(edge)
        return found

    @cached_property
    def users(self) -> dict[str, list[Edge]]:
        """The edges out of every node, by its id."""
        found: dict[str, list[Edge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            found[edge.source].append(edge)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The graph as nested dicts and lists; the keys are described at the head of this file."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "level": self.level,
            "nodes": [_plain(node) for node in self.nodes],
            "edges": [_plain(edge) for edge in self.edges],
        }

    def to_json(self) -> str:
        """The same as text, with a line for each node and edge."""
        lines = []
        for key, value in self.to_dict().items():
            if isinstance(value, list):
                items = ",\n".join(
                    json.dumps(v, ensure_ascii=False, allow_nan=False) for v in value
                )
                lines.append(f'"{key}": [\n{items}\n]')
            else:
                lines.append(f'"{key}": {json.dumps(value)}')
        return "{\n" + ",\n".join(lines) + "\n}\n"


def _plain(record: Any) -> dict[str, Any]:
    """A record as a dict; dataclasses.asdict copies every value, which takes much longer."""
    result = {}
    for name in record.__slots__:
        value = getattr(record, name)
        if isinstance(value, tuple):
            value = list(value)
        elif hasattr(value, "__dataclass_fields__"):
            value = _plain(value)
        result[name] = value
    return result
