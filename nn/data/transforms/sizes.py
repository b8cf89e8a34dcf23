"""Transforms to another size: scaling, and cutting out the middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nn.errors import DataError
from nn.extras import needs


@dataclass(frozen=True)
class Resize:
    """Scales images by bilinear interpolation; what gets smaller is averaged over all its pixels.

    size: what the smaller edge becomes, the other one in proportion; or (height, width).

    Takes images (n, channels, height, width), or one, (channels, height, width), from 0 to 255 as
    uint8 or of any range as floats, and keeps their dtype. Needs Pillow.

    >>> Resize(32)(np.zeros((5, 3, 48, 64), np.uint8)).shape
    (5, 3, 32, 42)
    >>> Resize((8, 6))(np.zeros((3, 48, 64), np.float32)).shape
    (3, 8, 6)
    """

    size: int | tuple[int, int]
    random = False

    def __post_init__(self) -> None:
        _check_size(self.size, "Resize")

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        images = _checked(inputs, self)
        height, width = self.target(images.shape[-2], images.shape[-1])
        shape = height, width
        if shape == images.shape[-2:]:
            return images.copy()
        with needs("pillow", "resizing images"):
            from PIL import Image
        exact = images if images.dtype == np.uint8 else images.astype(np.float32)
        planes = exact.reshape(-1, *images.shape[-2:])
        scaled = [
            np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))
            for plane in planes
        ]
        dtype = images.dtype if images.dtype.kind == "f" else exact.dtype
        return np.array(scaled, dtype).reshape(*images.shape[:-2], *shape)

    def target(self, height: int, width: int) -> tuple[int, int]:
        """The size of an image of that size afterwards."""
        if not isinstance(self.size, int):
            return self.size
        if height <= width:
            return self.size, max(1, int(self.size * width / height))
        return max(1, int(self.size * height / width)), self.size


@dataclass(frozen=True)
class CenterCrop:
    """Cuts out the middle of images (..., height, width); what is too small gets a border of 0.

    size: of a square, or (height, width).

    >>> CenterCrop(2)(np.arange(16).reshape(1, 1, 4, 4))
    array([[[[ 5,  6],
             [ 9, 10]]]])
    """

    size: int | tuple[int, int]
    random = False

    def __post_init__(self) -> None:
        _check_size(self.size, "CenterCrop")

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        images = _checked(inputs, self)
        wanted = (self.size, self.size) if isinstance(self.size, int) else self.size
        missing = [
            max(0, want - have) for want, have in zip(wanted, images.shape[-2:], strict=True)
        ]
        if any(missing):
            border = [(m // 2, m - m // 2) for m in missing]
            images = np.pad(images, [(0, 0)] * (images.ndim - 2) + border)
        top, left = (
            round((have - want) / 2) for want, have in zip(wanted, images.shape[-2:], strict=True)
        )
        return images[..., top : top + wanted[0], left : left + wanted[1]].copy()


def _check_size(size: int | tuple[int, int], caller: str) -> None:
    sizes = (size,) if isinstance(size, int | np.integer) else size
    good = isinstance(sizes, tuple | list) and len(sizes) in (1, 2)
    if not good or not all(isinstance(s, int | np.integer) and s >= 1 for s in sizes):
        raise ValueError(
            f"{caller}: size is {size!r}; give a number of pixels of at least 1, or (height, width)"
        )


def _checked(inputs: np.ndarray, caller: object) -> np.ndarray:
    images = np.asarray(inputs)
    if images.ndim not in (3, 4) or not images.size:
        raise DataError(
            f"{caller}: inputs of shape {images.shape} are no images; give (n, channels, height, "
            "width), or (channels, height, width)"
        )
    return images
