"""Pictures of data and predictions. Needs matplotlib; the learning curves are a History's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from nn.training.curves import GREY, Plot, learning_curves

__all__ = ["Plot", "learning_curves", "predictions"]

WRONG = "#d55e00"  # the vermilion of Okabe and Ito's palette


def predictions(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    *,
    columns: int = 10,
    rows: int = 3,
) -> Plot:
    """Test images with what was predicted: the first ones, then the wrong ones, marked.

    images: (n, height, width), or (n, height, width, colours) in [0, 1]. labels: (n,) class
    indices. probabilities: (n, classes). Either block has up to rows * columns images; of the wrong
    ones, those that the model was surest of.
    """
    names = list(classes)
    predicted: list[int] = probabilities.argmax(axis=1).tolist()
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")]
    blocks = [(f"the first {{}} of {len(labels):,} test images", np.arange(len(labels)))]
    if len(wrong):
        some = "the {}" if len(wrong) <= rows * columns else f"{{}} of the {len(wrong):,}"
        blocks.append((f"{some} wrong ones, the surest first", surest))
    blocks = [(title, chosen[: rows * columns]) for title, chosen in blocks]
    heights = [-(-len(chosen) // columns) for _, chosen in blocks]

    figure = Plot(figsize=(columns * 1.0, sum(heights) * 1.35 + 0.9), dpi=110, layout="constrained")
    parts = figure.subfigures(len(blocks), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (title, chosen), height in zip(parts, blocks, heights, strict=True):
        part.suptitle(title.format(len(chosen)), fontsize=11, x=0.01, ha="left")
        panels = part.subplots(height, columns, squeeze=False).ravel()
        for axes in panels[len(chosen) :]:
            axes.set_axis_off()
        for axes, index in zip(panels, chosen.tolist(), strict=False):
            _draw(
                axes,
                images[index],
                names[predicted[index]],
                names[int(labels[index])],
                float(confidence[index]),
            )
    return figure


def _draw(axes: Axes, image: np.ndarray, predicted: str, true: str, confidence: float) -> None:
    """One image with its prediction; a wrong one has a coloured frame and says what is true."""
    wrong = predicted != true
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(color=WRONG if wrong else "#cccccc", linewidth=2.5 if wrong else 0.8)
    said = f"{predicted}, not {true}" if wrong else predicted
    axes.set_title(said, fontsize=10, color=WRONG if wrong else "black", pad=3)
    axes.set_xlabel(f"{confidence:.0%}".replace("%", " %"), fontsize=7, color=GREY, labelpad=2)
