"""Transforms that take parts of images as they are: flipping, cropping, covering."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nn.data.transforms.basic import as_images
from nn.errors import DataError
from nn.random import as_generator


@dataclass(frozen=True)
class RandomFlip:
    """Mirrors every image with probability `p`: left and right, or with `vertical` up and down.

    >>> RandomFlip(p=1.0)(np.arange(3).reshape(1, 1, 1, 3))
    array([[[[2., 1., 0.]]]], dtype=float32)
    """

    p: float = 0.5
    vertical: bool = False

    def __post_init__(self) -> None:
        _check_probability(self.p, "RandomFlip")

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        images = as_images(inputs, self)
        chosen = as_generator(rng, "RandomFlip").random(len(images)) < self.p
        mirrored = images[:, :, ::-1] if self.vertical else images[..., ::-1]
        return np.where(chosen[:, None, None, None], mirrored, images)


@dataclass(frozen=True)
class RandomCrop:
    """Pads images on all sides by `padding` pixels of value `fill`, and cuts out a random part.

    size: (height, width) of the part, by default the size that the images came with.

    >>> images = np.arange(6).reshape(1, 1, 2, 3)
    >>> RandomCrop(1)(images, np.random.default_rng(3))
    array([[[[0., 3., 4.],
             [0., 0., 0.]]]], dtype=float32)
    """

    padding: int = 4
    size: tuple[int, int] | None = None
    fill: float = 0.0

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        images = as_images(inputs, self)
        rng = as_generator(rng, "RandomCrop")
        p, size = self.padding, images.shape[2:] if self.size is None else self.size
        padded = np.pad(images, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=self.fill)
        if size[0] > padded.shape[2] or size[1] > padded.shape[3]:
            raise DataError(
                f"{self}: images of shape {images.shape[2:]} are too small; give more padding"
            )
        parts = sliding_window_view(padded, size, axis=(2, 3))  # (n, c, tops, lefts, *size)
        top = rng.integers(parts.shape[2], size=len(images))
        left = rng.integers(parts.shape[3], size=len(images))
        return parts[np.arange(len(images)), :, top, left]


@dataclass(frozen=True)
class RandomErasing:
    """Covers a random rectangle of every image with `fill`, with probability `p`.

    area: the smallest and the largest share of the image that is covered.
    aspect: the most elongated rectangle, as the longer side over the shorter one.

    Source: Z. Zhong et al., Random Erasing Data Augmentation, 2020.

    >>> covered = RandomErasing(p=1.0)(np.ones((100, 1, 28, 28)), np.random.default_rng(0))
    >>> share = (covered == 0).mean(axis=(1, 2, 3))
    >>> share.min().round(2), share.max().round(2)
    (np.float64(0.02), np.float64(0.35))
    """

    p: float = 0.5
    area: tuple[float, float] = (0.02, 0.33)
    aspect: float = 10 / 3
    fill: float = 0.0

    def __post_init__(self) -> None:
        _check_probability(self.p, "RandomErasing")
        if not (0 <= self.area[0] <= self.area[1] <= 1 and self.aspect >= 1):
            raise ValueError(
                f"RandomErasing: area is {self.area} and aspect {self.aspect}; give shares between "
                "0 and 1, the smaller one first, and an aspect of at least 1"
            )

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        images = as_images(inputs, self)
        rng = as_generator(rng, "RandomErasing")
        n, _, height, width = images.shape
        chosen = rng.random(n) < self.p
        area = rng.uniform(*self.area, n) * height * width
        aspect = np.exp(rng.uniform(-1, 1, n) * math.log(self.aspect))
        rows = _interval(np.sqrt(area * aspect), height, rng)  # (n, height)
        columns = _interval(np.sqrt(area / aspect), width, rng)  # (n, width)
        covered = (rows & chosen[:, None])[:, None, :, None] & columns[:, None, None, :]
        return np.where(covered, np.float32(self.fill), images)


def _interval(lengths: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """For each of n lengths, which of `size` pixels are in an interval at a random place."""
    lengths = np.clip(np.rint(lengths), 1, size)
    start = np.floor(rng.random(len(lengths)) * (size - lengths + 1))
    pixels = np.arange(size)
    return (pixels >= start[:, None]) & (pixels < (start + lengths)[:, None])


def _check_probability(p: float, caller: str) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{caller}: the probability p is {p}; give one from 0 to 1")
