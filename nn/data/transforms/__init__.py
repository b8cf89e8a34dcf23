"""Transforms of whole batches, for `DataLoader(transform=)`.

A transform is called as `transform(inputs, rng)` with inputs (n, ...), and returns new inputs as a
float32 array (`Resize`, `CenterCrop` and `ColorJitter` keep uint8); what it is given
 stays as it is. Those that change where things are, or cover parts,
take images (n, channels, height, width) and draw something else for every image. `rng` is by
default nn's own generator. A function of one's own, `f(inputs, rng)`, will do as well.

>>> import numpy as np
>>> import nn.data
>>> rng = np.random.default_rng(0)
>>> images = rng.integers(256, size=(100, 1, 28, 28), dtype=np.uint8)
>>> transform = Compose(Distort(shift=2, degrees=10), Standardize.fit(images, per="all"))
>>> transform(images, rng).shape
(100, 1, 28, 28)
>>> loader = nn.data.DataLoader((images, np.arange(100)), transform=transform, rng=rng)
"""

from nn.data.transforms.basic import Compose, Reshape, Transform
from nn.data.transforms.colours import ColorJitter
from nn.data.transforms.distortion import (
    Distort,
    ElasticDeformation,
    RandomRotation,
    RandomShift,
)
from nn.data.transforms.regions import RandomCrop, RandomErasing, RandomFlip
from nn.data.transforms.scaling import Standardize, ToUnit
from nn.data.transforms.sizes import CenterCrop, Resize

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Distort",
    "ElasticDeformation",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomShift",
    "Reshape",
    "Resize",
    "Standardize",
    "ToUnit",
    "Transform",
]
