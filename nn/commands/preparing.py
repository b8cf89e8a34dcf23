"""From the images of a data set to what a network is given: augmentation, scaling, shape."""

from __future__ import annotations

from typing import Literal

import numpy as np

from nn.data import DataLoader, Dataset
from nn.data.transforms import (
    Compose,
    Distort,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    Reshape,
    Standardize,
    ToUnit,
    Transform,
)
from nn.training.evaluation import EVALUATION_BATCH

ImageShape = tuple[int, int, int]  # channels, height, width

AUGMENTATIONS = {
    "shift": "moved by up to 7 % of the height",
    "rotate": "turned by up to 12 degrees",
    "zoom": "made up to 10 % larger or smaller",
    "elastic": "bent",
    "flip": "mirrored, left and right",
    "erase": "partly covered",
}
SCALES = {
    "unit": "0 to 1",
    "raw": "0 to 255",
    "standard": "mean 0 and deviation 1 over all pixels",
    "channel": "mean 0 and deviation 1 in each colour",
    "pixel": "mean 0 and deviation 1 in each pixel that varies enough",
}
_LEAST_DEVIATION = 0.5  # of a pixel, as a share of the typical one
_PER: dict[str, Literal["all", "channel", "pixel"]] = {
    "standard": "all",
    "channel": "channel",
    "pixel": "pixel",
}


def image_shape(data: Dataset) -> ImageShape:
    """(channels, height, width) of the images of a data set.

    >>> import nn.data
    >>> image_shape(nn.data.digits())
    (1, 8, 8)
    """
    assert data.image_shape is not None, "image data sets have one"
    *channels, height, width = data.image_shape
    return (channels[0] if channels else 1), height, width


def fit_scaling(kind: str, data: Dataset) -> Standardize:
    """The scaling of that name in `SCALES`, of pixels from 0 to 1.

    data: the images that are trained on, and no others: a mean that knows the test images would
        make the measurement on them dishonest.

    >>> data = Dataset(np.array([[0, 255]], np.uint8), [0], image_shape=(1, 2))
    >>> fit_scaling("standard", data).state_dict()
    {'mean': array([[[0.5]]], dtype=float32), 'std': array([[[0.5]]], dtype=float32)}

    No pixel is divided by less than half of the typical (root mean square) deviation.
    """
    if kind == "unit":
        return Standardize(0.0, 1.0)
    if kind == "raw":
        return Standardize(0.0, 1 / 255)
    images = data.inputs.reshape(len(data), *image_shape(data))
    fitted = Standardize.fit(images, per=_PER[kind])
    full = _full(data)
    # All pixels have one unit, so what nearly never changes is no reason to blow it up: an image
    # that is moved, or a new one, would have huge values there, which drown the others.
    least = _LEAST_DEVIATION * np.sqrt(np.mean(np.square(fitted.std)))
    return Standardize(fitted.mean / full, np.maximum(fitted.std, least) / full)


def pixels(data: Dataset) -> Compose:
    """The transform from inputs of `data` to float32 images (n, c, h, w) from 0 to 1."""
    to_unit = [ToUnit(255)] if _full(data) == 255 else []
    return Compose(*to_unit, Reshape(*image_shape(data)))


def network_input(scaling: Standardize, model: str) -> Compose:
    """The transform from images from 0 to 1 to the inputs of a network of that kind."""
    changes = scaling.mean.any() or (scaling.std != 1).any()
    flat = [Reshape(-1)] if model == "mlp" else []
    return Compose(*([scaling] if changes else []), *flat)


def prepared(data: Dataset, scaling: Standardize, model: str) -> DataLoader:
    """The images of `data` in order, in batches as a network of that kind takes them."""
    transform = Compose(pixels(data), network_input(scaling, model))
    return DataLoader(data, EVALUATION_BATCH, transform=transform)


def augmentation(names: tuple[str, ...], shape: ImageShape) -> list[Transform]:
    """Transforms of images from 0 to 1, as strong for large images as for small ones.

    >>> augmentation(("flip", "rotate", "shift"), (1, 28, 28))
    [Distort(degrees=12, shift=2), RandomFlip(p=0.5, vertical=False)]
    """
    channels, height, _ = shape
    # Drawings have an empty background; no colour is usual at the edge of a photograph.
    fill = 0.0 if channels == 1 else 0.5
    strength = {
        "shift": {"shift": round(0.07 * height)},
        "rotate": {"degrees": 12.0},
        "zoom": {"zoom": 0.1},
        # Simard's 34 and 4 for 28 pixels; displacements go with alpha / sigma
        "elastic": {"alpha": 34 * (height / 28) ** 2, "sigma": 4 * height / 28},
    }
    distortions = {k: v for name in names for k, v in strength.get(name, {}).items()}
    transforms: list[Transform] = []
    if distortions.keys() == {"shift"}:  # by whole pixels, as Distort does, but faster
        transforms.append(RandomCrop(distortions["shift"], fill=fill))
    elif distortions:  # all of them at once, which reads and blurs an image once
        transforms.append(Distort(**distortions, fill=fill))
    if "flip" in names:
        transforms.append(RandomFlip())
    if "erase" in names:
        transforms.append(RandomErasing(fill=fill))
    return transforms


def _full(data: Dataset) -> float:
    """The value of a white pixel."""
    return 255.0 if data.inputs.dtype == np.uint8 else 1.0
