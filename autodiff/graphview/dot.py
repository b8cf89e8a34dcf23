"""A `Graph` as text for Graphviz: scopes as nested boxes, shapes on the edges.

The text is the same in every run: ids are those of the graph, boxes are counted from the top.
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from typing import Any

from autodiff.graphview.labels import with_constants
from autodiff.graphview.model import Edge, Graph, GraphNode, Kind
from autodiff.graphview.summary import number

__all__ = ["Style", "to_dot"]

FONT = "Helvetica,Arial,sans-serif"
INK, GREY, TITLE, ROSE = "#1f2937", "#6b7280", "#475569", "#be123c"
TIMES = "\N{MULTIPLICATION SIGN}"
TYPOGRAPHY = str.maketrans({"*": TIMES, "-": "\N{MINUS SIGN}", "/": "\N{DIVISION SIGN}"})
LARGEST_NAME = 40  # letters
WIDEST = 12  # nodes in a row; a graph with a longer path is drawn from top to bottom


@dataclass(frozen=True, slots=True)
class _Look:
    """How a kind of node is drawn."""

    title: str  # in the legend
    fill: str
    line: str
    rounded: bool = True
    dashed: bool = False


_LOOKS: dict[Kind, _Look] = {
    "input": _Look("data", "#dbeafe", "#3b82f6", rounded=False),
    "leaf": _Look("requires grad", "#dcfce7", "#16a34a"),
    "parameter": _Look("parameter", "#dcfce7", "#16a34a"),
    "constant": _Look("constant", "#ffffff", "#ffffff"),
    "operation": _Look("operation", "#ffffff", "#9ca3af"),
    "output": _Look("result", "#ffedd5", "#ea580c"),
    "module": _Look("module", "#f3f4f6", "#4b5563"),
    "folded": _Look("left out", "#ffffff", "#9ca3af", dashed=True),
}
_ARRAYS = ("input", "leaf", "parameter")
# The background of a box, by how deep it lies; then from the start again.
_CLUSTERS = ("#f8fafc", "#f1f5f9")


@dataclass(frozen=True, slots=True)
class Style:
    """The choices that a picture leaves to the user.

    Attributes:
        direction: ``"LR"`` or ``"TB"``, left to right or top to bottom; None chooses.
        values: whether to show values; None shows single numbers only.
        gradients: whether to show gradients where they are known.
        legend: whether to explain the colours; None does in larger pictures.
        dpi: dots per inch, for pictures made of dots.
    """

    direction: str | None = None
    values: bool | None = None
    gradients: bool = True
    legend: bool | None = None
    dpi: int | None = None


def to_dot(graph: Graph, style: Style | None = None) -> str:
    """The text for the program ``dot``."""
    return _Renderer(graph, style or Style()).text()


class _Renderer:
    def __init__(self, graph: Graph, style: Style) -> None:
        import graphviz

        self.graph = graph
        self.style = style
        self.escape = graphviz.escape
        self.inlined = {
            node.id for node in graph.nodes if node.kind == "constant" and graph.users[node.id]
        }
        self.boxes = Counter(
            node.scope[:length]
            for node in graph.nodes
            if node.id not in self.inlined
            for length in range(len(node.scope) + 1)
        )
        self.beside = dict(filter(None, map(self._neighbour, graph.nodes)))
        self.clusters = 0
        direction = style.direction or ("LR" if self._longest_path() <= WIDEST else "TB")
        self.dot = graphviz.Digraph(
            "graph",
            graph_attr={
                "rankdir": direction,
                "bgcolor": "white",
                "fontname": FONT,
                "fontsize": "10",
                "fontcolor": GREY,
                "nodesep": "0.25",
                "ranksep": "0.3",
                "pad": "0.2",
                "labelloc": "b",
                **({} if style.dpi is None else {"dpi": str(style.dpi)}),
            },
            node_attr={
                "fontname": FONT,
                "fontsize": "12",
                "fontcolor": INK,
                "shape": "box",
                "height": "0.3",
                "width": "0.3",
                "margin": "0.1,0.05",
                "penwidth": "1.2",
            },
            edge_attr={
                "fontname": FONT,
                "fontsize": "9",
                "fontcolor": GREY,
                "color": "#64748b",
                "arrowsize": "0.6",
                "penwidth": "1.1",
            },
        )

    def text(self) -> str:
        self._box(self.dot, (), [n for n in self.graph.nodes if n.id not in self.inlined])
        for edge in self.graph.edges:
            if edge.source not in self.inlined:
                self._edge(edge)
        legend = self._legend()
        if legend:
            self.dot.attr(label=legend)
        return self.dot.source

    # ------------------------------------------------------------ nodes

    def _box(self, dot: Any, scope: tuple[str, ...], nodes: list[GraphNode]) -> None:
        """Draw the nodes of one scope, and the boxes inside of it."""
        inner: dict[str, list[GraphNode]] = {}
        for node in nodes:
            if len(node.scope) > len(scope):
                inner.setdefault(node.scope[len(scope)], []).append(node)
            elif node.id in self.beside:
                with dot.subgraph() as rank:
                    rank.attr(rank="same")
                    self._node(rank, node)
                    rank.node(self.beside[node.id])
            else:
                self._node(dot, node)
        for name, members in inner.items():
            if len(members) == 1:
                # A box around a single node would say no more than its name.
                self._node(dot, members[0], captions=members[0].scope[len(scope) :])
                continue
            with dot.subgraph(name=f"cluster_{self.clusters}") as box:
                self.clusters += 1
                box.attr(
                    label=f"<{_bold(name)}>",
                    labelloc="t",
                    labeljust="l",
                    style="rounded,filled",
                    fillcolor=_CLUSTERS[len(scope) % len(_CLUSTERS)],
                    color="#cbd5e1",
                    fontsize="10",
                    fontcolor=TITLE,
                    margin="10",
                    tooltip=self.escape(_printable(name)),
                )
                self._box(box, (*scope, name), members)

    def _neighbour(self, node: GraphNode) -> tuple[str, str] | None:
        """An array that a single operation combines with another's result stands beside it."""
        users = self.graph.users[node.id]
        if node.kind not in _ARRAYS or not node.shape or len(users) != 1:
            return None
        user = self.graph[users[0].target]
        aside = ("leaf", "parameter", "constant", node.kind)
        flows = any(
            self.graph[edge.source].kind not in aside for edge in self.graph.inputs[user.id]
        )
        return (node.id, user.id) if flows and self._inside(user) == self._inside(node) else None

    def _inside(self, node: GraphNode) -> tuple[str, ...]:
        """The scope whose box the node is drawn in: there is none around a single node."""
        scope = node.scope
        while scope and self.boxes[scope] == 1:
            scope = scope[:-1]
        return scope

    def _longest_path(self) -> int:
        """How many nodes the longest way through the picture has."""
        lengths: dict[str, int] = {}
        for node in self.graph.nodes:
            before = [
                lengths[edge.source]
                for edge in self.graph.inputs[node.id]
                if edge.source not in self.inlined and edge.source not in self.beside
            ]
            lengths[node.id] = 1 + max(before, default=0)
        return max(lengths.values(), default=0)

    def _node(self, dot: Any, node: GraphNode, captions: tuple[str, ...] = ()) -> None:
        final = node.kind == "module" and not self.graph.users[node.id]
        look = _LOOKS["output" if final else node.kind]
        style = "filled" + ",rounded" * look.rounded + ",dashed" * look.dashed
        dot.node(
            node.id,
            label=f"<{'<BR/>'.join([*map(_caption, captions), *self._rows(node)])}>",
            style=style,
            fillcolor=look.fill,
            color=look.line,
            tooltip=self.escape(_details(node)),
            **({"penwidth": "2"} if look is _LOOKS["output"] else {}),
        )

    def _rows(self, node: GraphNode) -> list[str]:
        rows = [self._title(node)]
        small = []
        if node.kind in _ARRAYS or not self.graph.users[node.id]:
            small.append(_escape(_shape_text(node.shape)))
        small += [_escape(text) for text in _option_texts(node)]
        if node.kind == "folded":
            small.append(f"{node.count:,} nodes")
        rows += [_font(text, 9, GREY) for text in small if text]
        if self._shows_value(node):
            assert node.value is not None
            rows.append(_font(_escape(node.value.text), 10, INK))
        if self.style.gradients and node.gradient is not None:
            rows.append(_font(_gradient_text(node), 10, ROSE))
        return [row for row in rows if row] or [" "]

    def _title(self, node: GraphNode) -> str:
        if node.kind == "folded":
            return _font(f"⋮<BR/>{_escape(node.label)}", 11, GREY)
        if node.kind == "module":
            name = f"<BR/>{_escape(_local_name(node))}" if node.name else ""
            return f"{_bold(node.label)}{name}"
        if not node.is_operation:
            text = node.label if node.name is None else _local_name(node)
            return _bold(text) if text else ""
        operands = [
            self.graph[edge.source].label if edge.source in self.inlined else None
            for edge in self.graph.inputs[node.id]
        ]
        label = node.label
        if label in ("*", "-", "/"):
            label = label.translate(TYPOGRAPHY)
        elif node.operation == "getitem" and "index" in node.options:
            label = _index_text(node.options["index"])
        title = _escape(with_constants(label, node.operation, operands))
        return f"{_bold(_local_name(node))}<BR/>{title}" if node.name else title

    def _shows_value(self, node: GraphNode) -> bool:
        if node.value is None or node.kind == "constant" or self.style.values is False:
            return False
        return node.shape == () or bool(self.style.values)

    # ------------------------------------------------------------ edges and legend

    def _edge(self, edge: Edge) -> None:
        source = self.graph[edge.source]
        attributes = {} if edge.tracked else {"color": "#94a3b8", "style": "dashed"}
        if source.kind not in ("leaf", "parameter"):
            attributes["weight"] = "8"  # the data's way through the model is drawn straight
        parts = []
        if edge.output is not None:
            parts.append(f"[{edge.output}]")
        if edge.shape and source.kind not in _ARRAYS:
            parts.append(_shape_text(edge.shape))
        if parts:
            attributes["label"] = " " + " ".join(parts)
        self.dot.edge(edge.source, edge.target, **attributes)

    def _legend(self) -> str | None:
        wanted = self.style.legend
        if wanted is False or (wanted is None and len(self.graph) <= 8):
            return None
        present = {node.kind for node in self.graph.nodes}
        cells = "".join(
            f'<TD BGCOLOR="{look.fill}" COLOR="{look.line}" BORDER="1" '
            f'STYLE="rounded" WIDTH="12" HEIGHT="10" FIXEDSIZE="TRUE"></TD>'
            f'<TD ALIGN="LEFT">{look.title}  </TD>'
            for kind, look in _LOOKS.items()
            if kind in present and kind not in ("constant", "folded", "module")
        )
        if self.style.gradients and any(node.gradient for node in self.graph.nodes):
            cells += f'<TD><FONT COLOR="{ROSE}">gradient</FONT></TD>'
        if not cells:
            return None
        return f'<<TABLE BORDER="0" CELLSPACING="3" CELLPADDING="1"><TR>{cells}</TR></TABLE>>'


# ---------------------------------------------------------------- text


def _escape(text: str) -> str:
    """Any text for use inside of a label."""
    text = _printable(text)
    return html.escape(text if len(text) <= LARGEST_NAME else f"{text[: LARGEST_NAME - 1]}…")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _bold(text: str) -> str:
    return f"<B>{_escape(text)}</B>" if text else " "


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return TIMES.join(map(str, shape or ()))


def _caption(title: str) -> str:
    return f"<B>{_font(_escape(title), 9, TITLE)}</B>"


def _font(text: str, size: int, color: str) -> str:
    return f'<FONT POINT-SIZE="{size}" COLOR="{color}">{text}</FONT>' if text else ""


def _local_name(node: GraphNode) -> str:
    """The name without the leading part that the titles of the boxes around it repeat."""
    name = node.name or ""
    for title in node.scope:
        prefix = title.partition(":")[0] + "."
        name = name.removeprefix(prefix)
    return name


def _index_text(index: str) -> str:
    return index if index.startswith("[") else f"[{index}]"


def _option_texts(node: GraphNode) -> list[str]:
    if node.kind == "module":
        return [f"{value} {name}" for name, value in node.options.items()]
    shown = {k: v for k, v in node.options.items() if (node.operation, k) != ("getitem", "index")}
    return [", ".join(f"{name}={value}" for name, value in shown.items())]


def _gradient_text(node: GraphNode) -> str:
    gradient = node.gradient
    assert gradient is not None
    if gradient.nonfinite:
        return f"grad: {gradient.nonfinite:,} not finite" if node.shape else f"grad {gradient.text}"
    if not node.shape:
        return f"grad {_escape(gradient.text)}"
    return "" if gradient.norm is None else f"|grad| {number(gradient.norm)}"


def _details(node: GraphNode) -> str:
    """What the mouse pointer shows."""
    lines = [" ".join(filter(None, (node.kind, node.operation, node.name)))]
    if node.shape is not None:
        lines.append(f"{node.dtype or ''} {node.shape}".strip())
    lines += [f"{name} = {value}" for name, value in node.options.items()]
    for what, summary in (("value", node.value), ("gradient", node.gradient)):
        if summary is not None:
            norm = (
                "" if summary.norm is None or not node.shape else f", norm {number(summary.norm)}"
            )
            lines.append(f"{what}: {summary.text}{norm}")
    if node.source is not None:
        lines.append(f"{node.source.file}:{node.source.line}: {node.source.text}")
    return "\n".join(map(_printable, lines))
