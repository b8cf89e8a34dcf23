"""The plot of the results."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.cases import US
from benchmarks.results import Results

__all__ = ["LOOKS", "draw"]

# Marker and colour; what is of one kind has one colour.
NUMPY, ENGINES, TORCH, JAX, SKLEARN = "#1b8a3a", "#7b3fa0", "#d9480f", "#1864ab", "#495057"
LOOKS = {
    "numpy": ("o", NUMPY),
    "numpy-best": ("D", NUMPY),
    "micrograd": ("s", ENGINES),
    "autograd": ("v", ENGINES),
    "mygrad": ("<", ENGINES),
    "mygrad-unguarded": (">", ENGINES),
    "torch": ("o", TORCH),
    "torch-foreach": ("X", TORCH),
    "torch-fused": ("P", TORCH),
    "torch-compile": ("*", TORCH),
    "jax": ("d", JAX),
    "sklearn": ("h", SKLEARN),
}


def draw(results: Sequence[Results], path: Path) -> None:
    """A row for every case with one thread and the default kernel, a mark for every contender.

    To the right are those that need longer than autodiff. Written as SVG, the same for the same
    results.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SystemExit("The plot needs matplotlib: pip install matplotlib") from error
    rows = [
        measurement
        for result in results
        for measurement in result.measurements
        if result.kernel == "default"
        and measurement.case.threads == 1
        and measurement.case.style == "time"
        and US in measurement.rounds
        and measurement.case.kind != "growth"
    ]
    names = [f"{row.case.suite}: {row.case.name}" for row in rows]
    with mpl.rc_context({"svg.hashsalt": "autodiff", "svg.fonttype": "none"}):
        figure = Figure((9, 1.5 + 0.24 * len(rows)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(1, color="black", linewidth=1)
        for contender, (marker, color) in LOOKS.items():
            points = [
                (1 / row.ratio(contender).median, height)
                for height, row in enumerate(rows)
                if contender in row.rounds
            ]
            if points:
                xs, ys = zip(*points, strict=True)
                size = 8 if marker == "*" else 5.5
                axes.plot(xs, ys, marker, color=color, label=contender, alpha=0.7, markersize=size)
        for height, (above, below) in enumerate(pairwise(rows)):
            if above.case.suite != below.case.suite:
                axes.axhline(height + 0.5, color="black", linewidth=0.6)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_yticks(range(len(rows)), names, fontsize=8)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(alpha=0.3)
        axes.set_xlabel("← faster than autodiff  |  time as a multiple of autodiff's  |  slower →")
        figure.legend(loc="outside upper center", ncols=6, fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None})
