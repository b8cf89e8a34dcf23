"""The graph as data, and its pictures.

`draw` makes a `Drawing` of a tensor or a trace; ``drawing.graph`` is the `Graph` behind it, a
documented model that other tools can read (see `autodiff.graphview.model`).
"""

from autodiff.graphview.drawing import Drawing, DrawingError, draw
from autodiff.graphview.model import Edge, Graph, GraphNode, Line
from autodiff.graphview.summary import Summary

__all__ = ["Drawing", "DrawingError", "Edge", "Graph", "GraphNode", "Line", "Summary", "draw"]
