"""Transforms of colours."""

from dataclasses import dataclass

import numpy as np

from nn.errors import DataError
from nn.random import as_generator

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)[:, None, None]


@dataclass(frozen=True)
class ColorJitter:
    """Changes the colours of every image by amounts drawn for it.

    brightness, contrast, saturation: each is multiplied by a factor from max(0, 1 - x) to 1 + x.
    hue: turned by a share of the colour circle from -hue to hue, at most 0.5.

    Takes images (n, channels, height, width) with 1 or 3 channels: floats from 0 to 1, or uint8
    from 0 to 255, which stay uint8. What is done comes in the order above. Grey images have
    brightness and contrast only.

    >>> image = np.full((1, 3, 1, 1), 0.5, np.float32)
    >>> ColorJitter(brightness=0.2)(image, np.random.default_rng(0)).round(3).ravel()
    array([0.527, 0.527, 0.527], dtype=float32)
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        if min(self.brightness, self.contrast, self.saturation) < 0 or not 0 <= self.hue <= 0.5:
            raise ValueError(f"{self}: give no negative amounts, and a hue of at most 0.5")

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        inputs = np.asarray(inputs)
        if inputs.ndim != 4 or inputs.shape[1] not in (1, 3):
            raise DataError(
                f"{self}: inputs of shape {inputs.shape} are no images (n, channels, height, "
                "width) with 1 or 3 channels"
            )
        rng = as_generator(rng, "ColorJitter")
        whole = inputs.dtype == np.uint8
        images = inputs.astype(np.float32) / np.float32(255 if whole else 1)
        amounts = (self.brightness, self.contrast, self.saturation)
        factors = [rng.uniform(max(0, 1 - x), 1 + x, (len(images), 1, 1, 1)) for x in amounts]
        turns = rng.uniform(-self.hue, self.hue, (len(images), 1, 1))
        brighter, contrast, saturation = (factor.astype(np.float32) for factor in factors)
        if self.brightness:
            images = np.clip(images * brighter, 0, 1)
        if self.contrast:
            mean = _grey(images).mean(axis=(1, 2, 3), keepdims=True)
            images = np.clip(mean + contrast * (images - mean), 0, 1)
        if self.saturation:
            grey = _grey(images)
            images = np.clip(grey + saturation * (images - grey), 0, 1)
        if self.hue and images.shape[1] == 3:
            images = _turned(images, turns.astype(np.float32))
        return np.rint(images * 255).astype(np.uint8) if whole else images


def _grey(images: np.ndarray) -> np.ndarray:
    """The brightness (n, 1, h, w)."""
    return images if images.shape[1] == 1 else (images * _LUMINANCE).sum(axis=1, keepdims=True)


def _turned(images: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Images (n, 3, h, w) whose hues are turned by shares (n, 1, 1) of the circle, through HSV."""
    red, green, blue = images.swapaxes(0, 1)
    value = images.max(axis=1)
    spread = value - images.min(axis=1)
    safe = np.where(spread > 0, spread, 1)
    hue = np.select(  # in sixths of the circle
        [value == red, value == green],
        [(green - blue) / safe, 2 + (blue - red) / safe],
        4 + (red - green) / safe,
    )
    hue = hue + 6 * turns
    result = np.empty_like(images)
    for channel, place in enumerate((5, 3, 1)):
        k = (place + hue) % 6
        result[:, channel] = value - spread * np.clip(np.minimum(k, 4 - k), 0, 1)
    return result
