"""`draw`, and the picture that it returns."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from autodiff.errors import AutodiffError
from autodiff.graphview.build import Names, from_tensor, from_trace
from autodiff.graphview.dot import Style, to_dot
from autodiff.graphview.model import Graph
from autodiff.graphview.reduce import collapse, fold, limit
from autodiff.graphview.text import to_text
from autodiff.inspecting.tracing import Trace
from autodiff.tensors.tensor import Tensor

__all__ = ["Drawing", "DrawingError", "draw"]

MAX_NODES = 200
SHARP = 192  # dots per inch; twice the usual, for today's screens


class DrawingError(AutodiffError, RuntimeError):
    """A picture cannot be made; the message says what is missing."""


class Drawing:
    """A picture of a graph. A notebook shows it; `save` writes it; `print` gives plain text.

    Attributes:
        graph: what is drawn, as data.
        style: how.
    """

    def __init__(self, graph: Graph, style: Style) -> None:
        self.graph = graph
        self.style = style

    @cached_property
    def dot(self) -> str:
        """The picture as text in Graphviz's language; the same in every run."""
        return self._source(self.style)

    def _source(self, style: Style) -> str:
        try:
            return to_dot(self.graph, style)
        except ModuleNotFoundError as error:
            raise DrawingError(
                "draw: the Python package graphviz is missing; run `pip install graphviz` "
                "(print(drawing) and .save('graph.json') work without it)"
            ) from error

    @cached_property
    def text(self) -> str:
        """The graph as plain text."""
        return to_text(self.graph)

    def svg(self) -> str:
        """The picture as SVG."""
        return self._render("svg").decode()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture: the name ends in .svg, .png, .pdf, .dot, .json or .txt.

        An existing file is replaced only once the new one is complete. Returns the path.
        """
        path = Path(path)
        make = self._makers().get(path.suffix.lower())
        if make is None:
            known = ", ".join(self._makers())
            raise DrawingError(
                f"draw: cannot save {path.name!r}, whose ending {path.suffix!r} is none of "
                f"{known}; write, for example, {path.stem + '.svg'!r}"
            )
        _write(path, make())
        return path

    def _makers(self) -> dict[str, Callable[[], bytes]]:
        return {
            ".svg": lambda: self._render("svg"),
            ".png": lambda: self._render("png"),
            ".pdf": lambda: self._render("pdf"),
            ".dot": lambda: self.dot.encode(),
            ".gv": lambda: self.dot.encode(),
            ".json": lambda: self.graph.to_json().encode(),
            ".txt": lambda: f"{self.text}\n".encode(),
        }

    def _render(self, kind: str) -> bytes:
        source = self._source(replace(self.style, dpi=SHARP)) if kind == "png" else self.dot
        import graphviz

        try:
            return graphviz.Source(source).pipe(format=kind)
        except graphviz.ExecutableNotFound as error:
            raise DrawingError(
                f"draw: {kind.upper()} needs the program `dot` of Graphviz, which is not "
                "installed; get it with `apt install graphviz`, `brew install graphviz` or from "
                "graphviz.org (.save('graph.dot'), .save('graph.json') and print(drawing) do "
                "without it)"
            ) from error

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Drawing({len(self.graph.nodes)} nodes, {len(self.graph.edges)} edges)"

    def _repr_svg_(self) -> str | None:
        """For notebooks; None, and so the plain text, where pictures cannot be made."""
        try:
            return self.svg()
        except DrawingError:
            return None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """For notebooks: the picture, and plain text for those who cannot see it."""
        try:
            return {"image/svg+xml": self.svg(), "text/plain": self.text}
        except DrawingError as error:
            return {"text/plain": f"{self.text}\n\n{error}"}


def draw(
    target: Tensor | Trace | Graph,
    *,
    names: Names = (),
    depth: int | None = None,
    max_nodes: int | None = MAX_NODES,
    direction: str | None = None,
    values: bool | None = None,
    gradients: bool = True,
    legend: bool | None = None,
) -> Drawing:
    """A picture of how a tensor was computed, or of everything in a trace.

    A tensor's picture shows the operations through which gradients flow, and the values that the
    graph still holds: those that the rules need, until a backward pass frees them. A trace's
    picture shows all values and gradients, constants, and scopes as boxes.

    Arguments:
        target: a tensor, a trace, or a graph made before (``drawing.graph``).
        names: names for tensors, such as ``model.named_parameters()``.
        depth: how many levels of scopes to open; the ones below are drawn as single nodes.
        max_nodes: of a larger graph, repetitions are folded; if it is still too large, the
            middle is left out, and a node says how much. None draws everything.
        direction: "LR" or "TB": left to right or top to bottom.
        values: True shows the values of arrays too, False shows none. By default, single numbers.
        gradients: whether to show the gradients that are known.
        legend: whether to explain the colours.

    >>> import autodiff as ad
    >>> x = ad.tensor(2.0, requires_grad=True, name="x")
    >>> y = x**3 + 4 * x
    >>> ad.draw(y)
    Drawing(6 nodes, 6 edges)
    >>> print(ad.draw(y, max_nodes=4))
    n0  x                       leaf    float64  2
    n2  ... left out (3 nodes)  folded
    n5  n2 + n2                 output  float64  16
    """
    if isinstance(target, Trace):
        graph = from_trace(target, names)
    elif isinstance(target, Graph):
        graph = target
    elif isinstance(target, Tensor):
        graph = from_tensor(target, names)
    else:
        raise TypeError(
            f"draw: a Tensor, a trace or a graph is needed, not {type(target).__name__}; "
            "record with `with ad.trace() as t:` and draw t"
        )
    if direction not in (None, "LR", "TB"):
        raise ValueError(f"draw: direction is 'LR' or 'TB', not {direction!r}")
    if max_nodes is not None and max_nodes < 3:
        raise ValueError(f"draw: max_nodes is at least 3, not {max_nodes}")
    if depth is not None and depth < 0:
        raise ValueError(f"draw: depth is at least 0, not {depth}")
    if depth is not None:
        graph = collapse(graph, depth)
    if max_nodes is not None and len(graph) > max_nodes:
        graph = limit(fold(graph), max_nodes)
    return Drawing(graph, Style(direction, values, gradients, legend))


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step: it is there in full, or as it was before."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
