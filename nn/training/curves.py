"""Learning curves: a History as a picture. Needs matplotlib."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from nn.training.files import write_atomically
from nn.training.history import History, direction_of, show

# Colours that people with any colour vision tell apart (Okabe and Ito, 2008).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
TRAIN, VALIDATION = PALETTE[:2]
GREY = "#666666"
DRAWING_COLOURS = 10_000  # lines and text have fewer, mixtures at their edges included


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
        """For notebooks, which keep it: a drawing becomes less than half as large by a palette."""
        from PIL import Image  # which matplotlib needs too

        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        picture = Image.open(buffer).convert("RGB")
        if picture.getcolors(DRAWING_COLOURS) is None:  # photographs would suffer
            return buffer.getvalue()
        smaller = io.BytesIO()
        picture.quantize(256, dither=Image.Dither.NONE).save(smaller, "png", optimize=True)
        return smaller.getvalue()


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


def comparison(
    histories: Mapping[str, History], metrics: Sequence[str] = (), *, title: str = ""
) -> Plot:
    """A panel for each metric, with a line for each run, by its name.

    metrics: by default all that every run measured. A line shows what the run reached on its
    validation data, or, where it had none, in training.

    Raises ValueError if there is no run, or one that lacks epochs or a metric.
    """
    for name, history in histories.items():
        if not history.epochs:
            raise ValueError(f"comparison: run {name!r} has no epochs yet; train first")
    if not histories:
        raise ValueError("comparison: there are no runs; give a History for each name")
    first, *others = histories.values()
    common = [name for name in first.metrics if all(name in other.metrics for other in others)]
    for metric in metrics:
        if metric not in common:
            raise ValueError(
                f"comparison: not every run has the metric {metric!r}; all have {', '.join(common)}"
            )
    metrics = metrics or common
    figure = Plot(figsize=(5 * len(metrics), 3.8), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        values = []
        for index, (name, history) in enumerate(histories.items()):
            epochs = [epoch.epoch for epoch in history]
            values += (line := [epoch.value(metric) for epoch in history])
            colour = PALETTE[index % len(PALETTE)]
            style = ("-", "--", ":", "-.")[index // len(PALETTE) % 4]  # when colours run out
            axes.plot(epochs, line, style, color=colour, marker=_marker(line), ms=4, label=name)
        validated = all(history.epochs[0].validation for history in histories.values())
        _dress(axes, metric, values, f"validation {metric}" if validated else metric)
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
            axes.plot(
                *zip(*points, strict=True), color=colour, marker=_marker(points), ms=4, label=name
            )
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
    _dress(axes, metric, [value for _, value in train + validation], metric)


def _marker(points: Sequence[object]) -> str:
    """Dots on the points of a line, unless there are so many that they run together."""
    return "o" if len(points) <= 30 else ""


def _dress(axes: Axes, metric: str, values: Sequence[float], label: str) -> None:
    """Scales, names and a legend for `axes` with the `values` of a metric against the epoch."""
    axes.set_xlabel("epoch")
    axes.set_ylabel(label.replace("_", " "))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if metric.endswith("accuracy"):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif direction_of(metric) == "min" and all(value > 0 for value in values):
        axes.set_yscale("log")
        wide = max(values, default=1) > 1e4 * min(values, default=1)
        axes.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if values:
        axes.legend(frameon=False)
