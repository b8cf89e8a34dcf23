"""Pictures of data and predictions. Needs matplotlib; the learning curves are a History's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from nn.training.curves import GREY, PALETTE, Plot, comparison, learning_curves
from nn.training.fonts import drawable

__all__ = ["Plot", "comparison", "decision_regions", "learning_curves", "predictions", "samples"]

WRONG = PALETTE[1]


def predictions(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    *,
    columns: int = 10,
    rows: int = 3,
    rng: np.random.Generator | None = None,
) -> Plot:
    """Test images with what was predicted: some of all, then the wrong ones, marked.

    images: (n, height, width), or (n, height, width, colours) in [0, 1]. labels: (n,) class
    indices. probabilities: (n, classes). Either block has up to rows * columns images: of all, the
    first ones, or some that `rng` draws; of the wrong ones, those that the model was surest of.
    """
    names, family = drawable(classes)
    predicted: list[int] = probabilities.argmax(axis=1).tolist()
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")]
    order = np.arange(len(labels)) if rng is None else rng.permutation(len(labels))
    which = "the first {}" if rng is None else "{}"
    blocks = [(f"{which} of {len(labels):,} test images", order)]
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
                family,
            )
    return figure


def _draw(
    axes: Axes,
    image: np.ndarray,
    predicted: str,
    true: str,
    confidence: float,
    family: list[str],
) -> None:
    """One image with its prediction; a wrong one has a coloured frame and says what is true."""
    wrong = predicted != true
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(color=WRONG if wrong else "#cccccc", linewidth=2.5 if wrong else 0.8)
    said = f"{predicted}, not {true}" if wrong else predicted
    fits = len(said) <= 12  # above an image
    if not fits:
        said = said.replace(", not ", ",\nnot ")
    colour = WRONG if wrong else "black"
    axes.set_title(said, fontsize=10 if fits else 8.5, color=colour, fontfamily=family, pad=3)
    axes.set_xlabel(f"{confidence:.0%}".replace("%", " %"), fontsize=7, color=GREY, labelpad=2)


def samples(
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    per_class: int = 10,
    rng: np.random.Generator | None = None,
) -> Plot:
    """A row of sample images for each class, with its name; a short class leaves places empty.

    images: (n, channels, height, width) with 1 or 3 channels, or (n, height, width); uint8 from 0
    to 255, or floats from 0 to 1. labels: (n,) class indices. rng: draws which images are shown;
    by default the first ones are.

    Raises ValueError for images of other shapes.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    pixels = images[:, None] if images.ndim == 3 else images
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or len(pixels) != len(labels):
        raise ValueError(
            f"samples: images have shape {images.shape} and there are {len(labels)} labels; give "
            "n labels and images (n, channels, height, width) with 1 or 3 channels"
        )
    channels, height, width = pixels.shape[1:]
    gap, white = max(1, width // 16), 255 if pixels.dtype == np.uint8 else 1
    sheet = np.ones((len(classes), per_class, height + gap, width + gap, channels))
    for index in range(len(classes)):
        members = np.flatnonzero(labels == index)
        members = members if rng is None else rng.permutation(members)
        shown = np.moveaxis(pixels[members[:per_class]], 1, -1)
        sheet[index, : len(shown), :height, :width] = shown / white
    sheet = sheet.swapaxes(1, 2).reshape(len(classes) * (height + gap), -1, channels)
    sheet = sheet[:-gap, :-gap]

    # A whole number of pixels for each of an image: it looks sharp, and makes a small file.
    names, family = drawable(classes)
    zoom, dpi, margin = max(1, round(56 / width)), 90, 10 + 7 * max(map(len, names))
    tall, wide = zoom * sheet.shape[0], zoom * sheet.shape[1]
    figure = Plot(figsize=((wide + margin) / dpi, tall / dpi), dpi=dpi)
    axes = figure.add_axes((margin / (wide + margin), 0, wide / (wide + margin), 1))
    colours = np.squeeze(sheet, -1) if channels == 1 else sheet
    axes.imshow(colours, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    middles = np.arange(len(classes)) * (height + gap) + (height - 1) / 2
    axes.set_yticks(middles, names, fontfamily=family)
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    return figure


def decision_regions(
    points: np.ndarray,
    labels: np.ndarray,
    models: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    *,
    columns: int = 4,
) -> Plot:
    """The truth, then what each model makes of the plane, and of the points.

    points: (n, 2). labels: n class indices. models: a title, and a function that turns points
    (m, 2) into what the model thinks of them: the probability of class 1, (m,) or (m, 1), or the
    probabilities of all classes, (m, classes). The plane is coloured by them, more strongly where
    the model is surer, with a line where its answer changes. A point has the colour of the model's
    answer; where this is wrong, it is ringed.

    Raises ValueError for points that do not lie in a plane.
    """
    points, labels = np.asarray(points), np.asarray(labels).astype(int).ravel()
    if points.ndim != 2 or points.shape[1] != 2 or len(points) != len(labels):
        raise ValueError(
            f"decision_regions: points have shape {points.shape} and there are {len(labels)} "
            "labels; give points (n, 2) and n labels"
        )
    columns = min(columns, len(models) + 1)
    rows = -(-(len(models) + 1) // columns)
    figure = Plot(figsize=(2.6 * columns, 2.8 * rows), dpi=85, layout="constrained")
    truth, *panels = figure.subplots(rows, columns, squeeze=False).ravel()
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.06 * (high - low), 0.5)
    low, high = low - margin, high + margin
    x, y = np.meshgrid(*np.linspace(low, high, 151).T)
    grid = np.stack([x.ravel(), y.ravel()], axis=1).astype(points.dtype)
    for axes in (truth, *panels):
        axes.set(xticks=[], yticks=[], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for axes in panels[len(models) :]:
        axes.set_axis_off()
    truth.set_title("truth", fontsize=10)
    _scatter(truth, points, labels)
    for axes, (title, model) in zip(panels, models.items(), strict=False):
        axes.set_title(title, fontsize=10)
        _colour_plane(axes, x, y, _shares(model, grid))
        _scatter(axes, points, answered := _shares(model, points).argmax(axis=1))
        wrong = points[answered != labels]
        axes.plot(*wrong.T, "o", ms=11, mfc="none", mec="black", mew=1.2)
    return figure


def _shares(model: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """The probabilities (n, classes) that a model gives; a single one is that of class 1."""
    shares = np.clip(np.asarray(model(points)).reshape(len(points), -1), 0, 1)
    return np.hstack([1 - shares, shares]) if shares.shape[1] == 1 else shares


def _colour_plane(axes: Axes, x: np.ndarray, y: np.ndarray, shares: np.ndarray) -> None:
    """Colours, and lines where the answer changes, from the shares at the points of a grid."""
    axes.imshow(
        _tints(shares).reshape(*x.shape, 3),
        extent=(x.min(), x.max(), y.min(), y.max()),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    for answer in range(1, shares.shape[1]):
        ahead = shares[:, answer] - np.delete(shares, answer, axis=1).max(axis=1)
        if ahead.min() < 0 < ahead.max():
            axes.contour(x, y, ahead.reshape(x.shape), [0], colors=GREY, linewidths=1)


def _tints(shares: np.ndarray) -> np.ndarray:
    """The colours (n, 3) of answers; white where all classes are equally likely."""
    classes = shares.shape[1]
    sure = (shares.max(axis=1, keepdims=True) - 1 / classes) / (1 - 1 / classes)
    sure = np.round(8 * sure) / 8  # a few levels, which the eye can tell apart
    return 1 - 0.5 * sure * (1 - _colours(classes)[shares.argmax(axis=1)])


def _colours(classes: int) -> np.ndarray:
    """The colours (classes, 3) of classes; after the last of the palette it starts again."""
    return np.array([to_rgb(PALETTE[index % len(PALETTE)]) for index in range(classes)])


def _scatter(axes: Axes, points: np.ndarray, labels: np.ndarray) -> None:
    """Points in the colours of their classes."""
    colours = _colours(int(labels.max(initial=0)) + 1)[labels]
    axes.scatter(*points.T, s=28, c=colours, edgecolors="white", linewidths=0.6, zorder=2)
