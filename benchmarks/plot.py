"""The plot of the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.cases import US
from benchmarks.contenders import CONTENDERS
from benchmarks.results import Results

__all__ = ["draw"]

MARKERS = "osD^v<>PX*hd"


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
        for index, (contender, marker) in enumerate(zip(CONTENDERS, MARKERS, strict=True)):
            if contender == US:
                continue
            points = [
                (1 / row.ratio(contender).median, height)
                for height, row in enumerate(rows)
                if contender in row.rounds
            ]
            if points:
                xs, ys = zip(*points, strict=True)
                color = f"C{index % 10}"
                axes.plot(xs, ys, marker, color=color, label=contender, alpha=0.8, markersize=5)
        axes.set_xscale("log")
        axes.set_yticks(range(len(rows)), names, fontsize=8)
        axes.invert_yaxis()
        axes.grid(alpha=0.3)
        axes.set_xlabel("time as a multiple of autodiff's; left of 1 is faster than autodiff")
        figure.legend(loc="outside upper center", ncols=6, fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None})
