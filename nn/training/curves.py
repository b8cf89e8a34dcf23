"""Learning curves: a History as a picture. Needs matplotlib."""

from __future__ import annotations

import io
import os
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from nn.training.files import write_atomically
from nn.training.history import History, direction_of, show

# Blue and orange that people with any colour vision tell apart (Okabe and Ito, 2008).
TRAIN, VALIDATION = "#0072b2", "#d55e00"
GREY = "#666666"


class Plot(Figure):
    """A matplotlib Figure that a notebook shows, and that is saved whole or not at all."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture; the ending of `path` says how: .svg, .png, .pdf.

        Raises SaveError if that cannot be done.
        """
        # names instead of random ids, and no date: the same picture is the same file
        with matplotlib.rc_context({"svg.hashsalt": "autodiff"}):
            kind = Path(path).suffix.lstrip(".") or "svg"
            buffer = io.BytesIO()
            metadata = {"Date": None} if kind == "svg" else None
            self.savefig(buffer, format=kind, metadata=metadata)
        write_atomically(path, buffer.getvalue())

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def learning_curves(history: History, *, title: str = "") -> Plot:
    """A panel for each metric: its training and its validation values against the epoch.

    The best epoch of the validation is marked.
    """
    metrics = history.metrics or ("loss",)
    figure = Plot(figsize=(5 * len(metrics), 3.8), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        draw_metric(axes, history, metric)
    if title:
        figure.suptitle(title)
    return figure


def draw_metric(axes: Axes, history: History, metric: str) -> None:
    """Draw one metric into `axes`."""
    train = [(epoch.epoch, epoch.train[metric]) for epoch in history]
    validation = [(epoch.epoch, epoch.validation[metric]) for epoch in history if epoch.validation]
    for name, colour, points in (
        ("training", TRAIN, train),
        ("validation", VALIDATION, validation),
    ):
        if points:
            marker = "o" if len(points) <= 30 else ""
            axes.plot(*zip(*points, strict=True), color=colour, marker=marker, ms=4, label=name)
    if validation:
        best = history.best(metric)
        axes.plot(
            best.epoch,
            best.value(metric),
            "o",
            ms=11,
            mfc="none",
            mec=VALIDATION,
            label=f"best: {show(metric, best.value(metric)).removeprefix(metric).strip()}",
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel(metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if metric == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif direction_of(metric) == "min" and all(value > 0 for _, value in train + validation):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if train:
        axes.legend(frameon=False)
