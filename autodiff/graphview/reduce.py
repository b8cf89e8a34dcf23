"""Smaller graphs: modules drawn as one node, repetitions folded, the middle left out.

Each function returns a graph with the same ids for the nodes that stay. Only stretches without
a way out and back in are merged, so the result has no cycles.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autodiff.graphview.model import Edge, Graph, GraphNode, common_scope

__all__ = ["collapse", "fold", "limit"]

LONGEST_PERIOD = 512  # of a repetition, in nodes
WORTHWHILE = 10  # nodes that folding saves
SHARED = 4  # a value with this many users is one that every repetition uses


def collapse(graph: Graph, depth: int) -> Graph:
    """Scopes below the outermost `depth` as one node each."""
    members: dict[tuple[str, ...], list[int]] = {}
    for index, node in enumerate(graph.nodes):
        if len(node.scope) > depth:
            members.setdefault(node.scope[: depth + 1], []).append(index)
    groups = []
    for scope, indices in members.items():
        nodes = [graph.nodes[i] for i in indices]
        parameters = [node for node in nodes if node.kind in ("leaf", "parameter")]
        results = _results(graph, nodes)
        single = results[0] if len(results) == 1 else None
        merged = GraphNode(
            nodes[0].id,
            "module",
            scope[-1],
            name=single and single.name,
            shape=single and single.shape,
            dtype=single and single.dtype,
            value=single and single.value,
            gradient=single and single.gradient,
            options=_parameters(parameters),
            scope=scope[:-1],
            count=sum(node.count for node in nodes),
            seconds=_seconds(nodes),
            bytes=_bytes(nodes),
        )
        groups.append((indices, merged))
    return _merge(graph, groups)


def fold(graph: Graph) -> Graph:
    """Long repetitions of the same operations as their first round, a note, and their last."""
    groups = []
    for start, period, rounds in _repetitions(_signatures(graph)):
        middle = range(start + period, start + (rounds - 1) * period)
        operations = sum(node.is_operation for node in graph.nodes[start : start + period])
        what = "operation" if operations == 1 else f"{operations} operations"
        groups.append((middle, _folded(graph, middle, f"the same {what}, {rounds - 2:,} times")))
    return _merge(graph, groups)


def limit(graph: Graph, max_nodes: int) -> Graph:
    """At most `max_nodes` nodes: of a larger graph the first and the last ones."""
    if len(graph) <= max_nodes:
        return graph
    first = max_nodes // 2
    middle = range(first, len(graph) - (max_nodes - first - 1))
    return _merge(graph, [(middle, _folded(graph, middle, "left out"))])


# ---------------------------------------------------------------- merging


def _merge(graph: Graph, groups: Sequence[tuple[Sequence[int], GraphNode]]) -> Graph:
    """Replace each group of nodes, given by their positions, by a single one."""
    if not groups:
        return graph
    nodes: dict[int, GraphNode] = dict(enumerate(graph.nodes))
    new_ids: dict[str, str] = {}
    for indices, merged in groups:
        # In the place of the last member that has inputs, the group comes after all it needs.
        last = max((i for i in indices if graph.inputs[graph.nodes[i].id]), default=indices[-1])
        for i in indices:
            new_ids[graph.nodes[i].id] = merged.id
            del nodes[i]
        nodes[last] = merged
    edges: dict[tuple[str, str, str | None, int | None], Edge] = {}
    for edge in graph.edges:
        source, target = new_ids.get(edge.source), new_ids.get(edge.target)
        if source is not None and source == target:
            continue
        moved = replace(
            edge,
            source=source or edge.source,
            target=target or edge.target,
            argument=None if target else edge.argument,
            output=None if source else edge.output,
        )
        key = (moved.source, moved.target, moved.argument, moved.output)
        moved.tracked = edge.tracked or (key in edges and edges[key].tracked)
        edges[key] = moved
    return Graph(graph.level, tuple(nodes[i] for i in sorted(nodes)), tuple(edges.values()))


def _folded(graph: Graph, indices: Sequence[int], label: str) -> GraphNode:
    nodes = [graph.nodes[i] for i in indices]
    count = sum(node.count for node in nodes)
    scope = functools.reduce(common_scope, (node.scope for node in nodes))
    return GraphNode(
        nodes[0].id,
        "folded",
        label,
        scope=scope,
        count=count,
        seconds=_seconds(nodes),
        bytes=_bytes(nodes),
    )


def _seconds(nodes: list[GraphNode]) -> float | None:
    known = [node.seconds for node in nodes if node.seconds is not None]
    return sum(known) if known else None


def _bytes(nodes: list[GraphNode]) -> int | None:
    known = [node.bytes for node in nodes if node.bytes is not None and node.is_operation]
    return sum(known) if known else None


def _results(graph: Graph, nodes: list[GraphNode]) -> list[GraphNode]:
    """The operations among `nodes` whose results are used elsewhere, or nowhere."""
    inside = {node.id for node in nodes}
    return [
        node
        for node in nodes
        if node.is_operation
        and (
            not graph.users[node.id]
            or any(edge.target not in inside for edge in graph.users[node.id])
        )
    ]


def _parameters(nodes: list[GraphNode]) -> dict[str, str]:
    sizes = [int(np.prod(node.shape)) for node in nodes if node.shape is not None]
    return {"parameters": f"{sum(sizes):,}"} if sizes else {}


# ---------------------------------------------------------------- repetitions


def _signatures(graph: Graph) -> np.ndarray:
    """A number for each node; equal numbers do the same with what comes from the same place."""
    position = {node.id: index for index, node in enumerate(graph.nodes)}
    numbers: dict[object, int] = {}
    found = np.empty(len(graph), dtype=np.int64)
    for index, node in enumerate(graph.nodes):
        sources = []
        for edge in graph.inputs[node.id]:
            source = graph[edge.source]
            shared = not source.is_operation or len(graph.users[source.id]) >= SHARED
            place = source.kind if shared else index - position[source.id]
            sources.append((edge.argument, edge.output, place))
        value = node.label if node.kind == "constant" else None
        options = tuple(node.options.values())
        kind = "operation" if node.is_operation else node.kind
        key = (kind, node.operation, node.shape, node.dtype, value, options, tuple(sources))
        found[index] = numbers.setdefault(key, len(numbers))
    return found


def _repetitions(signatures: np.ndarray) -> list[tuple[int, int, int]]:
    """Stretches that repeat, apart from each other: (start, length of a round, rounds)."""
    count = len(signatures)
    candidates: list[tuple[int, int, int, int]] = []  # nodes saved, start, period, rounds
    for period in range(1, min(LONGEST_PERIOD, count // 4) + 1):
        equal = np.concatenate(([False], signatures[period:] == signatures[:-period], [False]))
        edges = np.flatnonzero(equal[1:] != equal[:-1])
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            rounds = (stop - start) // period + 1
            saved = (rounds - 2) * period - 1
            if rounds >= 4 and saved >= WORTHWHILE:
                candidates.append((saved, start, period, rounds))
    candidates.sort(key=lambda candidate: (-candidate[0], candidate[2]))
    taken = np.zeros(count, dtype=bool)
    chosen = []
    for _, start, period, rounds in candidates:
        stretch = slice(start, start + period * rounds)
        if not taken[stretch].any():
            taken[stretch] = True
            chosen.append((start, period, rounds))
    return chosen
